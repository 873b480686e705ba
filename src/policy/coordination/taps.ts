import type { Rate } from "../rate.ts";
import { type Entry, lapsed, unspent } from "./entry.ts";
import type { GroupRules } from "./groups.ts";
import { COORDINATION, type GroupReport } from "./protocol.ts";

/** Of a group with a rate limit: when its bucket will be full again if nobody takes any more (epoch ms). What survives a restart. */
export interface RateRow {
  group: string;
  fullAt: number;
  /** When nobody can spend any more what was given so far (epoch ms). */
  heldUntil: number;
}

/** Stored so far ahead, so that not every token costs a row. */
const AHEAD_MS = 5_000;
/** Tokens are good for as long as the grant that they came with. */
const HELD_MS = COORDINATION.grantLeaseMs + COORDINATION.slackMs;
/** A holder that waits for tokens asks no more often. */
const ASK_MS = 100;

/** A group's bucket here; the tokens that holders have and have not spent belong to it, too. */
interface Tap {
  rate: Rate;
  level: number;
  at: number;
  storedFullAt: number;
  heldUntil: number;
  /** Holders that wait for the next token. */
  waiting: Set<string>;
  throttles: number;
}

/**
 * The token buckets of groups. Tokens are leased to holders, and one that is out counts as still in its bucket until its
 * holder has said that it is spent, or cannot spend it any more. So what is spent anywhere never exceeds one bucket of
 * the whole mill, through crashes of either side; what a crash takes with it is lost.
 */
export class Taps {
  readonly #taps = new Map<string, Tap>();
  readonly #stored: Map<string, RateRow>;
  #rows: RateRow[] = [];

  /** @param stored what a life before has written */
  constructor(stored: readonly RateRow[]) {
    this.#stored = new Map(stored.map((row) => [row.group, row]));
  }

  /** Another set of limits, at once: a bucket that stays keeps its tokens, as far as its new burst holds them. */
  configure(rules: ReadonlyMap<string, GroupRules>, entries: readonly Entry[], now: number): void {
    for (const group of this.#taps.keys()) if (rules.get(group)?.rate === undefined) this.#taps.delete(group);
    for (const [group, { rate }] of rules) {
      if (rate === undefined) continue;
      const tap = this.#taps.get(group);
      if (tap !== undefined) {
        this.#refill(group, tap, entries, now);
        tap.rate = rate;
        tap.level = Math.min(tap.level, rate.burst);
      } else {
        const { fullAt, heldUntil } = this.#stored.get(group) ?? { fullAt: 0, heldUntil: 0 };
        this.#taps.set(group, {
          rate,
          level: Math.min(rate.burst, rate.burst - (fullAt - now) / msPerToken(rate)),
          at: now,
          storedFullAt: fullAt,
          heldUntil,
          waiting: new Set(),
          throttles: 0,
        });
      }
    }
  }

  has(group: string): boolean {
    return this.#taps.has(group);
  }

  /** What a holder says of its tokens; what it gives back is there for others. Answers with the groups of which it gave any. */
  report(entry: Entry, groups: ReadonlyMap<string, GroupReport>, entries: readonly Entry[], now: number): string[] {
    const refunded: string[] = [];
    for (const [group, { tokens }] of groups) {
      if (tokens === undefined) continue;
      const tap = this.#taps.get(group);
      // Whose last token was spent a while ago, it has counted as spent from then on.
      if (tap !== undefined) this.#refill(group, tap, entries, Math.max(tap.at, now - (tokens.dryMs ?? 0)));
      const known = entry.tokens.get(group);
      const isFirst = known === undefined;
      const back = isFirst ? 0 : Math.max(0, tokens.returned - known.returned);
      entry.tokens.set(group, {
        granted: Math.max(tokens.granted, known?.granted ?? 0),
        spent: Math.max(tokens.spent, known?.spent ?? 0),
        returned: Math.max(tokens.returned, known?.returned ?? 0),
      });
      if (tap !== undefined) this.#refill(group, tap, entries, now);
      if (tap === undefined || back === 0) continue;
      tap.level = Math.min(tap.level + back, tap.rate.burst);
      refunded.push(group);
    }
    return refunded;
  }

  /**
   * Gives a holder tokens for what it wants and can start, its part among those who want any.
   *
   * @returns when the next token is there, in ms, for each group that it wants more of
   */
  give(entry: Entry, entries: readonly Entry[], now: number): Map<string, number> {
    const opens = new Map<string, number>();
    for (const [group, slots] of entry.granted.perGroup ?? []) {
      const tap = this.#taps.get(group);
      const wanted = demand(entry, group);
      if (wanted === 0) tap?.waiting.delete(entry.domain);
      if (tap === undefined || wanted === 0) continue;
      this.#refill(group, tap, entries, now);
      const using = entry.groups.get(group)?.using ?? 0;
      const free = Math.min(entry.granted.slots - entry.using, slots - using);
      // A run takes many; without a free slot, one for each that may come free.
      const useful = (free > 0 ? wanted : Math.min(wanted, entry.granted.slots, slots)) - unspent(entry, group);
      const waiting = entries.filter((other) => other === entry || (!lapsed(other, now) && demand(other, group) > 0)).length;
      const count = Math.max(0, Math.min(useful, Math.ceil(Math.floor(tap.level) / waiting)));
      const had = entry.tokens.get(group) ?? { granted: 0, spent: 0, returned: 0 };
      tap.level -= count;
      entry.tokens.set(group, { ...had, granted: had.granted + count });
      if (count > 0 || useful <= 0) tap.waiting.delete(entry.domain);
      if (count < useful && !tap.waiting.has(entry.domain)) {
        tap.waiting.add(entry.domain);
        tap.throttles += 1;
      }
      if (count < useful) opens.set(group, Math.max(ASK_MS, Math.ceil((1 - tap.level) * msPerToken(tap.rate))));
      this.#save(group, tap, now, count > 0);
    }
    return opens;
  }

  /** Tokens that could be given now. */
  available(group: string, entries: readonly Entry[], now: number): number {
    const tap = this.#taps.get(group);
    if (tap === undefined) return 0;
    this.#refill(group, tap, entries, now);
    return Math.max(0, Math.floor(tap.level));
  }

  /** How often a holder had to wait for the next token of each group, since this life began or the group has a limit. */
  throttles(): Record<string, number> {
    return Object.fromEntries([...this.#taps].map(([group, tap]) => [group, tap.throttles]));
  }

  /** The rows to write before anything is answered. */
  takeRows(): RateRow[] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  #refill(group: string, tap: Tap, entries: readonly Entry[], now: number): void {
    const { rate, at } = tap;
    let out = 0;
    let most = rate.burst;
    for (const entry of entries) {
      out += unspent(entry, group);
      // It may have had as many as there are, and spent them at the last moment.
      if (entry.blindUntil >= 0) most = Math.min(most, Math.max(0, now - tap.heldUntil) / msPerToken(rate));
    }
    // What is out fills the bucket, too: it does not run over.
    tap.level = Math.min(tap.level + Math.max(0, now - at) / msPerToken(rate), most, rate.burst - Math.min(out, rate.burst));
    tap.at = Math.max(at, now);
  }

  #save(group: string, tap: Tap, now: number, isGiven: boolean): void {
    const fullAt = now + (tap.rate.burst - tap.level) * msPerToken(tap.rate);
    const heldUntil = isGiven ? now + HELD_MS : 0;
    if (fullAt <= tap.storedFullAt && heldUntil <= tap.heldUntil) return;
    if (fullAt > tap.storedFullAt) tap.storedFullAt = Math.ceil(fullAt + AHEAD_MS);
    if (heldUntil > tap.heldUntil) tap.heldUntil = heldUntil + AHEAD_MS;
    const row = { group, fullAt: tap.storedFullAt, heldUntil: tap.heldUntil };
    this.#stored.set(group, row);
    this.#rows.push(row);
  }
}

const msPerToken = ({ permits, perMs }: Rate) => perMs / permits;
const demand = (entry: Entry, group: string) => entry.wanting.reduce((total, each) => total + (each.group === group ? each.count : 0), 0);
