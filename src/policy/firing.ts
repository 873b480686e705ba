import { latestUpTo, nextAfter, type Recurrence } from "./recurrence.ts";

/** What a firing does while earlier instances of its schedule live. */
export const OVERLAPS = ["skip", "queue", "cancelOther", "allow"] as const;
export type Overlap = (typeof OVERLAPS)[number];

/** A schedule whose moment has come. */
export interface FiringPlan {
  rule: Recurrence;
  /** The planned time that is due: the first that was not decided yet. */
  plannedAt: number;
  overlap: Overlap;
  /** How far back missed planned times are made up for; 0: only the latest. */
  catchUpMs: number;
  jitterMs: number;
  /** Null: no bound. */
  runsLeft: number | null;
  /** How many planned times may be looked at in this slice. */
  limit: number;
}

/** The schedule's instances that have not ended. */
export interface LiveInstances {
  count: number;
  /** One of them waits for another. */
  isWaiting: boolean;
}

/** What a schedule does now. */
export interface Firing {
  /** The planned times that become tasks, in order; a queued one waits for the end of the instance before it. */
  fire: { plannedAt: number; isQueued: boolean }[];
  /** How many planned times the overlap policy let pass. */
  skipped: number;
  /** The live instances are cancelled first. */
  cancelsOthers: boolean;
  /** Up to here, inclusive, everything is decided, for good. */
  decidedTo: number;
  /** The next planned time, and when to look at it; null: never again. */
  next: { plannedAt: number; at: number } | null;
}

/**
 * What a due schedule does: which planned times fire, how many are skipped, whether others are cancelled, when it is
 * due again.
 *
 * The latest planned time that has come always counts; of those missed before it, the ones within the catch-up window.
 * `skip` fires when nothing lives; `queue` also when none waits yet; `cancelOther` fires the latest alone, `allow` all.
 *
 * @param now not before `plan.plannedAt`
 * @param random uniform in [0, 1), for the jitter
 */
export function decideFiring(plan: FiringPlan, live: LiveInstances, now: number, random: () => number): Firing {
  const { rule, plannedAt, overlap } = plan;
  let last = latestUpTo(rule, plannedAt, Math.max(now, plannedAt));
  let next: Firing["next"] | undefined;
  if (plan.jitterMs > 0 && last > plannedAt) {
    // Its own moment, which may be still to come, has not been drawn yet.
    const at = momentOf(rule, last, plan.jitterMs, random);
    if (at > now) {
      next = { plannedAt: last, at };
      last = latestUpTo(rule, plannedAt, last - 1);
    }
  }
  const { times, rest } = missed(plan, last, now);
  const { fire, skipped } = judge(plan, live, times, last);
  const isUsedUp = plan.runsLeft !== null && fire.length >= plan.runsLeft;
  // Only `allow` can fire any more of them now; for the others what is left has been decided by this.
  const isSliced = overlap === "allow" && rest !== null;
  if (isUsedUp) next = null;
  else if (isSliced) next = { plannedAt: rest, at: now };
  else if (next === undefined) next = nextFiring(rule, last, plan.jitterMs, random);
  return {
    fire,
    skipped,
    cancelsOthers: overlap === "cancelOther" && live.count > 0 && fire.length > 0,
    decidedTo: isSliced ? times.at(-1)! : last,
    next,
  };
}

/** The planned time after another, with its moment. */
export function nextFiring(rule: Recurrence, afterMs: number, jitterMs: number, random: () => number): Firing["next"] {
  const plannedAt = nextAfter(rule, afterMs);
  return plannedAt === null ? null : { plannedAt, at: momentOf(rule, plannedAt, jitterMs, random) };
}

/** When a planned time is looked at: at most `jitterMs` later, and before the planned time after it. */
export function momentOf(rule: Recurrence, plannedAt: number, jitterMs: number, random: () => number): number {
  if (jitterMs <= 0) return plannedAt;
  const following = nextAfter(rule, plannedAt);
  const span = following === null ? jitterMs : Math.min(jitterMs, following - plannedAt - 1);
  return plannedAt + Math.min(Math.floor(random() * (span + 1)), span);
}

/** The planned times that count, oldest first, at most `limit`; and the first of the rest. */
function missed({ rule, plannedAt, catchUpMs, limit }: FiringPlan, last: number, now: number): { times: number[]; rest: number | null } {
  const from = Math.min(now - catchUpMs, last);
  let time: number | null = plannedAt >= from ? plannedAt : nextAfter(rule, from - 1);
  if (catchUpMs === 0 || time === null) time = last;
  const times: number[] = [];
  while (time !== null && time <= last) {
    if (times.length === limit) return { times, rest: time };
    times.push(time);
    time = nextAfter(rule, time);
  }
  return { times, rest: null };
}

function judge(
  { overlap, runsLeft }: FiringPlan,
  live: LiveInstances,
  times: readonly number[],
  last: number,
): Pick<Firing, "fire" | "skipped"> {
  const room = overlap === "allow" ? times.length : roomFor(overlap, live);
  const wanted = overlap === "cancelOther" ? [last] : times.slice(0, room);
  const fire = wanted.slice(0, runsLeft ?? wanted.length);
  const others = overlap === "queue" ? live.count : 0;
  return {
    fire: fire.map((plannedAt, index) => ({ plannedAt, isQueued: overlap === "queue" && others + index > 0 })),
    skipped: Math.max(0, times.length - wanted.length),
  };
}

function roomFor(overlap: Overlap, live: LiveInstances): number {
  if (overlap === "queue") return live.count === 0 ? 2 : live.isWaiting ? 0 : 1;
  return overlap === "cancelOther" || live.count === 0 ? 1 : 0;
}
