import type { AgingPolicy } from "../aging.ts";
import { own } from "../own.ts";

/** Since when something is paused, and until when at most; epoch ms. */
export interface Pause {
  since: number;
  /** It ends by itself then. */
  until?: number;
}

/** What one pressure source said last. */
export interface Pressure {
  /** 0 to 1. */
  value: number;
  /** Epoch ms; it means nothing after this. */
  until: number;
}

/**
 * What the coordinator tells every domain, as one record: it travels whole, on sync answers and by pushes, and a higher
 * version replaces a lower one. Durable on both sides.
 */
export interface Flags {
  /** Grows with every change; 0: nobody ever said anything. */
  version: number;
  /** When it was changed, epoch ms: the totals are counted up to here. */
  at: number;
  paused: Pause | null;
  groups: Record<string, Pause>;
  /** How long the mill was paused in all, and each group while the mill was not; ms. */
  pausedMs: { mill: number; groups: Record<string, number> };
  /** Set live; absent: as the code says. Null: off. */
  aging?: AgingPolicy | null;
  pressure: Record<string, Pressure>;
  /** Somebody listens to the whole mill: domains send their events from `since` on, until then. Epoch ms. */
  listening?: { since: number; until: number };
}

/** What holds before anybody said anything. */
export const NO_FLAGS: Flags = { version: 0, at: 0, paused: null, groups: {}, pausedMs: { mill: 0, groups: {} }, pressure: {} };

/** So many groups may be paused at once, and so many that are not have their paused time remembered. */
export const PAUSED_GROUPS_MAX = 1_000;

/** Whether a pause holds at `now` (ms). */
export const isPaused = (pause: Pause | null | undefined, now: number): boolean =>
  pause !== null && pause !== undefined && (pause.until === undefined || now < pause.until);

/** How much of the time from `from` to `to` (ms) a pause takes up, less what a wider one takes up of it. */
export function pausedWithin(pause: Pause | null | undefined, from: number, to: number, wider?: Pause | null): number {
  if (!pause) return 0;
  const start = Math.max(from, pause.since);
  const end = Math.min(to, pause.until ?? to);
  return end <= start ? 0 : end - start - pausedWithin(wider, start, end);
}

/** How long the mill, and a group while the mill was not, have been paused in all up to `now`; ms. */
export function pausedMsOf(flags: Flags, group: string | null, now: number): number {
  const { at, paused, groups, pausedMs } = flags;
  const mill = pausedMs.mill + pausedWithin(paused, at, now);
  return group === null ? mill : mill + (own(pausedMs.groups, group) ?? 0) + pausedWithin(own(groups, group), at, now, paused);
}

/** When the next pause ends by itself, or null. */
export function nextEnd({ paused, groups }: Flags, now: number): number | null {
  let next = Infinity;
  for (const pause of [paused, ...Object.values(groups)])
    if (pause?.until !== undefined && pause.until > now) next = Math.min(next, pause.until);
  return next === Infinity ? null : next;
}

/** The composite pressure at `now` (ms): the highest of the sources that still mean something; 0 without any. */
export const pressureAt = ({ pressure }: Flags, now: number): number =>
  Object.values(pressure).reduce((most, { value, until }) => (until > now ? Math.max(most, value) : most), 0);

/**
 * The record after a change, with the time of the pauses so far added up and what is over left out.
 *
 * @param change what is to hold from `now` (ms) on; a group that is null is not paused any more
 */
export function changeFlags(flags: Flags, now: number, change: FlagsChange): Flags {
  const at = Math.max(now, flags.at);
  const groups: Flags["groups"] = {};
  const totals = { ...flags.pausedMs.groups };
  for (const [name, pause] of Object.entries(flags.groups)) {
    totals[name] = (own(totals, name) ?? 0) + pausedWithin(pause, flags.at, at, flags.paused);
    if (isPaused(pause, at)) groups[name] = pause;
  }
  for (const [name, pause] of Object.entries(change.groups ?? {})) {
    if (pause === null) delete groups[name];
    else groups[name] = again(own(groups, name), pause);
  }
  const standing = isPaused(flags.paused, at) ? flags.paused : null;
  const wanted = change.paused;
  const pressure = { ...flags.pressure, ...change.pressure };
  for (const [name, { until }] of Object.entries(pressure)) if (until <= at) delete pressure[name];
  const listening = change.listening ?? flags.listening;
  const aging = change.aging === undefined ? flags.aging : change.aging;
  return {
    // Higher than that of a record which was lost with the coordinator's storage.
    version: Math.max(flags.version + 1, at),
    at,
    paused: wanted === undefined ? standing : wanted && again(standing, wanted),
    groups,
    pausedMs: { mill: flags.pausedMs.mill + pausedWithin(flags.paused, flags.at, at), groups: remembered(totals, groups) },
    ...(aging === undefined ? {} : { aging }),
    pressure,
    ...(listening === undefined ? {} : { listening }),
  };
}

/** Of very many groups that were ever paused those with the least paused time are forgotten: of their tasks that part counts as age. */
function remembered(totals: Flags["pausedMs"]["groups"], paused: Flags["groups"]): Flags["pausedMs"]["groups"] {
  const names = Object.keys(totals);
  if (names.length <= PAUSED_GROUPS_MAX) return totals;
  const over = names.filter((name) => own(paused, name) === undefined).sort((one, other) => totals[other]! - totals[one]!);
  for (const name of over.slice(PAUSED_GROUPS_MAX)) delete totals[name];
  return totals;
}

/** A pause of the mill or of a group that has begun or ended. */
export interface PauseNews {
  event: "mill.paused" | "mill.resumed" | "group.paused" | "group.resumed";
  group?: string;
  /** When it ends by itself, RFC 3339. */
  until?: string;
}

/** What of the pauses is different between two records at `now` (ms). */
export function pauseNews(before: Flags, after: Flags, now: number): PauseNews[] {
  const news: PauseNews[] = [];
  const until = (pause: Pause | null | undefined): { until?: string } =>
    pause?.until === undefined ? {} : { until: new Date(pause.until).toISOString() };
  const [was, is] = [isPaused(before.paused, now), isPaused(after.paused, now)];
  if (was !== is) news.push(is ? { event: "mill.paused", ...until(after.paused) } : { event: "mill.resumed" });
  for (const group of new Set([...Object.keys(before.groups), ...Object.keys(after.groups)])) {
    const [one, other] = [own(before.groups, group), own(after.groups, group)];
    if (isPaused(one, now) === isPaused(other, now) && one?.until === other?.until) continue;
    if (isPaused(other, now)) news.push({ event: "group.paused", group, ...until(other) });
    else if (isPaused(one, now)) news.push({ event: "group.resumed", group });
  }
  return news;
}

/** What is to change; absent: stays. */
export interface FlagsChange {
  paused?: Pause | null;
  groups?: Record<string, Pause | null>;
  aging?: AgingPolicy | null;
  pressure?: Record<string, Pressure>;
  listening?: NonNullable<Flags["listening"]>;
}

/** A pause of what is paused goes on, until the newer end. */
const again = (standing: Pause | null | undefined, pause: Pause): Pause => ({ ...pause, since: standing?.since ?? pause.since });
