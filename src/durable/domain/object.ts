import { systemClock } from "../../clock.ts";
import type { Registry } from "../../domains/definition.ts";
import type { Graph, ResultAnswer, Schedule, Task, Why } from "../../domains/task.ts";
import type { Flags } from "../../policy/coordination/flags.ts";
import type { Confirmation, Grant } from "../../policy/coordination/protocol.ts";
import type { Room, RoomOrder } from "../../policy/coordination/victims.ts";
import { acceptNotes, readNotes } from "../audit.ts";
import type { Delivery, DeliveryAnswer, Neighbour, QuestionName, Questions } from "../mail.ts";
import { migrate } from "../migrate.ts";
import { point } from "../point.ts";
import type {
  Claim,
  ClaimRequest,
  DomainApi,
  DomainChange,
  DomainSnapshot,
  Drained,
  ProgressReport,
  Renewal,
  RunLink,
  ScheduleInput,
  Settlement,
  SubmitAnswer,
  SubmitRequest,
  TaskPage,
  TaskQuery,
} from "../protocol.ts";
import type { BulkJob, BulkRequest } from "../bulk.ts";
import type { LookName, Looks } from "../looks.ts";
import { answerRefusals } from "../refusal.ts";
import { StreamObject } from "../stream/object.ts";
import { backfill } from "./graph/backfill.ts";
import { startBulk } from "./bulk/bulk-rows.ts";
import { cancel, mustRead } from "./run/cancel.ts";
import { Conductor } from "./run/conduct.ts";
import { configure } from "./configure.ts";
import { Core } from "./core.ts";
import { Courier } from "./outbox/courier.ts";
import { counterOf } from "./counter.ts";
import { declare } from "./schedules/declare.ts";
import { Forwarder } from "./outbox/forward.ts";
import { graph } from "./graph/graph.ts";
import { deliver } from "./outbox/inbox.ts";
import { Joiner } from "./submit/join.ts";
import { count, list } from "./look/list.ts";
import { mustHold } from "./pull/lease.ts";
import { look } from "./look/look.ts";
import { lookUp } from "./look/lookup.ts";
import { drain, heed, pause, resume } from "./gates/pause.ts";
import { METHODS } from "./methods.ts";
import { migrations } from "./migrations.ts";
import { claim, renew, settleHeld } from "./pull/pull.ts";
import { makeRoom } from "./gates/preempt.ts";
import { withPrerequisites } from "./graph/prerequisites.ts";
import { retry, runNow } from "./run/reopen.ts";
import { answer } from "./look/questions.ts";
import { awaitResult } from "./run/results.ts";
import { resumeRun, type ResumeRequest } from "./run/resume.ts";
import { ringOn } from "./ring.ts";
import { listSchedules, readSchedule, viewSchedule } from "./schedules/schedule-rows.ts";
import { actOnSchedule, patchSchedule, putSchedule } from "./schedules/schedules.ts";
import { snapshot } from "./look/snapshot.ts";
import { rise } from "./rise.ts";
import { Syncer } from "./gates/sync.ts";
import { versionOf } from "./version.ts";
import { view } from "./look/view.ts";
import { why } from "./look/why.ts";
import type { DomainWiring } from "./wiring.ts";

/** The Durable Object of one domain, the only writer of its tasks: a thin shell, every method a verb of the engine. A mill derives its class from it. */
export class DomainObject extends StreamObject implements DomainApi, Neighbour {
  readonly #core: Core;
  readonly #conductor: Conductor;
  readonly #syncer: Syncer;
  readonly #joiner: Joiner;
  readonly #courier: Courier;
  readonly #wiring: DomainWiring;

  constructor(ctx: DurableObjectState, env: unknown, registry: Registry, wiring: DomainWiring) {
    super(ctx, env);
    const { clock = systemClock } = wiring;
    migrate(ctx.storage, migrations, clock.now());
    this.#core = new Core({
      storage: ctx.storage,
      clock,
      registry,
      name: ctx.id.name ?? "",
      version: versionOf(env),
      neighbour: wiring.neighbour,
      start: (run, tasks) => void this.#conductor.start(run, tasks),
      sync: () => this.#syncer.kick(),
      happened: (entry) => this.stream.push(entry),
    });
    this.#conductor = new Conductor(this.#core, wiring.runner);
    this.#syncer = new Syncer(this.#core, wiring.coordinator);
    this.#joiner = new Joiner(this.#core);
    this.#courier = new Courier(this.#core, wiring.neighbour);
    this.#wiring = wiring;
    void ctx.blockConcurrencyWhile(() => this.#wake());
  }

  /** Rebuilds memory and arms the alarm; runs nothing. */
  async #wake(): Promise<void> {
    const core = this.#core;
    core.reload();
    this.openStream(core.clock, core.outside.registry, core.name, core.state.lastSeq);
    void new Forwarder(core, this.stream, this.#wiring.coordinator);
    core.alarm.found(await this.ctx.storage.getAlarm());
    point("wake.read", core.name);
    rise(core);
    await declare(this.#core, this.#core.outside.registry);
  }

  /** The core, for one more request. */
  #asked(): Core {
    this.#core.state.cost.requests += 1;
    return this.#core;
  }

  #counter(id: string): number {
    return counterOf(this.#asked().name, id);
  }

  #view(id: string): Task {
    return view(this.#core, mustRead(this.#core, this.#counter(id)), this.#core.clock.now());
  }

  async submit(request: SubmitRequest): Promise<SubmitAnswer> {
    await lookUp(this.#asked(), request, this.#wiring.neighbour);
    return this.#joiner.submit(request);
  }

  async get(id: string): Promise<Task> {
    return this.#view(id);
  }

  async result(id: string, waitMs: number): Promise<ResultAnswer> {
    return awaitResult(this.#core, this.#counter(id), waitMs);
  }

  async list(query: TaskQuery): Promise<TaskPage> {
    return list(this.#asked(), query);
  }

  async count(query: TaskQuery): Promise<number> {
    return count(this.#asked(), query);
  }

  async look<Kind extends LookName>(kind: Kind, body: Looks[Kind]["body"]): Promise<Looks[Kind]["answer"]> {
    return look(this.#asked(), kind, body);
  }

  async cancel(id: string): Promise<Task> {
    cancel(this.#core, this.#counter(id));
    return this.#view(id);
  }

  async startBulk(request: BulkRequest): Promise<BulkJob> {
    return startBulk(this.#asked(), request);
  }

  async retry(id: string, replacement?: { payload: string; hash?: string; key?: string }): Promise<Task> {
    retry(this.#core, this.#counter(id), replacement);
    return this.#view(id);
  }

  async backfill(id: string): Promise<Task> {
    backfill(this.#core, this.#counter(id));
    return this.#view(id);
  }

  async runNow(id: string): Promise<Task> {
    runNow(this.#core, this.#counter(id));
    return this.#view(id);
  }

  async graph(id: string): Promise<Graph> {
    return graph(this.#core, this.#counter(id), this.#wiring.neighbour);
  }

  async why(id: string): Promise<Why> {
    return why(this.#core, this.#counter(id), this.#syncer.reach);
  }

  async snapshot(): Promise<DomainSnapshot> {
    return snapshot(this.#asked());
  }

  async auditLog(query: { limit: number; before?: number }) {
    return readNotes(this.#core.store, this.#core.name, query);
  }

  async configure(change: DomainChange): Promise<DomainSnapshot> {
    configure(this.#asked(), change);
    this.#syncer.kick();
    return snapshot(this.#core);
  }

  async pause(): Promise<DomainSnapshot> {
    pause(this.#asked());
    return snapshot(this.#core);
  }

  async drain(timeoutMs: number, waitMs: number): Promise<DomainSnapshot & Drained> {
    return drain(this.#core, timeoutMs, waitMs).then((drained) => ({ ...snapshot(this.#core), ...drained }));
  }

  async resumeDomain(): Promise<DomainSnapshot> {
    resume(this.#asked());
    this.#syncer.kick();
    return snapshot(this.#core);
  }

  async createSchedule(input: ScheduleInput): Promise<{ schedule: Schedule; created: boolean }> {
    return withPrerequisites(this.#asked(), input.item, () => putSchedule(this.#core, input));
  }

  async schedules(query: { limit?: number; before?: number }): Promise<{ items: Schedule[]; next: number | null }> {
    return listSchedules(this.#asked(), query);
  }

  async schedule(id: string): Promise<Schedule> {
    return viewSchedule(this.#asked(), readSchedule(this.#core, id));
  }

  async updateSchedule(id: string, change: Partial<ScheduleInput>): Promise<Schedule> {
    return withPrerequisites(this.#asked(), change.item, () => patchSchedule(this.#core, id, change));
  }

  async scheduleAction(id: string, action: "pause" | "resume" | "trigger" | "delete"): Promise<Schedule> {
    return actOnSchedule(this.#asked(), id, action);
  }

  async claim(request: ClaimRequest): Promise<Claim[]> {
    return claim(this.#core, request);
  }

  async leasedType(lease: string): Promise<string> {
    return mustRead(this.#asked(), mustHold(this.#core, lease).task).type;
  }

  async renewLease(lease: string, progress?: Omit<ProgressReport, "id">): Promise<Renewal> {
    return renew(this.#asked(), this.#syncer, lease, progress);
  }

  async settleLease(lease: string, settlement: Settlement): Promise<Task> {
    return settleHeld(this.#asked(), this.#syncer, lease, settlement);
  }

  async ask<Kind extends QuestionName>(kind: Kind, body: Questions[Kind]["body"]): Promise<Questions[Kind]["answer"]> {
    return answer(this.#asked(), kind, body);
  }

  async deliver(from: string, messages: Delivery[]): Promise<DeliveryAnswer[]> {
    return deliver(this.#asked(), from, messages);
  }

  /** The sweeper's poke: everything that an alarm would do, in case one was lost. */
  async poke(): Promise<{ active: number }> {
    await declare(this.#asked(), this.#core.outside.registry);
    this.#ring();
    await this.#syncer.tell();
    return { active: this.#core.runs.size + this.#core.lanes.readySize };
  }

  /** A runner whose link broke finds its run again, or learns that it is over. */
  async resumeRun(request: ResumeRequest): Promise<RunLink | null> {
    return resumeRun(this.#core, this.#conductor, this.#syncer, request);
  }

  async pushFlags(flags: Flags): Promise<number> {
    const version = heed(this.#core, flags);
    this.#syncer.kick();
    return version;
  }

  async makeRoom(order: RoomOrder): Promise<Room> {
    return makeRoom(this.#core, order);
  }

  async pushGrant(incarnation: string, grant: Grant): Promise<Confirmation | null> {
    return this.#syncer.pushed(incarnation, grant);
  }

  /** Never throws: after six failures the platform would delete the alarm for good. */
  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    point("alarm.call", this.#core.name);
    this.#core.alarm.fired(info?.scheduledTime ?? this.#core.clock.now());
    this.#ring();
    point("alarm.answer", this.#core.name);
  }

  #ring(): void {
    ringOn(this.#core);
    this.#syncer.kick();
    this.#courier.kick();
  }
}

acceptNotes(answerRefusals(DomainObject.prototype, METHODS));
