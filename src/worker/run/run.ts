import type { Outcome } from "../../domains/task.ts";
import type {
  AbortReason,
  RunAnswer,
  RunControl,
  RunLink,
  RunRequest,
  RunTask,
  SpawnAnswer,
  SpawnRequest,
} from "../../durable/protocol.ts";
import { acceptAnswer } from "../../durable/refusal.ts";
import { LIMITS } from "../../policy/limits.ts";
import { Connection, dispose } from "./connection.ts";
import { execute } from "./execute.ts";
import { Execution } from "./execution.ts";
import { leaseLost } from "./guard.ts";
import { firstStretch, nextStretch } from "./pace.ts";
import { MESSAGE_CHARS_MAX, Report } from "./report.ts";
import { joinElsewhere, type Scope, scopeOf, type Surroundings } from "./scope.ts";
import { Wake } from "./wake.ts";

/** A run that is over sooner is never attached: one RPC fewer. */
const ATTACH_MS = 5;
const PROGRESS_MS = 250;
/** Two renewals missed: the object may be gone. */
const SILENCE_MS = 2 * LIMITS.runRenewMs;
/** After this much silence the end of a run asks first: an answer to an object that was reset goes nowhere, unnoticed. */
const PROVE_MS = 500;

/** One run: its tasks one after another, its lease, its way to the object. Made for one `go()`. */
export class Run {
  readonly #request: RunRequest;
  readonly #around: Surroundings;
  readonly #scope: Scope;
  readonly #connection: Connection;
  readonly #control: RunControl;
  readonly #wake: Wake;
  readonly #report = new Report();
  readonly #unstarted: number[] = [];
  /** Tasks from `#next` on have not started; recalled and aborted ones are taken out. */
  readonly #tasks: RunTask[];
  #next = 0;
  #current: Execution | undefined;
  #lost = false;
  #onLost: (() => void) | undefined;
  #leaseEndsAt: number;
  #attachAt: number;
  /** When to ask whether the object is still there; only once it has the control and so should renew. */
  #pingAt = Infinity;
  #progressAt: number;
  #settling: Promise<void> | undefined;
  /** No task is under way or will start. */
  #over = false;
  /** The object was told, by name, all there is to tell. */
  #delivered = false;

  constructor(request: RunRequest, link: RunLink, around: Surroundings) {
    const now = around.clock.now();
    this.#request = request;
    this.#around = around;
    this.#tasks = [...request.tasks];
    this.#leaseEndsAt = now + LIMITS.runLeaseMs;
    this.#attachAt = now + ATTACH_MS;
    this.#progressAt = now + PROGRESS_MS;
    this.#scope = scopeOf(around, request.domain, {
      lost: () => this.#lost,
      reported: () => this.#arm(),
      spawn: (asked) => this.#spawn(asked),
      returned: async (id) => acceptAnswer(await this.#ask((way) => way.returned(id))) as boolean,
    });
    this.#control = around.expose({
      renew: async () => {
        if (this.#lost) throw leaseLost();
        this.#renewed(around.clock.now());
      },
      abort: async (id, reason) => this.#abort(id, reason),
      recall: async () => this.#recall(),
    });
    this.#connection = new Connection(link, {
      clock: around.clock,
      lost: () => this.#lost,
      resume: () => this.#resume(),
      resumed: (open) => (open || this.#delivered ? this.#arm() : this.#lose()),
      refused: () => this.#lose(),
    });
    this.#wake = new Wake(around.clock, () => this.#tick());
  }

  /** Runs the tasks; answers with the outcomes that the object does not have yet. Never rejects. */
  async go(): Promise<RunAnswer> {
    const { clock } = this.#around;
    this.#wake.arm(this.#attachAt);
    let size = firstStretch(this.#tasks.length);
    while (this.#next < this.#tasks.length) {
      const since = clock.now();
      // Begun with the stretch, so that one whose tasks do I/O of their own has let messages in already and waits for nothing.
      const turn = this.#tasks.length - this.#next > size ? this.#around.turn() : undefined;
      for (let count = 0; count < size && this.#next < this.#tasks.length; count += 1) {
        await this.#perform(this.#tasks[this.#next++]!);
        if (this.#report.chars > MESSAGE_CHARS_MAX) await this.#unload();
      }
      if (turn === undefined) continue;
      if (this.#next < this.#tasks.length) await turn;
      size = nextStretch(size, clock.now() - since);
    }
    return this.#finish();
  }

  async #perform(task: RunTask): Promise<void> {
    const { clock } = this.#around;
    const watch = (execution: Execution) => {
      this.#current = execution;
      this.#wake.arm(execution.timeoutAt);
    };
    const execution = new Execution(task, clock.now(), task.timeoutMs);
    watch(execution);
    const outcome = await execute(execution, this.#scope, watch);
    this.#current = undefined;
    this.#report.add(outcome, clock.now());
    if (this.#report.since + LIMITS.settleFlushMs < this.#wake.at) this.#arm();
  }

  // ── what the object asks ──

  #abort(id: number, reason: AbortReason): void {
    if (this.#current?.task.id === id) return this.#current.abort(reason);
    const index = this.#tasks.findIndex((task, at) => at >= this.#next && task.id === id);
    if (index === -1) return;
    this.#tasks.splice(index, 1);
    this.#unstarted.push(id);
  }

  /** Every id that will not be started, those told before too: an earlier answer may have been lost. */
  #recall(): number[] {
    for (const task of this.#tasks.splice(this.#next)) this.#unstarted.push(task.id);
    return [...this.#unstarted];
  }

  // ── the lease ──

  #renewed(at: number): void {
    if (this.#lost) return;
    this.#leaseEndsAt = Math.max(this.#leaseEndsAt, at + LIMITS.runLeaseMs);
    this.#pingAt = at + SILENCE_MS;
    this.#connection.heardAt = this.#around.clock.now();
    this.#arm();
  }

  #lose(): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#recall();
    this.#current?.abort("lease");
    this.#onLost?.();
  }

  // ── the clock ──

  #tick(): void {
    const now = this.#around.clock.now();
    if (now >= this.#leaseEndsAt) this.#lose();
    const execution = this.#current;
    if (execution && now >= execution.timeoutAt) execution.abort("timeout");
    if (!this.#lost && this.#connection.open) {
      if (now >= this.#attachAt && !this.#over) void this.#attach();
      if (now >= this.#report.since + LIMITS.settleFlushMs) this.#flush();
      if (execution?.report && now >= this.#progressAt) void this.#sendProgress(execution, now);
      if (now >= this.#pingAt) void this.#ping();
    }
    this.#arm();
  }

  /** Sets the timer to whatever is due next. */
  #arm(): void {
    let at = this.#current?.timeoutAt ?? Infinity;
    if (!this.#lost) {
      at = Math.min(at, this.#leaseEndsAt);
      if (this.#connection.open) {
        if (!this.#over) at = Math.min(at, this.#attachAt);
        if (this.#settling === undefined) at = Math.min(at, this.#report.since + LIMITS.settleFlushMs);
        if (this.#current?.report) at = Math.min(at, this.#progressAt);
        at = Math.min(at, this.#pingAt);
      }
    }
    this.#wake.arm(at);
  }

  // ── what the runner tells ──

  async #attach(): Promise<void> {
    this.#attachAt = Infinity;
    const asked = this.#around.clock.now();
    const attached = await this.#connection.call((link) => link.attach(this.#control));
    if (attached === undefined) return;
    const { abort, recall } = attached.answer;
    this.#renewed(asked);
    for (const [id, reason] of abort) this.#abort(id, reason);
    if (recall) this.#recall();
    dispose(attached.answer);
  }

  #flush(): void {
    if (this.#settling !== undefined || this.#report.size === 0) return;
    const batch = this.#report.batch();
    this.#settling = this.#connection
      .call((link) => link.settle(batch))
      .then((settled) => {
        this.#settling = undefined;
        if (settled) this.#report.confirm(batch, this.#around.clock.now());
        this.#arm();
      });
  }

  /** Keeps what is held small enough for one message; gives up while the link is broken. */
  async #unload(): Promise<void> {
    while (this.#report.chars > MESSAGE_CHARS_MAX && this.#connection.open && !this.#lost) {
      this.#flush();
      await Promise.race([this.#settling, this.whenLost()]);
    }
  }

  async #sendProgress(execution: Execution, now: number): Promise<void> {
    const { report } = execution;
    if (report === undefined) return;
    execution.report = undefined;
    this.#progressAt = now + PROGRESS_MS;
    await this.#connection.call((link) => link.progress([report]));
  }

  /** Finds out whether the link is broken; it renews nothing, since an object without slots may answer, too. */
  async #ping(): Promise<void> {
    this.#pingAt = this.#around.clock.now() + LIMITS.runRenewMs;
    await this.#connection.call((link) => link.progress([]));
  }

  /** A call that has to be answered: made again while the object comes back, until the run is lost. */
  async #ask<Answer>(make: (link: RunLink) => Promise<Answer>): Promise<Answer> {
    while (!this.#lost && !this.#over) {
      const answered = await this.#connection.call(make);
      if (answered) return answered.answer;
      await Promise.race([this.#connection.recovering, this.whenLost()]);
    }
    throw leaseLost();
  }

  async #spawn(request: SpawnRequest): Promise<Outcome[]> {
    const answer = acceptAnswer(await this.#ask((link) => link.spawn(request))) as SpawnAnswer;
    if ("outcomes" in answer) return answer.outcomes;
    return joinElsewhere(this.#around, answer.elsewhere, request);
  }

  async #resume(): Promise<RunLink | null> {
    const { run, domain } = this.#request;
    const outcomes = this.#report.batch();
    const finished = this.#over && outcomes.length === this.#report.size;
    const request = { run, outcomes, unstarted: [...this.#unstarted], finished };
    const link = await this.#around.reach(domain).resumeRun(finished ? request : { ...request, control: this.#control });
    this.#report.confirm(outcomes, this.#around.clock.now());
    this.#delivered = finished;
    this.#attachAt = Infinity;
    // That the object is there renews nothing: it does that itself, once it has slots again.
    this.#pingAt = this.#around.clock.now() + SILENCE_MS;
    return link;
  }

  // ── the end ──

  async #finish(): Promise<RunAnswer> {
    this.#over = true;
    while (!this.#lost && !this.#delivered) {
      if (this.#connection.everBroken) {
        // Whoever called this run may be gone: the object is told by name.
        if (this.#connection.recovering === undefined) this.#connection.recover();
        await Promise.race([this.#connection.recovering, this.whenLost()]);
      } else if (this.#settling !== undefined) await Promise.race([this.#settling, this.whenLost()]);
      else if (this.#report.chars > MESSAGE_CHARS_MAX) this.#flush();
      else if (this.#around.clock.now() - this.#connection.heardAt >= PROVE_MS) await Promise.race([this.#ping(), this.whenLost()]);
      else break;
    }
    this.#wake.stop();
    this.#connection.close();
    return { outcomes: this.#report.batch(), unstarted: this.#unstarted };
  }

  /** Resolves when the run is lost: not renewed for its lease, or refused by the object. */
  whenLost(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#lost) return resolve();
      const before = this.#onLost;
      this.#onLost = () => {
        before?.();
        resolve();
      };
    });
  }
}
