import { DurableObject } from "cloudflare:workers";
import { type Clock, systemClock } from "../../clock.ts";
import type { Registry } from "../../domains/definition.ts";
import { Ledger, type Push } from "../../policy/coordination/ledger.ts";
import {
  COORDINATION,
  type CoordinatorApi,
  type CoordinatorSnapshot,
  type SyncAnswer,
  type SyncRequest,
} from "../../policy/coordination/protocol.ts";
import { changeFlags, type Flags, type FlagsChange } from "../../policy/coordination/flags.ts";
import { fail } from "../../policy/errors.ts";
import type { AuditPage } from "../../policy/audit.ts";
import { acceptNotes, readNotes, writeNote } from "../audit.ts";
import { migrate } from "../migrate.ts";
import { point } from "../point.ts";
import { COORDINATOR, reachHolder } from "../reach.ts";
import { migrations } from "./migrations.ts";
import { Herald } from "./herald.ts";
import { Roster } from "./roster.ts";
import { CoordinatorStore } from "./store.ts";

const MAX_CONCURRENCY_MAX = 10_000;
/** How long a change of flags waits for domains that do not answer. */
const TOLD_MS = 2_000;
/** Older flags are known to everybody who has a valid grant. */
const RETELL_MS = COORDINATION.repushMs * COORDINATION.flagPushes;

/**
 * The Durable Object that shares out the slots of a mill. A thin shell around `Ledger`: memory that a restart may
 * lose, a few rows that it may not. It has no alarm: rows carry the moment from which they mean nothing, and who waits
 * asks again. The mill derives a class with its registry from it.
 */
export class CoordinatorObject extends DurableObject<unknown> implements CoordinatorApi {
  readonly #clock: Clock;
  readonly #registry: Registry;
  readonly #store: CoordinatorStore;
  #ledger!: Ledger;
  #roster!: Roster;
  #flags!: Flags;
  #herald!: Herald;
  /** Flags were changed shortly before this life began: not everybody may have been told. */
  #owesWord = false;
  #stopTimer: (() => void) | undefined;

  constructor(ctx: DurableObjectState, env: unknown, registry: Registry, clock: Clock = systemClock) {
    super(ctx, env);
    this.#registry = registry;
    this.#clock = clock;
    migrate(ctx.storage, migrations, clock.now());
    this.#store = new CoordinatorStore(ctx.storage);
    this.#load();
  }

  /** A holder says what it uses and wants; the answer is its lease and its grant. */
  async sync(request: SyncRequest): Promise<SyncAnswer> {
    return this.#act("coordinator.sync", (now) => {
      this.#roster.synced(request.holder, now);
      const known = request.flags ?? 0;
      this.#herald.heard(request.holder, known);
      const answer = this.#ledger.sync(request, now);
      return known < this.#flags.version ? { ...answer, flags: this.#flags } : answer;
    });
  }

  /**
   * Changes the global cap, at once and for good. Lowering it ends no run.
   *
   * @throws `invalid_request` when it is no whole number from 1 to 10,000
   */
  async configure(change: { maxConcurrency?: number }): Promise<CoordinatorSnapshot> {
    const { maxConcurrency } = change;
    if (maxConcurrency === undefined) return this.snapshot();
    if (!Number.isInteger(maxConcurrency) || maxConcurrency < 1 || maxConcurrency > MAX_CONCURRENCY_MAX) {
      throw fail(
        "invalid_request",
        `maxConcurrency must be a whole number from 1 to ${MAX_CONCURRENCY_MAX}, not ${JSON.stringify(maxConcurrency)}.`,
        {
          issues: [{ path: "maxConcurrency", message: "not a cap" }],
        },
      );
    }
    return this.#act("coordinator.configure", (now) => {
      this.#store.setMaxConcurrency(maxConcurrency);
      this.#ledger.configure(maxConcurrency, now);
      return this.#view(now);
    });
  }

  async snapshot(): Promise<CoordinatorSnapshot> {
    return this.#view(this.#clock.now());
  }

  async pause(): Promise<CoordinatorSnapshot> {
    return this.#flag({ paused: { since: this.#clock.now() } });
  }

  async resume(): Promise<CoordinatorSnapshot> {
    return this.#flag({ paused: null });
  }

  async auditLog(query: { limit: number; before?: number }): Promise<AuditPage> {
    return readNotes(this.ctx.storage.sql, null, query);
  }

  /** The domains that the minute cron should poke now, at most 50; old rows are put away on the way. */
  async sweepList(): Promise<string[]> {
    return this.#act("coordinator.sweep", (now) => {
      this.#ledger.tidy(now);
      return this.#roster.sweep(new Set(this.#ledger.holding(now)), now);
    });
  }

  /** Stores changed flags, then tells everybody at work; answers when they know, after 2 s at most. */
  async #flag(change: FlagsChange): Promise<CoordinatorSnapshot> {
    const told = this.#act("coordinator.flag", (now) => {
      this.#flags = changeFlags(this.#flags, now, change);
      this.#store.setFlags(this.#flags);
      return this.#roster.recent(this.#ledger.holding(now), now);
    });
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const stop = this.#clock.after(TOLD_MS, resolve);
    await Promise.race([this.#herald.tell(this.#flags, told), late]);
    stop();
    return this.snapshot();
  }

  #view(now: number): CoordinatorSnapshot {
    const { paused } = this.#flags;
    return { paused: paused !== null, pausedAt: paused && new Date(paused.since).toISOString(), ...this.#ledger.snapshot(now) };
  }

  #load(): void {
    const maxConcurrency = this.#store.maxConcurrency() ?? this.#registry.maxConcurrency;
    this.#ledger = new Ledger({ maxConcurrency, marks: this.#store.marks(), now: this.#clock.now() });
    this.#roster = new Roster(this.#store, this.#registry.domains.keys());
    this.#flags = this.#store.flags();
    this.#herald = new Herald(this.#clock, this.#flags);
    this.#owesWord = this.#clock.now() - this.#flags.at < RETELL_MS;
  }

  /** One synchronous change: memory and rows together, then the messages, which the platform holds until the rows are safe. */
  #act<T>(name: string, work: (now: number) => T): T {
    point(`${name}.begin`, COORDINATOR);
    const now = this.#clock.now();
    let result: T;
    try {
      result = this.#store.transact(() => {
        const done = work(now);
        this.#store.applyMarks(this.#ledger.takeMarks());
        writeNote(this.ctx.storage.sql, now);
        point(`${name}.written`, COORDINATOR);
        return done;
      });
    } catch (error) {
      // Memory may be ahead of the rows: as after a crash, the rows are right.
      this.#load();
      throw error;
    }
    point(`${name}.committed`, COORDINATOR);
    for (const push of this.#ledger.takePushes(now)) void this.#push(push);
    if (this.#owesWord) {
      this.#owesWord = false;
      void this.#herald.tell(this.#flags, this.#roster.recent(this.#ledger.holding(now), now));
    }
    this.#stopTimer?.();
    const at = this.#ledger.nextAt();
    this.#stopTimer = at === null ? undefined : this.#clock.after(Math.max(1, at - now), () => this.#tick());
    return result;
  }

  #tick(): void {
    try {
      this.#act("coordinator.tick", (now) => this.#ledger.tick(now));
    } catch (error) {
      console.error(JSON.stringify({ message: "the coordinator could not pass slots on; whoever waits asks again", error: String(error) }));
    }
  }

  /** One attempt on a fresh stub; one that fails is repeated by the ledger's `tick` while somebody waits. */
  async #push(push: Push): Promise<void> {
    const ledger = this.#ledger;
    try {
      point("coordinator.push.call", COORDINATOR);
      const answer = await reachHolder(push.domain).pushGrant(push.incarnation, push.grant);
      point("coordinator.push.answered", COORDINATOR);
      if (ledger === this.#ledger) this.#act("coordinator.confirm", (now) => this.#ledger.confirmed(push, answer, now));
    } catch (error) {
      console.warn(JSON.stringify({ message: "a push to a domain failed", domain: push.domain, error: String(error) }));
    }
  }
}

acceptNotes(CoordinatorObject.prototype);
