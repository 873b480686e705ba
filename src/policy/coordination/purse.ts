import type { Claim } from "./allocate.ts";
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
  claims: ReadonlyMap<Entry, Claim>,
  unmet: ReadonlySet<Entry>,
): Settled {
  const reserved = sum(entries.filter((entry) => entry.incarnation === null).map(purse.counted));
  if (unmet.size === 0) keepIdle(purse, goals, Math.max(0, purse.cap - reserved));
  const safe = withinFree(purse, entries, goals, claims);
  if (sum(entries.map(purse.counted)) > purse.cap) holdBack(purse, entries, safe, claims);
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
  claims: ReadonlyMap<Entry, Claim>,
): Map<Entry, number> {
  let free = Math.max(0, purse.cap - sum(entries.map(purse.counted)));
  const safe = new Map<Entry, number>();
  const raises = new Map<number, Map<Entry, Filler>>();
  for (const [entry, goal] of goals) {
    const have = purse.counted(entry);
    safe.set(entry, Math.min(goal, have));
    if (goal <= have) continue;
    const claim = claims.get(entry);
    const priority = urgencyOf(claim);
    const oldestMs = Math.max(0, ...(claim?.wanting ?? []).map((demand) => demand.oldestMs));
    const level = raises.get(priority) ?? new Map<Entry, Filler>();
    const filler = { domain: entry.domain, have, most: goal, using: purse.using(entry), starvedMs: claim?.starvedMs ?? 0, oldestMs };
    raises.set(priority, level.set(entry, filler));
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
function holdBack(purse: Purse, entries: readonly Entry[], safe: Map<Entry, number>, claims: ReadonlyMap<Entry, Claim>): void {
  let held = sum(entries.map((entry) => Math.max(purse.counted(entry), safe.get(entry) ?? 0)));
  const order = [...safe.keys()].sort((a, b) => urgencyOf(claims.get(b)) - urgencyOf(claims.get(a)));
  for (const entry of order) {
    const goal = safe.get(entry) ?? 0;
    const others = held - Math.max(purse.counted(entry), goal);
    const room = Math.min(goal, Math.max(0, purse.cap - others));
    safe.set(entry, room);
    held = others + Math.max(purse.counted(entry), room);
  }
}

const urgencyOf = (claim: Claim | undefined) => Math.min(256, ...(claim?.wanting ?? []).map((demand) => demand.priority));
