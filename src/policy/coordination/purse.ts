import type { Entry } from "./entry.ts";
import { fill, type Filler } from "./fill.ts";

export const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

/** Slots that are shared out under one cap: those of the mill, or of one group. */
export interface Purse {
  cap: number;
  counted: (entry: Entry) => number;
  granted: (entry: Entry) => number;
  using: (entry: Entry) => number;
}

/** What decides who is first where slots come free: what a holder wants of them. */
export interface Standing {
  /** The most urgent priority wanted; 256: none. */
  urgency: number;
  oldestMs: number;
  starvedMs: number;
}

const WANTS_NOTHING: Standing = { urgency: 256, oldestMs: 0, starvedMs: 0 };

export interface Settled {
  slots: Map<Entry, number>;
  /** Who wants more than that. */
  waiting: Set<Entry>;
}

/** From what each should have to what is safe to send now. `unmet`: who should have more, but there is no more. */
export function settle(
  purse: Purse,
  entries: readonly Entry[],
  goals: Map<Entry, number>,
  standings: ReadonlyMap<Entry, Standing>,
  unmet: ReadonlySet<Entry>,
): Settled {
  const reserved = sum(entries.filter((entry) => entry.incarnation === null).map(purse.counted));
  if (unmet.size === 0) keepIdle(purse, goals, Math.max(0, purse.cap - reserved));
  const safe = withinFree(purse, entries, goals, standings);
  if (sum(entries.map(purse.counted)) > purse.cap) holdBack(purse, entries, safe, standings);
  const short = [...goals.keys()].filter((entry) => (safe.get(entry) ?? 0) < (goals.get(entry) ?? 0));
  return { slots: safe, waiting: new Set([...unmet, ...short]) };
}

/** Nobody is short: what was granted beyond need stays, cut by half and in proportion when the slots are needed elsewhere. */
function keepIdle({ granted }: Purse, goals: Map<Entry, number>, budget: number): void {
  const slack = budget - sum([...goals.values()]);
  const idle = new Map<Entry, number>();
  for (const [entry, goal] of goals) {
    const kept = Math.min(granted(entry), entry.cap ?? Number.POSITIVE_INFINITY) - goal;
    if (kept > 0) idle.set(entry, kept);
  }
  const total = sum([...idle.values()]);
  for (const [entry, kept] of idle) {
    const stays = total <= slack ? kept : Math.floor((kept * slack) / total / 2);
    goals.set(entry, (goals.get(entry) ?? 0) + stays);
  }
}

/** Raises beyond what counts already share what is free, the more urgent first. */
function withinFree(
  purse: Purse,
  entries: readonly Entry[],
  goals: ReadonlyMap<Entry, number>,
  standings: ReadonlyMap<Entry, Standing>,
): Map<Entry, number> {
  let free = Math.max(0, purse.cap - sum(entries.map(purse.counted)));
  const safe = new Map<Entry, number>();
  const raises = new Map<number, Map<Entry, Filler>>();
  for (const [entry, goal] of goals) {
    const have = purse.counted(entry);
    safe.set(entry, Math.min(goal, have));
    if (goal <= have) continue;
    const { urgency, oldestMs, starvedMs } = standings.get(entry) ?? WANTS_NOTHING;
    const level = raises.get(urgency) ?? new Map<Entry, Filler>();
    const filler = { domain: entry.domain, have, most: goal, using: purse.using(entry), starvedMs, oldestMs };
    raises.set(urgency, level.set(entry, filler));
  }
  for (const priority of [...raises.keys()].sort((a, b) => a - b)) {
    const level = raises.get(priority) ?? new Map<Entry, Filler>();
    free = fill(free, [...level.values()]);
    for (const [entry, filler] of level) safe.set(entry, filler.have);
  }
  return safe;
}

/**
 * More counts than the cap allows, because it was lowered: nobody may begin a run in a slot of its own while the others
 * fill the cap. The least urgent give way first.
 */
function holdBack(purse: Purse, entries: readonly Entry[], safe: Map<Entry, number>, standings: ReadonlyMap<Entry, Standing>): void {
  let held = sum(entries.map((entry) => Math.max(purse.counted(entry), safe.get(entry) ?? 0)));
  const urgencyOf = (entry: Entry) => (standings.get(entry) ?? WANTS_NOTHING).urgency;
  const order = [...safe.keys()].sort((a, b) => urgencyOf(b) - urgencyOf(a));
  for (const entry of order) {
    const goal = safe.get(entry) ?? 0;
    const others = held - Math.max(purse.counted(entry), goal);
    const room = Math.min(goal, Math.max(0, purse.cap - others));
    safe.set(entry, room);
    held = others + Math.max(purse.counted(entry), room);
  }
}
