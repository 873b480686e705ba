/** What an execution has said of how far it is. */
export interface Report {
  fraction: number;
  message: string | null;
  bytes?: { done: number; total: number };
}

/** The latest report, when it came, and how fast bytes go, smoothed; null until that is known. */
export interface Known {
  report: Report;
  at: number;
  perSecond: number | null;
  /** What the rate was last taken from. */
  sample: { done: number; at: number } | null;
}

/** How long executions of a type take, over about the last 20: how many were counted, up to that, and their mean in ms. */
export type Typical = readonly [count: number, meanMs: number];

/** How far an execution has come, and how far it probably is. */
export interface Estimate extends Omit<Report, "bytes"> {
  bytes?: { done: number; total: number; perSecond: number | null };
  /** Where it probably is by now, 0.99 at most unless it has said more. */
  extrapolated: number;
  /** Until its end, in ms; null: nobody can tell. */
  etaMs: number | null;
}

const COUNT_MAX = 20;
/** An extrapolation never says that something is done. */
const CAP = 0.99;
/** Of the newest sample, against all before; samples closer than this are joined. */
const WEIGHT = 0.3;
const SAMPLE_MS = 10;

/** One more execution of a type, which took so long. */
export function learnDuration(known: Typical | undefined, ms: number): Typical {
  const [count, mean] = known ?? [0, 0];
  const next = Math.min(COUNT_MAX, count + 1);
  return [next, Math.round(mean + (Math.max(0, ms) - mean) / next)];
}

/** A report that comes in, after another of the same execution. */
export function takeReport(before: Known | undefined, report: Report, at: number): Known {
  const { bytes } = report;
  if (!bytes) return { report, at, perSecond: null, sample: null };
  const sample = before?.sample;
  if (!sample || bytes.done < sample.done) return { report, at, perSecond: null, sample: { done: bytes.done, at } };
  if (at - sample.at < SAMPLE_MS) return { report, at, perSecond: before.perSecond, sample };
  const rate = ((bytes.done - sample.done) / (at - sample.at)) * 1_000;
  const perSecond = before.perSecond === null ? rate : before.perSecond + WEIGHT * (rate - before.perSecond);
  return { report, at, perSecond, sample: { done: bytes.done, at } };
}

/**
 * How far an execution is. Without a report, as far as its type usually is after so long; with one, from there on at the mean
 * of the usual speed and its own. Null: nothing is known of it, nor of its type.
 *
 * @param typical of its type
 * @example `estimate(undefined, 0, 5_000, [20, 10_000]) // { fraction: 0.5, extrapolated: 0.5, etaMs: 5000, message: null }`
 */
export function estimate(known: Known | undefined, startedAt: number, now: number, typical: Typical | undefined): Estimate | null {
  const usual = typical !== undefined && typical[1] > 0 ? 1 / typical[1] : null;
  // What an earlier execution said is over with it.
  if (!known || known.at < startedAt) {
    if (usual === null) return null;
    const extrapolated = tidy(Math.min(CAP, Math.max(0, now - startedAt) * usual));
    return { fraction: extrapolated, message: null, extrapolated, etaMs: Math.round((1 - extrapolated) / usual) };
  }
  const { fraction, message, bytes } = known.report;
  const own = fraction > 0 && known.at > startedAt ? fraction / (known.at - startedAt) : null;
  const speed = usual === null || own === null ? (own ?? usual) : (usual + own) / 2;
  const since = Math.max(0, now - known.at);
  const extrapolated = Math.max(fraction, tidy(Math.min(CAP, fraction + (speed ?? 0) * since)));
  const perSecond = bytes ? rateOf(known, bytes.done, startedAt) : null;
  return {
    fraction,
    message,
    ...(bytes ? { bytes: { ...bytes, perSecond: perSecond === null ? null : Math.round(perSecond) } } : {}),
    extrapolated,
    etaMs: eta({ extrapolated, speed, since, bytes, perSecond }),
  };
}

/** From the start on, until two reports tell more. */
function rateOf({ perSecond, at }: Known, done: number, startedAt: number): number | null {
  if (perSecond !== null) return perSecond;
  return done > 0 && at > startedAt ? (done / (at - startedAt)) * 1_000 : null;
}

interface Remaining {
  extrapolated: number;
  speed: number | null;
  since: number;
  bytes: Report["bytes"];
  perSecond: number | null;
}

function eta({ extrapolated, speed, since, bytes, perSecond }: Remaining): number | null {
  const goes = bytes !== undefined && perSecond !== null && perSecond > 0;
  const left = goes ? ((bytes.total - bytes.done) / perSecond) * 1_000 - since : (1 - extrapolated) / (speed ?? 0);
  // Nobody waits for ever: it does not move, as far as is known.
  return Number.isFinite(left) ? Math.max(0, Math.round(left)) : null;
}

const tidy = (fraction: number): number => Math.round(fraction * 10_000) / 10_000;
