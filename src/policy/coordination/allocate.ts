import { fail } from "../errors.ts";
import type { Demand } from "./protocol.ts";

/** One domain's part in an allocation. */
export interface Claim {
  domain: string;
  /** Slots occupied now. They pass on to whoever waits, as their runs end, unless the domain wants more itself. */
  using: number;
  wanting: readonly Demand[];
  /** How long it has been wanting without a single slot; 0 where it has one. */
  starvedMs: number;
  /** The domain's own cap, or null. */
  cap: number | null;
}

/** What an allocation must keep. */
export interface AllocationPolicy {
  /** The global cap, in slots. */
  maxConcurrency: number;
}

/** One who may take part in a filling. */
export interface Filler {
  domain: string;
  /** Slots it has so far; `fill` raises it. */
  have: number;
  /** How far it may be raised. */
  most: number;
  using: number;
  starvedMs: number;
  /** Age of what it wants. */
  oldestMs: number;
}

/** How many slots a claim could occupy in all. */
export function ceilingOf(claim: Claim): number {
  const wanted = claim.wanting.reduce((sum, demand) => sum + demand.count, claim.using);
  return Math.min(wanted, claim.cap ?? Number.POSITIVE_INFINITY);
}

/**
 * Shares the slots out: how many each domain should hold in all. The more urgent priority is served first; among
 * equals the one that has fewest so far; where that does not divide, whoever has gone without for 5 s and more takes turns. Slots that are
 * occupied count at the most urgent priority that their domain wants, and last of all where it wants nothing: they
 * are what changes hands. Uses every slot that anybody can use, and never exceeds a cap.
 *
 * @throws `not_implemented` for a demand of a group: group caps, weights and minimums come with a later version
 */
export function allocate(claims: readonly Claim[], policy: AllocationPolicy): Map<string, number> {
  const grants = new Map<string, number>(claims.map((claim) => [claim.domain, 0]));
  let budget = policy.maxConcurrency;
  for (const level of levelsOf(claims)) {
    const fillers: Filler[] = [];
    for (const { claim, count, oldestMs } of level) {
      const have = grants.get(claim.domain) ?? 0;
      const most = Math.min(have + count, claim.cap ?? Number.POSITIVE_INFINITY);
      if (most > have) fillers.push({ domain: claim.domain, have, most, using: claim.using, starvedMs: claim.starvedMs, oldestMs });
    }
    budget = fill(budget, fillers);
    for (const filler of fillers) grants.set(filler.domain, filler.have);
    if (budget === 0) break;
  }
  return grants;
}

interface LevelClaim {
  claim: Claim;
  count: number;
  oldestMs: number;
}

/** After every priority that can be asked for. */
const LAST = 256;

/** What is claimed at each priority, the most urgent first. */
function levelsOf(claims: readonly Claim[]): LevelClaim[][] {
  const levels = new Map<number, Map<string, LevelClaim>>();
  const add = (claim: Claim, priority: number, count: number, oldestMs: number) => {
    const level = levels.get(priority) ?? new Map<string, LevelClaim>();
    levels.set(priority, level);
    const known = level.get(claim.domain);
    if (known === undefined) level.set(claim.domain, { claim, count, oldestMs });
    else {
      known.count += count;
      known.oldestMs = Math.max(known.oldestMs, oldestMs);
    }
  };
  for (const claim of claims) {
    let best = LAST;
    for (const demand of claim.wanting) {
      if (demand.group !== null) {
        throw fail("not_implemented", `Group ${JSON.stringify(demand.group)}: caps of groups come with a later version.`, {
          feature: "group",
        });
      }
      if (demand.count <= 0) continue;
      best = Math.min(best, demand.priority);
      add(claim, demand.priority, demand.count, demand.oldestMs);
    }
    if (claim.using > 0) add(claim, best, claim.using, 0);
  }
  return [...levels.keys()].sort((a, b) => a - b).map((priority) => [...(levels.get(priority)?.values() ?? [])]);
}

/**
 * Raises those who have least, together, until the budget or everybody's `most` is reached; what does not divide
 * goes one each in the order of `firstServed`. Answers with what is left.
 */
export function fill(budget: number, fillers: readonly Filler[]): number {
  let left = budget;
  let active = fillers.filter((filler) => filler.have < filler.most);
  while (left > 0 && active.length > 0) {
    const least = Math.min(...active.map((filler) => filler.have));
    const lowest = active.filter((filler) => filler.have === least);
    const above = active.filter((filler) => filler.have > least).map((filler) => filler.have);
    const step = Math.min(...lowest.map((filler) => filler.most - least), ...above.map((have) => have - least));
    const each = Math.min(step, Math.floor(left / lowest.length));
    for (const filler of lowest) filler.have += each;
    left -= each * lowest.length;
    if (each < step) {
      lowest.sort(firstServed);
      for (const filler of lowest.slice(0, left)) filler.have += 1;
      return 0;
    }
    active = active.filter((filler) => filler.have < filler.most);
  }
  return left;
}

/** How long a domain that has slots keeps them from an equal that has none. */
const TURN_MS = 5_000;

/** Among equals: who has starved longest; then no slot changes hands without need; then the older; then by name, so that the answer is always the same. */
function firstServed(a: Filler, b: Filler): number {
  const starved = Math.floor(b.starvedMs / TURN_MS) - Math.floor(a.starvedMs / TURN_MS);
  const occupied = Number(b.using > b.have) - Number(a.using > a.have);
  return starved || occupied || b.oldestMs - a.oldestMs || (a.domain < b.domain ? -1 : 1);
}
