import { type Heaped, Heap } from "../heap.ts";
import { firstServed } from "./fill.ts";
import { UNGROUPED } from "./groups.ts";
import type { Demand } from "./protocol.ts";
import { shareOut } from "./shares.ts";

/** One domain's part in an allocation. */
export interface Claim {
  domain: string;
  /** Slots occupied now. They pass on to whoever waits, as their runs end, unless the domain wants more itself. */
  using: number;
  /** How many of them each group occupies; the rest is ungrouped. */
  usingBy?: ReadonlyMap<string, number>;
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
  /** Slots that a group may occupy in all; absent: no group has a cap. */
  capOf?: (group: string) => number;
  /** Weights (1 where a group has none) and minimums; absent: priority alone decides. Ungrouped work is the group `""`. */
  fair?: { weightOf: (group: string) => number; minOf: (group: string) => number };
  /** Work of this priority or a more urgent one ignores weights; null: none does. */
  urgentAt?: number | null;
}

/** What one domain should hold. */
export interface Share {
  /** In all. */
  slots: number;
  /** By group, ungrouped work under `""`. */
  groups: ReadonlyMap<string, number>;
  /** It could use more by every cap, and there is none left. */
  isShort: boolean;
}

/** How many slots a claim could occupy in all, if no group had a cap. */
export function ceilingOf(claim: Claim): number {
  const wanted = claim.wanting.reduce((sum, demand) => sum + demand.count, claim.using);
  return Math.min(wanted, claim.cap ?? Number.POSITIVE_INFINITY);
}

/**
 * Shares the slots out: how many each domain should hold, in all and by group.
 *
 * Without weights the more urgent priority is served first; among equals the domain that has fewest so far; where that
 * does not divide, whoever has gone without for 5 s and more takes turns. With any weight or minimum: the minimums first, then what is urgent,
 * then what is left by weight, each group's most urgent work first. Slots that are occupied count at the most urgent
 * priority that their domain wants in their group, and last of all where it wants nothing: they are what changes hands.
 * Leaves no slot that anybody could take, and never exceeds a cap.
 */
export function allocate(claims: readonly Claim[], policy: AllocationPolicy): Map<string, Share> {
  const table = new Table(claims, policy);
  const { fair } = policy;
  if (fair === undefined) table.byPriority(LAST);
  else {
    for (const pool of table.pools) table.upTo(pool, fair.minOf(pool.name));
    table.byPriority(policy.urgentAt ?? -1);
    table.byWeight(fair.weightOf);
  }
  return table.shares();
}

interface Party {
  claim: Claim;
  have: number;
  most: number;
  groups: Map<string, number>;
}

interface Pool {
  name: string;
  have: number;
  most: number;
  levels: Offer[][];
}

/** What one domain could use in one group at one priority. */
interface Offer {
  party: Party;
  pool: Pool;
  priority: number;
  left: number;
  /** Slots that the domain's runs of the group occupy. */
  using: number;
  oldestMs: number;
}

/** A group that takes its slots by weight: whoever has least for its weight takes the next. */
interface Taker extends Heaped {
  pool: Pool;
  index: number;
  weight: number;
  taken: number;
}

/** After every priority that can be asked for. */
const LAST = 256;

function takesFirst(one: Taker, other: Taker): boolean {
  const [height, than] = [(one.taken + 1) / one.weight, (other.taken + 1) / other.weight];
  return height < than || (height === than && one.index < other.index);
}
const isOpen = (offer: Offer) => offer.left > 0 && offer.pool.have < offer.pool.most && offer.party.have < offer.party.most;
const byAge = (a: Offer, b: Offer) => b.oldestMs - a.oldestMs || (a.pool.name < b.pool.name ? -1 : 1);
const standing = ({ party: { claim, groups }, pool, using, oldestMs }: Offer) => ({
  domain: claim.domain,
  have: groups.get(pool.name) ?? 0,
  using,
  starvedMs: claim.starvedMs,
  oldestMs,
});

/** An allocation in the making. */
class Table {
  readonly pools: Pool[];
  readonly #parties: Party[];
  readonly #offers: Offer[] = [];
  #budget: number;

  constructor(claims: readonly Claim[], policy: AllocationPolicy) {
    this.#budget = policy.maxConcurrency;
    const pools = new Map<string, Pool>();
    const poolOf = (name: string): Pool => {
      const most = name === UNGROUPED ? Number.POSITIVE_INFINITY : (policy.capOf?.(name) ?? Number.POSITIVE_INFINITY);
      const pool = pools.get(name) ?? { name, have: 0, most, levels: [] };
      pools.set(name, pool);
      return pool;
    };
    this.#parties = claims.map((claim) => ({ claim, have: 0, most: claim.cap ?? Number.POSITIVE_INFINITY, groups: new Map() }));
    for (const party of this.#parties) this.#offers.push(...offersOf(party, poolOf));
    this.pools = [...pools.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const byPool = new Map<Pool, Offer[]>(this.pools.map((pool) => [pool, []]));
    for (const offer of this.#offers) byPool.get(offer.pool)?.push(offer);
    for (const [pool, offers] of byPool) pool.levels = levelsOf(offers);
  }

  /** The more urgent first, down to `last`. */
  byPriority(last: number): void {
    for (const level of levelsOf(this.#offers)) {
      if (this.#budget === 0 || (level[0]?.priority ?? LAST) > last) return;
      this.#serve(level);
    }
  }

  /** A group's most urgent work, until it has `slots`. */
  upTo(pool: Pool, slots: number): void {
    while (pool.have < slots && this.#one(pool));
  }

  /** What is left, by weight; each group's most urgent work first. Slot by slot, so that groups in one full domain share it by weight, too. */
  byWeight(weightOf: (group: string) => number): void {
    const weights = this.pools.map((pool) => ({ name: pool.name, weight: weightOf(pool.name), most: roomOf(pool) }));
    const quotas = shareOut(this.#budget, weights);
    const takers = this.pools.map((pool, index): Taker => ({ pool, index, weight: weights[index]!.weight, taken: 0, places: [-1] }));
    const round = (mayTake: (taker: Taker) => boolean) => {
      const active = new Heap<Taker>(0, takesFirst);
      for (const taker of takers) if (mayTake(taker)) active.put(taker);
      for (let next = active.top; next && this.#budget > 0; next = active.top) {
        const has = this.#one(next.pool);
        if (has) next.taken += 1;
        if (has && mayTake(next)) active.put(next);
        else active.delete(next);
      }
      for (const taker of takers) active.delete(taker);
    };
    round(({ pool, taken }) => taken < (quotas.get(pool.name) ?? 0));
    // What a group could not use after all, because its domains are full, goes to the others.
    round(() => true);
  }

  shares(): Map<string, Share> {
    const short = new Set(this.#budget === 0 ? this.#offers.filter(isOpen).map((offer) => offer.party) : []);
    return new Map(
      this.#parties.map((party) => [party.claim.domain, { slots: party.have, groups: party.groups, isShort: short.has(party) }]),
    );
  }

  /** One slot for the most urgent work of a group; false: nobody can take it. */
  #one(pool: Pool): boolean {
    if (this.#budget === 0) return false;
    for (const level of pool.levels) {
      let best: Offer | undefined;
      for (const offer of level) if (isOpen(offer) && (best === undefined || comesFirst(offer, best))) best = offer;
      if (best === undefined) continue;
      this.#give(best, 1);
      return true;
    }
    return false;
  }

  /** Slots for one priority: the domain that has fewest first, its oldest group first. */
  #serve(level: readonly Offer[]): void {
    const lines = new Map<Party, Offer[]>();
    for (const offer of level) {
      const line = lines.get(offer.party);
      if (line === undefined) lines.set(offer.party, [offer]);
      else line.push(offer);
    }
    // The oldest at the end, where it is taken from.
    for (const line of lines.values()) line.sort((a, b) => byAge(b, a));
    const heads = () => {
      const open: Offer[] = [];
      for (const line of lines.values()) {
        for (let head = line.at(-1); head !== undefined && !isOpen(head); head = line.at(-1)) line.pop();
        const head = line.at(-1);
        if (head !== undefined) open.push(head);
      }
      return open;
    };
    for (let open = heads(); this.#budget > 0 && open.length > 0; open = heads()) {
      let best = open[0] as Offer;
      for (const offer of open) if (comesFirst(offer, best)) best = offer;
      // As many as it may have before it is somebody else's turn.
      let gap = Number.POSITIVE_INFINITY;
      for (const offer of open) if (offer !== best) gap = Math.min(gap, offer.party.have - best.party.have);
      this.#give(best, Math.max(1, gap));
    }
  }

  #give(offer: Offer, wish: number): void {
    const { party, pool } = offer;
    const count = Math.min(wish, offer.left, this.#budget, party.most - party.have, pool.most - pool.have);
    offer.left -= count;
    party.have += count;
    pool.have += count;
    party.groups.set(pool.name, (party.groups.get(pool.name) ?? 0) + count);
    this.#budget -= count;
  }
}

const comesFirst = (a: Offer, b: Offer) => a !== b && (a.party.have - b.party.have || firstServed(standing(a), standing(b))) < 0;

/** How many slots a group can still use. */
function roomOf(pool: Pool): number {
  const wants = new Map<Party, number>();
  for (const { party, left } of pool.levels.flat()) wants.set(party, (wants.get(party) ?? 0) + left);
  let room = 0;
  for (const [party, want] of wants) room += Math.min(want, party.most - party.have);
  return Math.min(room, pool.most - pool.have);
}

function offersOf(party: Party, poolOf: (name: string) => Pool): Offer[] {
  const { using: total, usingBy = new Map<string, number>(), wanting } = party.claim;
  const ungrouped = [...usingBy.values()].reduce((left, count) => left - count, total);
  const using = new Map([...usingBy, [UNGROUPED, ungrouped]]);
  const offers = new Map<string, Map<number, Offer>>();
  const add = (group: string, priority: number, count: number, oldestMs: number) => {
    const levels = offers.get(group) ?? new Map<number, Offer>();
    offers.set(group, levels);
    const known = levels.get(priority);
    if (known === undefined)
      levels.set(priority, { party, pool: poolOf(group), priority, left: count, using: using.get(group) ?? 0, oldestMs });
    else {
      known.left += count;
      known.oldestMs = Math.max(known.oldestMs, oldestMs);
    }
  };
  for (const { group, priority, count, oldestMs } of wanting) if (count > 0) add(group ?? UNGROUPED, priority, count, oldestMs);
  for (const [group, count] of using) if (count > 0) add(group, Math.min(LAST, ...(offers.get(group)?.keys() ?? [])), count, 0);
  return [...offers.values()].flatMap((levels) => [...levels.values()]);
}

/** Offers by priority, the most urgent first. */
function levelsOf(offers: readonly Offer[]): Offer[][] {
  const levels = new Map<number, Offer[]>();
  for (const offer of offers) {
    const level = levels.get(offer.priority);
    if (level === undefined) levels.set(offer.priority, [offer]);
    else level.push(offer);
  }
  return [...levels.keys()].sort((a, b) => a - b).map((priority) => levels.get(priority) ?? []);
}
