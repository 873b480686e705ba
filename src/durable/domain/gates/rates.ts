import { ratesOf } from "../../../domains/rates.ts";
import { type Bucket, opensAt, refit, takeTokens, tokensIn } from "../../../policy/bucket.ts";
import { fail } from "../../../policy/errors.ts";
import { LIMITS } from "../../../policy/limits.ts";
import { didYouMean } from "../../../policy/names.ts";
import type { DomainFigures } from "../../../policy/figures.ts";
import type { Rate } from "../../../policy/rate.ts";
import type { DomainSnapshot } from "../../protocol.ts";
import type { Core } from "../core.ts";
import { countThrottled } from "./held.ts";
import { kindOf, layOut } from "../run/ready.ts";

/** The reason for which the lanes of a type without tokens are set aside. */
const HELD = "rate";
/** A token that comes sooner is waited for by a timer, which costs no row; the alarm only makes sure. */
const TIMER_MAX_MS = 10_000;

/**
 * The rate limits of the domain's types. What is left in each bucket stands in the state row, which every start of a run
 * writes anyway: a crash loses no token and brings none. A type without one has its lanes set aside until the next comes.
 */
export class Rates {
  private readonly core: Core;
  private readonly code: ReadonlyMap<string, Rate>;
  private limits = new Map<string, Rate>();
  /** Types set aside, each with the moment of its next token. */
  private readonly dry = new Map<string, number>();
  /** Those of them whose tasks are known to wait for it. */
  private readonly waiting = new Set<string>();
  private timerAt = Infinity;

  constructor(core: Core) {
    this.core = core;
    this.code = core.definition ? ratesOf(core.definition) : new Map();
  }

  /** Whether a type has a limit, and so lanes of its own. */
  has(type: string): boolean {
    return this.limits.has(type);
  }

  /** How many of a type's tasks may start; infinite where it has no limit. */
  tokens(type: string): number {
    const rate = this.limits.get(type);
    return rate === undefined ? Infinity : tokensIn(this.bucketOf(type), rate, this.core.clock.now());
  }

  /** Whether one may start. One that may not has its type set aside. */
  admits(type: string): boolean {
    if (this.limits.size === 0 || this.tokens(type) > 0) return true;
    this.hold(type);
    return false;
  }

  /** So many start, as the caller has seen that they may; part of a transaction. A negative count: they did not start after all. */
  take(type: string, count = 1): void {
    const rate = this.limits.get(type);
    if (rate === undefined) return;
    this.core.touch().buckets[type] = takeTokens(this.bucketOf(type), rate, count, this.core.clock.now());
    this.hold(type);
  }

  /** When a type that has no token has one again; null: it has one, or no limit. */
  opensAt(type: string): number | null {
    const rate = this.limits.get(type);
    const now = this.core.clock.now();
    return rate === undefined || this.tokens(type) > 0 ? null : opensAt(this.bucketOf(type), rate, now);
  }

  /** What holds now, from the code and the state row. Asked before lanes are laid out anew, which forgets what is set aside. */
  load(): void {
    this.limits = new Map(this.code);
    for (const [type, rate] of Object.entries(this.core.state.rates)) {
      if (rate === null) this.limits.delete(type);
      else if (this.core.definition?.types.has(type)) this.limits.set(type, rate);
    }
    this.dry.clear();
    for (const type of this.waiting) if (!this.limits.has(type)) this.waiting.delete(type);
    this.timerAt = Infinity;
  }

  /** Sets aside what has no token, once the lanes are there. */
  holdAll(): void {
    for (const type of this.limits.keys()) this.hold(type);
  }

  /** Time has passed: types with a token are ready again. */
  refresh(now: number): void {
    for (const [type, at] of this.dry) if (at <= now) this.hold(type);
  }

  /** At the end of a transaction that may have taken tokens: `later` is called when one comes that somebody waits for. */
  watch(now: number, later: () => void): void {
    this.count();
    const at = this.nextAt();
    if (at === null) return;
    if (at - now <= TIMER_MAX_MS && !this.hasTimer(now, at)) {
      this.timerAt = at;
      this.core.after(() => void this.core.clock.after(Math.max(1, at - now), later));
    }
    this.core.alarm.soon("rate", this.alarmAt(now) ?? Infinity);
  }

  /** When the alarm has to ring for it, or null. */
  alarmAt(now: number): number | null {
    const at = this.nextAt();
    return at !== null && this.hasTimer(now, at) ? now + LIMITS.deadManMs : at;
  }

  /**
   * Changes limits for good; part of a transaction. What is in a bucket stays, as far as its new burst holds it.
   *
   * @throws `unknown_type`, before anything has changed
   */
  set(change: Readonly<Record<string, Rate | null>>): void {
    const { core } = this;
    for (const type of Object.keys(change)) if (!Object.hasOwn(core.state.rates, type)) this.mustHave(type);
    const now = core.clock.now();
    const { rates, buckets } = core.touch();
    const before = this.limits;
    for (const [type, rate] of Object.entries(change)) {
      const had = before.get(type);
      if (rate !== null && had !== undefined) buckets[type] = refit(this.bucketOf(type), had, rate, now);
      else delete buckets[type];
      if (rate === null && !this.code.has(type)) delete rates[type];
      else rates[type] = rate;
    }
    this.load();
    const isSame = before.size === this.limits.size && [...before.keys()].every((type) => this.limits.has(type));
    // Types come into lanes of their own, or out of them.
    if (!isSame) layOut(core);
    else for (const type of before.keys()) this.hold(type);
  }

  /** What the coordinator is told. */
  figures(): Pick<DomainFigures, "rates"> {
    if (this.limits.size === 0) return {};
    const { buckets } = this.core.state;
    return {
      rates: Object.fromEntries(
        [...this.limits].map(([type, rate]) => [type, { ...rate, ...(buckets[type] ? { bucket: buckets[type] } : {}) }]),
      ),
    };
  }

  view(): DomainSnapshot["rates"] {
    return Object.fromEntries([...this.limits].map(([type, rate]) => [type, { ...rate, available: this.tokens(type) }]));
  }

  /** Counts the types of which something waits for a token now and did not before. */
  private count(): void {
    for (const type of this.dry.keys()) {
      if (this.waiting.has(type) || this.core.lanes.sizeOfKind(kindOf(this.core, type)) === 0) continue;
      this.waiting.add(type);
      countThrottled(this.core, type);
    }
  }

  /** Sets a type aside, or lets it go, as it is now. */
  private hold(type: string): void {
    const { lanes } = this.core;
    const at = this.opensAt(type);
    if (at === null) {
      this.dry.delete(type);
      this.waiting.delete(type);
      lanes.releaseKind(kindOf(this.core, type), HELD);
    } else {
      this.dry.set(type, at);
      lanes.holdKind(kindOf(this.core, type), HELD);
    }
  }

  /** When the next token comes that anybody waits for, or null. */
  private nextAt(): number | null {
    let next = Infinity;
    for (const [type, at] of this.dry) if (at < next && this.core.lanes.sizeOfKind(kindOf(this.core, type)) > 0) next = at;
    return next === Infinity ? null : next;
  }

  /** A timer stands that rings by then; one of the past has rung. */
  private hasTimer(now: number, at: number): boolean {
    return this.timerAt > now && this.timerAt <= at;
  }

  private bucketOf(type: string): Bucket | undefined {
    return this.core.state.buckets[type];
  }

  private mustHave(type: string): void {
    const { definition, name } = this.core;
    if (definition?.types.has(type)) return;
    const meant = didYouMean(type, [...(definition?.types.keys() ?? [])]);
    const message = `${name} has no type ${JSON.stringify(type)}${meant === undefined ? "" : `; did you mean "${meant}"?`}`;
    throw fail("unknown_type", message, { domain: name, type, ...(meant === undefined ? {} : { didYouMean: meant }) });
  }
}
