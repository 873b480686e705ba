import type { Clock } from "../../clock.ts";
import { resolveDefaults, type ResolvedDefaults } from "../../domains/defaults.ts";
import type { DomainDefinition } from "../../domains/definition.ts";
import { preemptAtOf } from "../../domains/preempt-at.ts";
import { MillraceError } from "../../policy/errors.ts";
import { idsOf } from "../../policy/ranges.ts";
import { Series } from "../../policy/series.ts";
import type { Lanes } from "../../policy/lanes.ts";
import { RunSize } from "../../policy/batch.ts";
import type { Flags } from "../../policy/coordination/flags.ts";
import { Holder } from "../../policy/coordination/holder.ts";
import type { StoredStatus } from "../../policy/status.ts";
import { writeNote } from "../audit.ts";
import { point } from "../point.ts";
import type { AbortReason, RunTask } from "../protocol.ts";
import { Alarm } from "./alarm.ts";
import { readUpstreams } from "./graph/edges.ts";
import { Budgets } from "./gates/budgets.ts";
import { isFull, storageFull } from "./full.ts";
import { Chronicle } from "./history/chronicle.ts";
import { Claimers } from "./pull/claimers.ts";
import { Families } from "./graph/family.ts";
import { Gatekeeper } from "./gates/gatekeeper.ts";
import { type Lease, Leases } from "./pull/leases.ts";
import { Outbox } from "./outbox/outbox.ts";
import type { Outside } from "./outside.ts";
import { Pauses } from "./gates/pauses.ts";
import { Progresses } from "./run/progress.ts";
import { Rates } from "./gates/rates.ts";
import { type Laned, laneOf, layOut } from "./run/ready.ts";
import { Run } from "./run/run.ts";
import { loadState, meter, oldestPending, saveState, type State } from "./state.ts";
import { Store } from "./store.ts";
import { Waiters } from "./run/waiters.ts";
import { figuresOf } from "./look/series.ts";
import { isFinal } from "./run/stop.ts";
import { tellRunner } from "./run/tell-runner.ts";

/**
 * Everything that the engine's verbs (submit, dispatch, settle, …) share: the store, the state row, and what of it
 * lives in memory. Memory is a cache: `reload` makes it anew from storage at any time.
 */
export class Core {
  readonly outside: Outside;
  readonly clock: Clock;
  readonly store: Store;
  readonly alarm: Alarm;
  readonly holder: Holder;
  readonly sizes = new RunSize();
  readonly waiters: Waiters;
  readonly progresses: Progresses;
  /** Pull workers that ask, and what they hold. */
  readonly claimers: Claimers;
  readonly leases = new Leases();
  readonly outbox = new Outbox();
  readonly series = new Series();
  readonly pauses = new Pauses(this);
  readonly families = new Families(this);
  readonly rates: Rates;
  readonly budgets: Budgets;
  readonly gatekeeper = new Gatekeeper(this);
  readonly events = new Chronicle(this);
  /** Runs under way, by id. */
  readonly runs = new Map<string, Run>();
  /** Which run a claimed task is in. */
  readonly claims = new Map<number, Run>();
  state!: State;
  lanes!: Lanes;
  /** Ids that blocked tasks wait for: the only ones whose end asks for dependents. */
  upstreams = new Set<number>();
  /** How many live upstreams a blocked task with many of them has left; those that are missing are counted when asked for. */
  readonly blockers = new Map<number, number>();
  /** How many tasks the last run took: how many rows the next one begins to read. */
  lastFill = 1;
  private readonly defaults = new Map<string, ResolvedDefaults | undefined>();
  private effects: (() => void)[] = [];
  private opened: Run[] = [];
  private closed: Run[] = [];
  /** What this transaction told tasks to stop for, and what they had been told before. */
  private aborted: [run: Run, id: number, before: AbortReason | undefined][] = [];
  private dirty = false;

  constructor(outside: Outside) {
    this.outside = outside;
    this.clock = outside.clock;
    this.store = new Store(outside.storage);
    this.alarm = new Alarm(outside.storage, this);
    this.holder = new Holder({ holder: outside.name, incarnation: outside.clock.token(12) });
    this.waiters = new Waiters(outside.clock);
    this.progresses = new Progresses();
    this.claimers = new Claimers(outside.clock);
    this.rates = new Rates(this);
    this.budgets = new Budgets(this);
  }

  get name(): string {
    return this.outside.name;
  }

  /** What the coordinator last told every domain. */
  get flags(): Flags {
    return this.state.flags;
  }

  /** The definition of the day; undefined when a deploy took the domain away. */
  get definition(): DomainDefinition | undefined {
    return this.outside.registry.domains.get(this.name);
  }

  /** A type's defaults; undefined when it is not registered. */
  defaultsOf(type: string): ResolvedDefaults | undefined {
    if (!this.defaults.has(type)) {
      const definition = this.definition?.types.get(type);
      this.defaults.set(type, definition && resolveDefaults(this.outside.registry, this.definition!, definition));
    }
    return this.defaults.get(type);
  }

  /** Work of this priority or a more urgent one takes slots from what is less urgent; -1: none does. */
  get preemptAt(): number {
    return preemptAtOf(this.outside.registry, this.definition);
  }

  /** The domain's cap: set live, else the definition's. */
  get cap(): number | null {
    return this.state.maxConcurrency === undefined ? (this.definition?.maxConcurrency ?? null) : this.state.maxConcurrency;
  }

  /**
   * One state change: everything that `work` writes, the state row and the alarm commit together or not at all.
   * Memory may change inside; when anything throws after the first change, memory is made anew from storage.
   */
  transact<T>(name: string, work: () => T): T {
    point(`${name}.begin`, this.name);
    let result: T;
    try {
      result = this.store.transact(() => {
        const answer = work();
        this.families.settle();
        writeNote(this.store, this.clock.now());
        this.finish();
        point(`${name}.written`, this.name);
        return answer;
      });
    } catch (error) {
      // A refusal (409 and the like) is thrown before anything changed; everything else leaves memory in doubt.
      if (this.dirty || !MillraceError.is(error)) this.abandon();
      this.effects = [];
      throw isFull(error) ? storageFull(this.name) : error;
    }
    this.opened = [];
    this.closed = [];
    this.aborted = [];
    point(`${name}.committed`, this.name);
    const { effects } = this;
    this.effects = [];
    for (const effect of effects) effect();
    return result;
  }

  /** The state row will be written at the end of this transaction. */
  touch(): State {
    this.dirty = true;
    return this.state;
  }

  /** After the commit: messages, answers, everything that storage cannot take back. */
  after(effect: () => void): void {
    this.effects.push(effect);
  }

  /** Counts `count` tasks that went from one stored status to another (null: a new one, or one that is gone). */
  moved(from: StoredStatus | null, to: StoredStatus | null, count = 1): void {
    const { counts } = this.touch();
    if (from) counts[from] -= count;
    if (to) counts[to] += count;
  }

  /** A run starts: written with this transaction, sent after it. */
  open(run: Run, tasks: RunTask[]): void {
    this.runs.set(run.id, run);
    for (const id of run.open) this.claims.set(id, run);
    this.holder.occupy(run.group);
    this.holder.spend(run.group, tasks.length, run.startedAt);
    this.opened.push(run);
    this.touch();
    this.after(() => this.outside.start(run, tasks));
  }

  /** The runner has answered for the whole run, or its lease is over: the slot is free. */
  close(run: Run): void {
    if (!this.runs.delete(run.id)) return;
    for (const id of run.open) {
      this.claims.delete(id);
      this.budgets.end(id, this.clock.now());
    }
    delete this.touch().runs[run.id];
    this.holder.vacate(run.group);
    if (run.yields === "away") this.holder.yield(run.group);
    this.closed.push(run);
    this.after(() => (run.release(), this.pauses.vacated()));
  }

  /** A task goes to a pull worker: it takes one slot until it is settled, or its lease is over. */
  lease(lease: Lease): void {
    this.touch();
    this.leases.insert(this.store, lease);
    this.holder.occupy(lease.group);
    this.holder.spend(lease.group, 1, lease.at);
    this.alarm.soon("lease", lease.until);
  }

  /** A lease is over: the slot is free. */
  unlease(lease: Lease): void {
    this.touch();
    this.leases.remove(this.store, lease);
    this.holder.vacate(lease.group);
    if (lease.yields === "away") this.holder.yield(lease.group);
    this.budgets.end(lease.task, this.clock.now());
    this.after(() => this.pauses.vacated());
  }

  /** Stops a claimed task: the runner is told after the commit, or when it first speaks. */
  abort(run: Run, id: number, reason: AbortReason): void {
    if (run.aborts.has(id) && !isFinal(reason)) return;
    this.aborted.push([run, id, run.aborts.get(id)]);
    run.aborts.set(id, reason);
    this.after(() => void tellRunner(this, run, id, reason));
  }

  /** Memory from storage: lanes by one scan from the oldest pending id, claims from the state row. */
  reload(): void {
    this.state = loadState(this.store, this.clock.now());
    this.dirty = false;
    this.claims.clear();
    for (const [id, stored] of Object.entries(this.state.runs)) {
      const run = this.runs.get(id) ?? new Run(id, stored.at, stored.version, idsOf(stored.ids), stored.group);
      this.runs.set(id, run);
      run.open.clear();
      for (const task of idsOf(stored.ids)) {
        run.open.add(task);
        this.claims.set(task, run);
      }
    }
    for (const { group } of this.leases.all()) this.holder.vacate(group);
    this.leases.load(this.store);
    for (const { group } of this.leases.all()) this.holder.occupy(group);
    this.rates.load();
    layOut(this);
    this.upstreams = readUpstreams(this.store, this.state);
    this.blockers.clear();
    this.families.forget();
    this.outbox.load(this.store);
    this.alarm.recall();
    this.holder.setCap(this.cap);
    this.series.begin(figuresOf(this), this.clock.now());
  }

  /** The lane of a task; the one place that names it. */
  laneOf(task: Laned): string {
    return laneOf(this, task);
  }

  private finish(): void {
    if (this.dirty) {
      const { state } = this;
      state.oldest = oldestPending(state, this.lanes.oldestId());
      meter(state, this.store);
      saveState(this.store, state);
      this.dirty = false;
      this.after(() => this.series.note(figuresOf(this), this.clock.now()));
    }
    this.alarm.arm();
  }

  private abandon(): void {
    this.claimers.forget();
    for (const run of this.opened) {
      this.runs.delete(run.id);
      this.holder.vacate(run.group);
    }
    this.opened = [];
    // Still open in storage: each keeps its slot, and its tasks, until somebody speaks for it again.
    for (const run of this.closed) {
      this.runs.set(run.id, run);
      this.holder.occupy(run.group);
    }
    this.closed = [];
    // Nobody was told yet: a submission that came to nothing must not end the task whose place it was to take.
    for (const [run, id, before] of this.aborted.reverse()) {
      if (before === undefined) run.aborts.delete(id);
      else run.aborts.set(id, before);
    }
    this.aborted = [];
    this.reload();
  }
}
