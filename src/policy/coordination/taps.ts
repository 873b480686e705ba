import type { Rate } from "../rate.ts";
import { type Entry, lapsed, unspent } from "./entry.ts";
import type { GroupRules } from "./groups.ts";
import { COORDINATION, type SyncRequest } from "./protocol.ts";

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
  /** Domains that may have spent tokens of a life before, and did not yet say when; none of them did after `unheardUntil`. */
  readonly unheard: Set<string>;
  unheardUntil: number;
  /** When the last of those tokens was spent, by what was heard. */
  spentBy: number;
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
          unheard: new Set(entries.filter(({ blindUntil }) => blindUntil >= 0).map(({ domain }) => domain)),
          unheardUntil: heldUntil,
          spentBy: Number.NEGATIVE_INFINITY,
          waiting: new Set(),
          throttles: 0,
        });
      }
    }
  }

  get size(): number {
    return this.#taps.size;
  }

  has(group: string): boolean {
    return this.#taps.has(group);
  }

  /** What a holder says of its tokens; what it gives back is there for others. Answers with the groups of which it gave any. */
  report(entry: Entry, { groups, aliveMs = 0 }: Pick<SyncRequest, "groups" | "aliveMs">, entries: readonly Entry[], now: number): string[] {
    const refunded: string[] = [];
    for (const [group, { tokens }] of groups ?? []) {
      if (tokens === undefined) continue;
      const tap = this.#taps.get(group);
      // What was spent has counted as spent from the last of it on.
      if (tap !== undefined) this.#refill(group, tap, entries, Math.max(tap.at, now - (tokens.spentMs ?? 0)));
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
    // It has confirmed that it knows all that it may have; the life before it spent nothing after its birth.
    if (entry.blindUntil < 0)
      for (const [group, tap] of this.#taps) {
        if (!tap.unheard.has(entry.domain)) continue;
        const tokens = groups?.get(group)?.tokens;
        this.#refill(group, tap, entries, now);
        this.#heard(tap, entry.domain, now - (tokens === undefined || tokens.spent === 0 ? aliveMs : (tokens.spentMs ?? 0)), now);
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
      const level = this.#open(tap, entries, now);
      const count = Math.max(0, Math.min(useful, Math.ceil(Math.floor(level) / waiting)));
      const had = entry.tokens.get(group) ?? { granted: 0, spent: 0, returned: 0 };
      if (count > 0) this.#take(tap, level, count);
      entry.tokens.set(group, { ...had, granted: had.granted + count });
      if (count > 0 || useful <= 0) tap.waiting.delete(entry.domain);
      if (count < useful && !tap.waiting.has(entry.domain)) {
        tap.waiting.add(entry.domain);
        tap.throttles += 1;
      }
      if (count < useful) opens.set(group, Math.max(askMs(tap, entry), Math.ceil((1 - tap.level) * msPerToken(tap.rate))));
      this.#save(group, tap, now, count > 0);
    }
    return opens;
  }

  /** Tokens that could be given now. */
  available(group: string, entries: readonly Entry[], now: number): number {
    const tap = this.#taps.get(group);
    if (tap === undefined) return 0;
    this.#refill(group, tap, entries, now);
    return Math.max(0, Math.floor(this.#open(tap, entries, now)));
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
    for (const entry of entries) out += unspent(entry, group);
    // What is out fills the bucket, too: it does not run over.
    tap.level = Math.min(tap.level + Math.max(0, now - at) / msPerToken(rate), rate.burst - Math.min(out, rate.burst));
    tap.at = Math.max(at, now);
  }

  /** What of the level may be given: while somebody is unheard, only what has come since they can have spent the last of what was out. */
  #open(tap: Tap, entries: readonly Entry[], now: number): number {
    const blind = new Set(tap.unheard.size === 0 ? [] : entries.filter(({ blindUntil }) => blindUntil >= 0).map(({ domain }) => domain));
    for (const domain of tap.unheard) if (!blind.has(domain)) this.#heard(tap, domain, tap.unheardUntil, now);
    return tap.unheard.size === 0 ? tap.level : Math.min(tap.level, cameSince(Math.max(tap.spentBy, tap.unheardUntil), tap, now));
  }

  #take(tap: Tap, level: number, count: number): void {
    tap.level = level - count;
    // What the unheard may have spent is off it now.
    tap.unheard.clear();
  }

  /** A domain's last token of a life before was spent at `spentAt` at the latest. The level has counted them as spent when they were given. */
  #heard(tap: Tap, domain: string, spentAt: number, now: number): void {
    tap.unheard.delete(domain);
    tap.spentBy = Math.max(tap.spentBy, spentAt);
    if (tap.unheard.size === 0) tap.level = Math.min(tap.level, cameSince(tap.spentBy, tap, now));
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

/** When a holder that waits may ask again: where only others are unheard, when they were asked once more. */
const askMs = ({ unheard }: Tap, { domain }: Entry): number =>
  [...unheard].some((name) => name !== domain) ? COORDINATION.repushMs : ASK_MS;
/** What a bucket that was empty then holds. */
const cameSince = (at: number, { rate }: Tap, now: number): number => Math.max(0, now - at) / msPerToken(rate);
const msPerToken = ({ permits, perMs }: Rate) => perMs / permits;
const demand = (entry: Entry, group: string) => entry.wanting.reduce((total, each) => total + (each.group === group ? each.count : 0), 0);
