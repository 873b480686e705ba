import { type Clock, systemClock } from "../../clock.ts";
import { preemptAtOf } from "../../domains/preempt-at.ts";
import type { Registry } from "../../domains/definition.ts";
import { Ledger } from "../../policy/coordination/ledger.ts";
import {
  type CoordinatorApi,
  type CoordinatorSnapshot,
  type GroupPauseView,
  type PressureView,
  type StartupAnswer,
  type StartupReport,
  type StartupRequest,
  type SyncAnswer,
  type SyncRequest,
} from "../../policy/coordination/protocol.ts";
import { changeFlags, type Flags, type FlagsChange, pauseNews } from "../../policy/coordination/flags.ts";
import type { PreemptRequest } from "../../policy/coordination/victims.ts";
import type { GroupView } from "../../policy/coordination/view.ts";
import { birthSeq, type EventName } from "../../policy/events/event.ts";
import type { GroupChange } from "../../policy/group-rules.ts";
import { type CheckedPressure, type CheckedSettings, parseSettings } from "../../policy/settings.ts";
import type { AuditPage } from "../../policy/audit.ts";
import { acceptNotes, readNotes, writeNote } from "../audit.ts";
import { migrate } from "../migrate.ts";
import { point } from "../point.ts";
import { answerRefusals } from "../refusal.ts";
import { COORDINATOR } from "../reach.ts";
import { Audience } from "./audience.ts";
import { migrations } from "./migrations.ts";
import { GroupBook, viewOf } from "./group-book.ts";
import { FigureBook } from "./figure-book.ts";
import { groupPauseChange, pressureChange } from "./flag-changes.ts";
import { groupPause, pausedGroups, pressureView } from "./flag-views.ts";
import { Herald, RETELL_MS } from "./herald.ts";
import { deliver } from "./deliver.ts";
import { preempt } from "./preempt.ts";
import { Roster } from "./roster.ts";
import { Startups } from "./startup.ts";
import { CoordinatorStore } from "./store.ts";
import { WatchedObject, type Watching } from "./watched.ts";

/** How long a change of flags waits for domains that do not answer. */
const TOLD_MS = 2_000;

/**
 * The Durable Object that shares out the slots of a mill. A thin shell around `Ledger`: memory that a restart may
 * lose, a few rows that it may not. It has no alarm: rows carry the moment from which they mean nothing, and who waits
 * asks again. The mill derives a class with its registry from it.
 */
export class CoordinatorObject extends WatchedObject implements CoordinatorApi {
  readonly #clock: Clock;
  readonly #registry: Registry;
  readonly #store: CoordinatorStore;
  #ledger!: Ledger;
  #roster!: Roster;
  #flags!: Flags;
  #herald!: Herald;
  readonly #startups: Startups;
  #groups!: GroupBook;
  /** Flags were changed shortly before this life began: not everybody may have been told. */
  #owesWord = false;
  #stopTimer: (() => void) | undefined;
  #news: [EventName, Record<string, unknown>][] = [];

  constructor(ctx: DurableObjectState, env: unknown, registry: Registry, clock: Clock = systemClock) {
    super(ctx, env);
    this.#registry = registry;
    this.#clock = clock;
    migrate(ctx.storage, migrations, clock.now());
    this.#store = new CoordinatorStore(ctx.storage);
    this.openStream(clock, registry, null, birthSeq(clock.now()));
    this.audience = new Audience(this.stream, clock);
    this.watching = this.#watching();
    this.#startups = new Startups(this.#store, `start ${clock.token(8)}`);
    this.#load();
  }

  /** A holder says what it uses and wants; the answer is its lease and its grant. */
  async sync(request: SyncRequest): Promise<SyncAnswer> {
    this.audience.refresh(this.watching);
    return this.#act("coordinator.sync", (now) => {
      this.#roster.synced(request.holder, now);
      const known = request.flags ?? 0;
      this.#herald.heard(request.holder, known);
      if (request.figures) this.book.tell(request.holder, request.figures, now, false);
      const answer = this.#ledger.sync(request, now);
      return known < this.#flags.version ? { ...answer, flags: this.#flags } : answer;
    });
  }

  /**
   * Changes settings of the mill, at once and for good. A lowered cap ends no run.
   *
   * @throws `invalid_request` when the cap is no whole number from 1 to 10,000
   */
  async configure(change: CheckedSettings): Promise<CoordinatorSnapshot> {
    const { maxConcurrency, defaultGroupMaxConcurrency, aging } = change;
    // What else there is was checked where it came from.
    if (maxConcurrency !== undefined) parseSettings({ maxConcurrency });
    this.#act("coordinator.configure", (now) => {
      if (defaultGroupMaxConcurrency !== undefined) {
        this.#store.setDefaultGroupCap(defaultGroupMaxConcurrency);
        this.#ledger.configureGroups(this.#groups.policy, now);
      }
      if (maxConcurrency === undefined) return;
      this.#store.setMaxConcurrency(maxConcurrency);
      this.#ledger.configure(maxConcurrency, now);
    });
    if (aging !== undefined) await this.#flag({ aging });
    return this.snapshot();
  }

  async preempt(request: PreemptRequest): Promise<number> {
    return preempt(this.#ledger, request, this.#clock);
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

  async groups(): Promise<GroupView[]> {
    return this.#ledger.groups(this.#clock.now());
  }

  async setGroup(group: string, change: GroupChange): Promise<GroupView> {
    return this.#act("coordinator.group", (now) => {
      this.#groups.set(group, change);
      this.#ledger.configureGroups(this.#groups.policy, now);
      const view = viewOf(this.#ledger.groups(now), group, this.#groups.policy);
      const { maxConcurrency, weight, minSlots, rate } = view;
      this.#say("group.changed", { group, maxConcurrency, weight, minSlots, rate });
      return view;
    });
  }

  /** @throws `invalid_request` when `until` has passed, or beyond 1,000 paused groups */
  async pauseGroup(group: string, until?: number): Promise<GroupPauseView> {
    await this.#flag(groupPauseChange(this.#flags, group, until, this.#clock.now()));
    return groupPause(this.#flags, group, this.#clock.now());
  }

  async resumeGroup(group: string): Promise<GroupPauseView> {
    await this.#flag({ groups: { [group]: null } });
    return groupPause(this.#flags, group, this.#clock.now());
  }

  /** @throws `invalid_request` beyond 100 sources */
  async pressure(source: CheckedPressure): Promise<PressureView> {
    const now = this.#clock.now();
    const change = pressureChange(this.#flags, source, now);
    if (change) await this.#flag(change);
    return pressureView(this.#flags, now);
  }

  async auditLog(query: { limit: number; before?: number }): Promise<AuditPage> {
    return readNotes(this.ctx.storage.sql, null, query);
  }

  /** The domains that the minute cron should poke now, at most 50; old rows are put away on the way. */
  async sweepList(): Promise<string[]> {
    this.audience.refresh(this.watching);
    return this.#act("coordinator.sweep", (now) => {
      this.#ledger.tidy(now);
      return this.#roster.sweep(new Set(this.#ledger.holding(now)), now);
    });
  }

  async startup(request: StartupRequest): Promise<StartupAnswer> {
    return this.#startups.claim(request, this.#clock.now());
  }

  async started(report: StartupReport): Promise<void> {
    this.#act("coordinator.started", (now) => this.#startups.report(report, now));
  }

  /** Stores changed flags, then tells everybody at work; answers when they know, after 2 s at most. */
  async #flag(change: FlagsChange, also: Iterable<string> = []): Promise<CoordinatorSnapshot> {
    const told = this.#act("coordinator.flag", (now) => {
      const before = this.#flags;
      this.#flags = changeFlags(before, now, change);
      for (const { event, ...facts } of pauseNews(before, this.#flags, now)) this.#say(event, facts);
      this.#store.setFlags(this.#flags);
      return this.#roster.recent([...this.#ledger.holding(now), ...also], now);
    });
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const stop = this.#clock.after(TOLD_MS, resolve);
    await Promise.race([this.#herald.tell(this.#flags, told), late]);
    stop();
    return this.snapshot();
  }

  #watching(): Watching {
    return {
      flags: () => this.#flags,
      tell: (change) => this.#flag(change, this.#registry.domains.keys()),
      note: (domain, figures) => this.#act("coordinator.figures", (now) => this.book.tell(domain, figures, now, true)),
      figures: () =>
        this.#act("coordinator.figures", (now) => ({
          ...this.#view(now),
          ...this.book.show(this.#registry.domains.keys()),
          groupThrottles: this.#ledger.throttles(),
          at: now,
        })),
    };
  }

  /** Told once the transaction that it is part of has committed. */
  #say(event: EventName, facts: Record<string, unknown>): void {
    this.#news.push([event, facts]);
    this.book.countPause(event, facts.group);
  }

  #view(now: number): CoordinatorSnapshot {
    const { paused, aging = this.#registry.aging ?? null } = this.#flags;
    return {
      paused: paused !== null,
      pausedAt: paused && new Date(paused.since).toISOString(),
      ...this.#ledger.snapshot(now),
      defaultGroupMaxConcurrency: this.#groups.policy.defaultMaxConcurrency,
      aging,
      pressure: pressureView(this.#flags, now),
      pausedGroups: pausedGroups(this.#flags, now),
      groups: this.#ledger.groups(now),
    };
  }

  #load(): void {
    const maxConcurrency = this.#store.maxConcurrency() ?? this.#registry.maxConcurrency;
    this.#groups = new GroupBook(this.#registry, this.#store);
    this.#ledger = new Ledger({
      maxConcurrency,
      groups: this.#groups.policy,
      marks: this.#store.marks(),
      rates: this.#store.rates(),
      now: this.#clock.now(),
      urgentAt: preemptAtOf(this.#registry),
    });
    this.#roster = new Roster(this.#store, this.#registry.domains.keys());
    this.#flags = this.#store.flags();
    this.#herald = new Herald(this.#clock, this.#flags);
    this.book = new FigureBook(this.#store);
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
        this.#store.applyRates(this.#ledger.takeRates());
        writeNote(this.ctx.storage.sql, now);
        point(`${name}.written`, COORDINATOR);
        return done;
      });
    } catch (error) {
      // Memory may be ahead of the rows: as after a crash, the rows are right.
      this.#load();
      this.#news = [];
      throw error;
    }
    point(`${name}.committed`, COORDINATOR);
    for (const [event, facts] of this.#news.splice(0)) this.stream.say(event, facts);
    const ledger = this.#ledger;
    for (const push of ledger.takePushes(now))
      void deliver(
        push,
        (answer) => ledger === this.#ledger && this.#act("coordinator.confirm", (at) => ledger.confirmed(push, answer, at)),
      );
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
}

acceptNotes(answerRefusals(CoordinatorObject.prototype, ["configure", "pauseGroup", "pressure", "setGroup"]));
