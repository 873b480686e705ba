import { allocate, ceilingOf, fill, type Claim, type Filler } from "./allocate.ts";
import { counted, lapsed, type Entry } from "./entry.ts";

/** What one domain should be granted now. */
interface PlannedGrant {
  slots: number;
  /** Others wait. */
  short: boolean;
}

/** What every domain should be granted now, and whether anybody is left waiting. */
export interface Plan {
  grants: Map<Entry, PlannedGrant>;
  waiting: boolean;
}

/**
 * Turns the ideal shares into grants that are safe to send now: cuts at once, raises only as far as slots are free
 * of everything that still counts elsewhere. While nobody is short, unused slots stay where they are.
 */
export function plan(entries: readonly Entry[], maxConcurrency: number, now: number): Plan {
  const live = entries.filter((entry) => entry.incarnation !== null);
  const reserved = sum(entries.filter((entry) => entry.incarnation === null).map(counted));
  const budget = Math.max(0, maxConcurrency - reserved);
  const claims = new Map<Entry, Claim>(live.map((entry) => [entry, claimOf(entry, now)]));
  const shares = allocate([...claims.values()], { maxConcurrency: budget });
  const share = (entry: Entry) => shares.get(entry.domain) ?? 0;
  const unmet = new Set<Entry>();
  for (const [entry, claim] of claims) if (share(entry) < ceilingOf(claim)) unmet.add(entry);
  const goals = new Map(live.map((entry) => [entry, share(entry)]));
  if (unmet.size === 0) keepIdle(goals, budget);
  const safe = withinFree(entries, goals, claims, maxConcurrency);
  if (sum(entries.map(counted)) > maxConcurrency) holdBack(entries, safe, claims, maxConcurrency);
  const waiting = new Set([...unmet, ...live.filter((entry) => (safe.get(entry) ?? 0) < (goals.get(entry) ?? 0))]);
  const grants = new Map<Entry, PlannedGrant>();
  for (const entry of live) {
    const others = waiting.size - Number(waiting.has(entry));
    grants.set(entry, { slots: safe.get(entry) ?? 0, short: others > 0 });
  }
  return { grants, waiting: waiting.size > 0 };
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);

function claimOf(entry: Entry, now: number): Claim {
  const { domain, using, cap } = entry;
  if (lapsed(entry, now)) return { domain, using, cap, starvedMs: 0, wanting: [] };
  const sinceMs = now - (entry.syncedAt ?? now);
  const wanting = entry.wanting.map((demand) => ({ ...demand, oldestMs: demand.oldestMs + sinceMs }));
  return { domain, using, cap, starvedMs: now - (entry.emptySince ?? now), wanting };
}

/** Nobody is short: what was granted beyond need stays, cut by half and in proportion when the slots are needed elsewhere. */
function keepIdle(goals: Map<Entry, number>, budget: number): void {
  const slack = budget - sum([...goals.values()]);
  const idle = new Map<Entry, number>();
  for (const [entry, goal] of goals) {
    const kept = Math.min(entry.granted, entry.cap ?? Number.POSITIVE_INFINITY) - goal;
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
  entries: readonly Entry[],
  goals: ReadonlyMap<Entry, number>,
  claims: ReadonlyMap<Entry, Claim>,
  maxConcurrency: number,
): Map<Entry, number> {
  let free = Math.max(0, maxConcurrency - sum(entries.map(counted)));
  const safe = new Map<Entry, number>();
  const raises = new Map<number, Map<Entry, Filler>>();
  for (const [entry, goal] of goals) {
    const have = counted(entry);
    safe.set(entry, Math.min(goal, have));
    if (goal <= have) continue;
    const wanting = claims.get(entry)?.wanting ?? [];
    const priority = urgencyOf(claims.get(entry));
    const oldestMs = Math.max(0, ...wanting.map((demand) => demand.oldestMs));
    const level = raises.get(priority) ?? new Map<Entry, Filler>();
    raises.set(
      priority,
      level.set(entry, {
        domain: entry.domain,
        have,
        most: goal,
        using: entry.using,
        starvedMs: claims.get(entry)?.starvedMs ?? 0,
        oldestMs,
      }),
    );
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
function holdBack(entries: readonly Entry[], safe: Map<Entry, number>, claims: ReadonlyMap<Entry, Claim>, maxConcurrency: number): void {
  let held = sum(entries.map((entry) => Math.max(counted(entry), safe.get(entry) ?? 0)));
  const order = [...safe.keys()].sort((a, b) => urgencyOf(claims.get(b)) - urgencyOf(claims.get(a)));
  for (const entry of order) {
    const goal = safe.get(entry) ?? 0;
    const others = held - Math.max(counted(entry), goal);
    const room = Math.min(goal, Math.max(0, maxConcurrency - others));
    safe.set(entry, room);
    held = others + Math.max(counted(entry), room);
  }
}

const urgencyOf = (claim: Claim | undefined) => Math.min(256, ...(claim?.wanting ?? []).map((demand) => demand.priority));
