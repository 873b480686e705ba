import type { Task } from "../../../src/domains/task.ts";
import type {
  BulkJob,
  BulkRequest,
  Claim,
  ClaimRequest,
  DomainApi,
  DomainChange,
  DomainSnapshot,
  ProgressReport,
  Settlement,
  ScheduleInput,
  SubmitItem,
  SubmitRequest,
  TaskQuery,
} from "../../../src/durable/protocol.ts";
import type { LookName, Looks } from "../../../src/durable/looks.ts";
import type { CoordinatorApi, CoordinatorSnapshot, GroupPauseView, PressureView } from "../../../src/policy/coordination/protocol.ts";
import type { CheckedPressure, CheckedSettings } from "../../../src/policy/settings.ts";
import type { GroupView } from "../../../src/policy/coordination/view.ts";
import type { GroupChange } from "../../../src/policy/group-rules.ts";
import type { Graph, Json, Outcome, ResultAnswer, Schedule } from "../../../src/domains/task.ts";
import { fail } from "../../../src/policy/errors.ts";
import { isTerminal } from "../../../src/policy/status.ts";
import { explain } from "../../../src/policy/why.ts";

const JOB: BulkJob = {
  id: "media_b1",
  domain: "media",
  action: "cancel",
  matched: 0,
  done: 0,
  failed: 0,
  finished: false,
  fraction: 0,
  errors: [],
  createdAt: "2026-11-21T00:00:00.000Z",
  finishedAt: null,
};

/** Keeps tasks in memory and runs nothing: what the gateway asks of a Domain object, without one. */
export class MemoryDomain implements DomainApi {
  readonly tasks: Task[] = [];
  readonly requests: SubmitRequest[] = [];
  readonly calls: string[] = [];
  readonly #hashes = new Map<string, string>();
  readonly #plans: Schedule[] = [];
  readonly #stored = new Map<string, { body: string; outcomes: Outcome[] }>();
  #waiters: (() => void)[] = [];
  #paused = false;
  #cap: number | null = null;
  readonly #rates: DomainSnapshot["rates"] = {};
  /** Thrown by every call while set. */
  broken: unknown = undefined;
  readonly name: string;
  readonly #tick: () => number;

  constructor(name: string, tick: () => number) {
    this.name = name;
    this.#tick = tick;
  }

  async submit(request: SubmitRequest) {
    this.#enter("submit");
    this.requests.push(request);
    const stored = request.idempotency && this.#stored.get(request.idempotency.key);
    if (stored) {
      if (stored.body !== request.idempotency!.body) throw fail("idempotency_conflict", "Another body.");
      return { outcomes: stored.outcomes, replayed: true };
    }
    const outcomes = request.items.map((item) => this.#insert(item));
    if (request.idempotency) this.#stored.set(request.idempotency.key, { body: request.idempotency.body, outcomes });
    return { outcomes, ...(request.view ? { tasks: outcomes.map(({ id }) => this.#find(id)) } : {}) };
  }

  #insert(item: SubmitItem): Outcome {
    const standing = item.hash === undefined ? undefined : this.#hashes.get(item.hash);
    if (standing !== undefined && !isTerminal(this.#find(standing).status)) return { outcome: "duplicate", id: standing };
    const id = `${this.name}_${this.tasks.length + 1}`;
    if (item.hash !== undefined) this.#hashes.set(item.hash, id);
    this.tasks.push({
      ...BLANK,
      id,
      domain: this.name,
      type: item.type,
      payload: JSON.parse(item.payload),
      key: item.key ?? null,
      label: item.label ?? null,
      priority: item.priority,
      effectivePriority: item.priority,
      tags: item.tags ?? {},
      createdAt: new Date(this.#tick()).toISOString(),
    });
    return { outcome: "inserted", id };
  }

  /** Ends a task and wakes who waits. */
  end(id: string, change: Partial<Task>) {
    Object.assign(this.#find(id), change);
    for (const wake of this.#waiters.splice(0)) wake();
  }

  async get(id: string) {
    this.#enter("get");
    return { ...this.#find(id) };
  }

  async result(id: string, waitMs: number): Promise<ResultAnswer> {
    this.#enter("result");
    if (waitMs > 0 && !isTerminal(this.#find(id).status)) await new Promise<void>((wake) => this.#waiters.push(wake));
    const { status, result, error } = this.#find(id);
    return status === "completed" ? { status, result } : { status, error, ended: isTerminal(status) };
  }

  /** Someone waits for a result. */
  get isAwaited() {
    return this.#waiters.length > 0;
  }

  async list(query: TaskQuery) {
    this.#enter("list");
    const rest = this.#matching(query).filter(({ id }) => counterOf(id) < (query.before ?? Infinity));
    const items = rest.slice(0, query.limit ?? 50);
    return { items, next: rest.length > items.length ? counterOf(items.at(-1)!.id) : null };
  }

  async count(query: TaskQuery) {
    this.#enter("count");
    return this.#matching(query).length;
  }

  async look<Kind extends LookName>(kind: Kind, body: Looks[Kind]["body"]): Promise<Looks[Kind]["answer"]> {
    this.#enter(`look ${kind} ${JSON.stringify(body)}`);
    const answers: { [Name in LookName]: Looks[Name]["answer"] } = {
      tagKeys: { keys: [], exact: true },
      tagValues: { values: [], exact: true },
      failures: { items: [], exact: true },
      bulk: JOB,
      bulkMatch: { matched: this.tasks.length, exact: true },
      series: { from: new Date(this.#tick()).toISOString(), stepMs: 60_000, metrics: {} },
    };
    return answers[kind];
  }

  #matching({ status, type, tags, key, priority }: TaskQuery) {
    return this.tasks
      .toReversed()
      .filter(
        (task) =>
          (!status || status.includes(task.status)) &&
          (type ?? task.type) === task.type &&
          (key ?? task.key) === task.key &&
          (priority ?? task.priority) === task.priority &&
          (tags ?? []).every(([name, value]) => task.tags[name] === value),
      );
  }

  async startBulk({ action, filter }: BulkRequest) {
    this.#enter(`bulk ${action} ${JSON.stringify(filter)}`);
    return { ...JOB, action };
  }

  async cancel(id: string) {
    this.#enter("cancel");
    if (isTerminal(this.#find(id).status)) throw fail("invalid_state", `${id} has ended already.`, { id, status: this.#find(id).status });
    this.end(id, { status: "cancelled" });
    return this.#find(id);
  }

  async retry(id: string, replacement?: { payload: string; hash?: string; key?: string }) {
    this.#enter("retry");
    const task = this.#find(id);
    if (!isTerminal(task.status)) throw fail("invalid_state", `${id} is ${task.status}.`, { id, status: task.status });
    return Object.assign(
      task,
      { status: "pending" },
      replacement && { payload: JSON.parse(replacement.payload), key: replacement.key ?? null },
    );
  }

  async why(id: string) {
    this.#enter("why");
    const { status } = this.#find(id);
    const isScheduled = status === "scheduled";
    return explain(isScheduled ? [{ gate: "scheduled", until: 0 }] : [], isTerminal(status));
  }

  async graph(_id: string): Promise<Graph> {
    this.#enter("graph");
    return { nodes: [], edges: [] };
  }

  async backfill(id: string) {
    return this.retry(id);
  }
  async runNow(id: string) {
    this.#enter("runNow");
    return this.#find(id);
  }

  async auditLog() {
    this.#enter("auditLog");
    return { items: [], next: null };
  }

  async snapshot(): Promise<DomainSnapshot> {
    this.#enter("snapshot");
    return {
      name: this.name,
      paused: this.#paused,
      pausedBy: this.#paused ? ["domain"] : [],
      maxConcurrency: this.#cap,
      counts: {} as never,
      totals: {},
      running: [],
      oldestPendingMs: null,
      slots: { granted: 0, using: 0 },
      rates: this.#rates,
      outbox: [],
      cost: {
        rowsRead: 0,
        rowsWritten: 0,
        alarmsSet: 0,
        coordinatorCalls: 0,
        requests: 0,
        dollars: 0,
        dollarsPerMillion: null,
        types: {},
        statements: {},
      },
    };
  }

  configure({ maxConcurrency, rates = {} }: DomainChange) {
    for (const [type, rate] of Object.entries(rates)) if (rate !== null) this.#rates[type] = { ...rate, available: rate.burst };
    if (maxConcurrency !== undefined) this.#cap = maxConcurrency;
    return this.snapshot();
  }

  pause() {
    this.#paused = true;
    return this.snapshot();
  }

  async drain() {
    this.#paused = true;
    return { ...(await this.snapshot()), drained: true, returned: [] };
  }

  resumeDomain() {
    this.#paused = false;
    return this.snapshot();
  }

  async createSchedule(input: ScheduleInput) {
    this.#enter("createSchedule");
    const standing = this.#plans.find(({ name }) => name !== null && name === input.name);
    if (standing) return { schedule: Object.assign(standing, planOf(input)), created: false };
    const schedule: Schedule = {
      id: `${this.name}_s${this.#plans.length + 1}`,
      domain: this.name,
      name: input.name ?? null,
      timezone: "UTC",
      paused: false,
      pausedReason: null,
      declared: false,
      overlap: "skip",
      catchUpMs: 0,
      jitterMs: 0,
      maxRuns: null,
      runs: 0,
      skipped: 0,
      lastRun: null,
      lastTask: null,
      nextRuns: [],
      createdAt: new Date(this.#tick()).toISOString(),
      ...planOf(input),
    };
    this.#plans.push(schedule);
    return { schedule, created: true };
  }

  async schedules({ limit = 50, before = Infinity }: { limit?: number; before?: number }) {
    this.#enter("schedules");
    const rest = this.#plans.toReversed().filter(({ id }) => planCounter(id) < before);
    const items = rest.slice(0, limit);
    return { items, next: rest.length > items.length ? planCounter(items.at(-1)!.id) : null };
  }

  async schedule(id: string) {
    this.#enter("schedule");
    const found = this.#plans.find((plan) => plan.id === id);
    if (!found) throw fail("schedule_not_found", `There is no schedule ${id}.`, { id });
    return found;
  }

  readonly updates: Partial<ScheduleInput>[] = [];

  async updateSchedule(id: string, change: Partial<ScheduleInput>) {
    this.updates.push(change);
    return Object.assign(await this.schedule(id), planOf(change));
  }

  async scheduleAction(id: string, action: "pause" | "resume" | "trigger" | "delete") {
    const plan = await this.schedule(id);
    if (action === "delete") this.#plans.splice(this.#plans.indexOf(plan), 1);
    if (action === "trigger") plan.runs += 1;
    return action === "pause" || action === "resume" ? Object.assign(plan, { paused: action === "pause" }) : plan;
  }

  async claim(request: ClaimRequest): Promise<Claim[]> {
    this.#enter("claim");
    this.claimed.push(request);
    const ready = this.tasks.filter((task) => task.status === "pending" && request.types.includes(task.type)).slice(0, request.max);
    return ready.map((task) => {
      const lease = `${this.name}_l${task.id.split("_")[1]!.padStart(24, "0")}`;
      this.#leases.set(lease, task.id);
      return { lease, leaseUntil: new Date(this.#tick()).toISOString(), task: Object.assign(task, { status: "running" }) };
    });
  }

  readonly claimed: ClaimRequest[] = [];
  readonly settled: Settlement[] = [];
  readonly #leases = new Map<string, string>();

  async leasedType(lease: string) {
    this.#enter("leasedType");
    return this.#leased(lease).type;
  }

  async renewLease(lease: string, progress?: Omit<ProgressReport, "id">) {
    this.#enter("renewLease");
    const task = this.#leased(lease);
    if (progress) task.progress = { fraction: progress.fraction, message: progress.message, etaMs: null };
    return { leaseUntil: new Date(this.#tick()).toISOString(), cancelled: false };
  }

  async settleLease(lease: string, settlement: Settlement) {
    this.#enter("settleLease");
    const task = this.#leased(lease);
    this.settled.push(settlement);
    this.#leases.delete(lease);
    return Object.assign(task, { status: { complete: "completed", fail: "failed", release: "pending" }[settlement.kind] });
  }

  #leased(lease: string): Task {
    const id = this.#leases.get(lease);
    if (id === undefined) throw fail("lease_lost", "Over.", { lease });
    return this.#find(id);
  }

  async poke() {
    return { active: 0 };
  }

  #enter(call: string) {
    this.calls.push(call);
    if (this.broken !== undefined) throw this.broken;
  }

  #find(id: string): Task {
    const task = this.tasks.find((one) => one.id === id);
    if (!task) throw fail("task_not_found", `There is no task ${id}.`, { id });
    return task;
  }
}

const AT = "2026-11-17T12:00:00.000Z";

/** Holds settings, shares out nothing. */
export class MemoryCoordinator implements CoordinatorApi {
  async forward() {
    return { isHeard: false };
  }

  async tellFigures() {}

  async metrics() {
    return { ...(await this.snapshot()), domains: [], groupPauses: {}, groupThrottles: {}, at: 0 };
  }

  async preempt() {
    return 0;
  }

  maxConcurrency = 16;
  #settings: Pick<CoordinatorSnapshot, "aging" | "defaultGroupMaxConcurrency"> = { aging: null, defaultGroupMaxConcurrency: null };
  #isPaused = false;
  readonly #groups = new Map<string, GroupPauseView>();
  readonly #sources: PressureView["sources"] = {};

  pause() {
    this.#isPaused = true;
    return this.snapshot();
  }

  resume() {
    this.#isPaused = false;
    return this.snapshot();
  }

  async pauseGroup(name: string, until?: number) {
    const view = { name, paused: true, pausedAt: AT, pausedUntil: until === undefined ? null : new Date(until).toISOString() };
    this.#groups.set(name, view);
    return view;
  }

  async resumeGroup(name: string) {
    this.#groups.delete(name);
    return { name, paused: false, pausedAt: null, pausedUntil: null };
  }

  async pressure({ name, value, ttlMs }: CheckedPressure) {
    this.#sources[name] = { value, remainingMs: ttlMs };
    return this.#pressing();
  }

  async snapshot(): Promise<CoordinatorSnapshot> {
    const holders = ["media", "mail"].map((domain) => ({ domain, granted: 1, using: 0, wanting: 0, syncedMsAgo: null }));
    return {
      paused: this.#isPaused,
      pausedAt: this.#isPaused ? AT : null,
      maxConcurrency: this.maxConcurrency,
      ...this.#settings,
      pressure: this.#pressing(),
      pausedGroups: [...this.#groups.values()],
      groups: [],
      granted: 2,
      using: 0,
      holders,
    };
  }

  #pressing(): PressureView {
    return { composite: Math.max(0, ...Object.values(this.#sources).map(({ value }) => value)), sources: this.#sources };
  }

  configure({ maxConcurrency, ...change }: CheckedSettings) {
    this.maxConcurrency = maxConcurrency ?? this.maxConcurrency;
    this.#settings = { ...this.#settings, ...change };
    return this.snapshot();
  }

  groupChanges = new Map<string, GroupChange>();

  async groups() {
    const known: GroupView = {
      name: "mail",
      allocated: 2,
      running: 1,
      pending: 3,
      maxConcurrency: 4,
      weight: 1,
      minSlots: 0,
      rate: { permits: 10, perMs: 1_000, burst: 20, available: 5 },
    };
    return [known];
  }

  async setGroup(group: string, change: GroupChange) {
    this.groupChanges.set(group, change);
    const { weight, minSlots, maxConcurrency } = change;
    const [view] = await this.groups();
    return { ...view!, name: group, weight: weight ?? 1, minSlots: minSlots ?? 0, maxConcurrency: maxConcurrency ?? null, rate: null };
  }

  async sync(): Promise<never> {
    throw new Error("no holder here");
  }

  async auditLog() {
    return { items: [], next: null };
  }

  async startup() {
    return { version: "", wake: [], start: [], retryMs: null };
  }
  async started() {}
  async sweepList() {
    return [];
  }
}

function planOf({ item, everyMs, cron, timezone, name: _name, initialDelayMs: _delay, ...firing }: Partial<ScheduleInput>) {
  const { type, payload, hash: _hash, ...options } = item ?? ({} as SubmitItem);
  return {
    ...firing,
    ...(item
      ? { type, payload: JSON.parse(payload) as Json, options: options as unknown as Json }
      : ({} as { type: string; payload: Json; options: Json })),
    ...(everyMs === undefined ? {} : { every: everyMs, cron: undefined as never }),
    ...(cron === undefined ? {} : { cron, timezone: timezone ?? "UTC", every: undefined as never }),
  };
}

const counterOf = (id: string) => Number(id.split("_")[1]);
const planCounter = (id: string) => Number(id.split("_s")[1]);

const BLANK: Omit<Task, "id" | "domain" | "type" | "payload" | "createdAt"> = {
  status: "pending",
  result: null,
  error: null,
  key: null,
  label: null,
  priority: 128,
  effectivePriority: 128,
  group: null,
  tags: {},
  attempt: 0,
  maxAttempts: 4,
  executions: 0,
  errors: [],
  parent: null,
  children: { total: 0, active: 0, failed: 0 },
  dependsOn: [],
  runAt: null,
  expiresAt: null,
  startedAt: null,
  finishedAt: null,
  waitMs: 0,
  durationMs: null,
  progress: null,
  io: { expected: null, actual: null },
  sizes: { payload: 0, result: 0 },
  schedule: null,
  deadline: null,
  pausedBy: [],
};
