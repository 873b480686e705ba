import { RpcTarget } from "cloudflare:workers";
import { COORDINATION } from "../../../policy/coordination/protocol.ts";
import { fail, type MillraceError } from "../../../policy/errors.ts";
import { LIMITS } from "../../../policy/limits.ts";
import { point } from "../../point.ts";
import type {
  AbortReason,
  ProgressReport,
  RunAnswer,
  RunControl,
  RunLink,
  RunnerApi,
  RunOutcome,
  RunTask,
  SpawnAnswer,
  SpawnRequest,
} from "../../protocol.ts";
import { answered } from "../../refusal.ts";
import { subject } from "./announce.ts";
import type { Core } from "../core.ts";
import { noteOverrun } from "./overrun.ts";
import type { ControlStub, Run } from "./run.ts";
import { settle } from "./settle.ts";
import { hasChildren, spawn } from "../graph/spawn.ts";

/** How often a run that takes its time is looked at: whether the tasks behind the current one should be recalled. */
const WATCH_MS = LIMITS.runTargetMs;

/** Without a grant: how often to look whether there is one again. */
const REGRANT_MS = 250;

/** Speaks with runners: sends runs, renews their leases, recalls what waits behind a long task. */
export class Conductor {
  private readonly core: Core;
  private readonly reach: () => RunnerApi;
  private stopBeat: (() => void) | undefined;

  constructor(core: Core, reach: () => RunnerApi) {
    this.core = core;
    this.reach = reach;
  }

  /** Sends a run, once, with a fresh stub; its answer settles it. Never rejects. */
  async start(run: Run, tasks: RunTask[]): Promise<void> {
    const stopWatch = tasks.length > 1 ? this.watch(run) : undefined;
    this.beat();
    try {
      point("dispatch.call", this.core.name);
      const answer = await this.reach().run({ run: run.id, domain: this.core.name, tasks }, new Link(this.core, this, run));
      point("dispatch.answered", this.core.name);
      this.answered(run, answer);
    } catch (error) {
      this.broken(run, error);
    } finally {
      stopWatch?.();
    }
  }

  private answered(run: Run, answer: RunAnswer): void {
    if (run.closed) return;
    const elapsed = this.core.clock.now() - run.startedAt;
    const open = this.core.runs.size;
    settle(this.core, run, { ...answer, finished: true });
    this.core.sizes.learn(run.types, elapsed, open);
    this.core.outside.sync();
  }

  /**
   * The call broke (the runner's isolate ended, or the network between): it may still execute, so its slot is not
   * free before its lease is over, unless it calls in. Or the runner has answered and that could not be written: then its
   * control may well live on, and renewed through that the run would never end.
   */
  private broken(run: Run, error: unknown): void {
    if (run.closed) return;
    console.warn(
      JSON.stringify({
        message: "a run's call broke; waiting for its runner to call in",
        run: run.id,
        domain: this.core.name,
        error: String(error),
      }),
    );
    run.letGo();
    this.core.transact("broken", () => {
      run.orphanUntil = Math.max(run.renewedAt, this.core.clock.now()) + COORDINATION.runOverMs;
    });
  }

  /** The runner of a run that goes on speaks for the first time, by the link it was given. */
  attach(run: Run, control: RunControl): void {
    run.orphanUntil = undefined;
    run.renewedAt = this.core.clock.now();
    this.keep(run, control);
    this.beat();
  }

  /**
   * A runner found the object again, by name. To call in renews nothing: without a grant, which a new incarnation does not
   * have yet, nothing may go on for longer than the coordinator counts on. What waits behind its current task is
   * asked back, since nobody watches over it any more.
   */
  resumed(run: Run, control: RunControl): void {
    this.keep(run, control);
    if (this.core.holder.valid(this.core.clock.now())) void this.renew(run);
    if (run.open.size > 1) void this.recall(run, control);
    this.stopBeat?.();
    this.stopBeat = undefined;
    this.beat();
  }

  /** A stub received as an argument dies with the call unless it is kept by a duplicate. */
  private keep(run: Run, control: RunControl): void {
    const stub = control as ControlStub & { dup?(): ControlStub };
    run.control?.[Symbol.dispose]?.();
    run.control = stub.dup ? stub.dup() : stub;
  }

  /** Every 50 ms: when the current task has taken longer than that, the ones behind it are asked back. */
  private watch(run: Run): () => void {
    let stop = this.core.clock.after(WATCH_MS, () => look());
    const look = (): void => {
      if (run.closed || run.recalling || run.open.size < 2) return;
      if (run.control && this.core.clock.now() - run.currentSince >= LIMITS.runTargetMs) return void this.recall(run, run.control);
      stop = this.core.clock.after(WATCH_MS, look);
    };
    return () => stop();
  }

  /** A question: only what the runner says it will not start goes back. Until it has answered, all belongs to the run. */
  private async recall(run: Run, control: RunControl): Promise<void> {
    if (run.recalling) return;
    run.recalling = true;
    try {
      point("recall.call", this.core.name);
      const unstarted = await control.recall();
      point("recall.answered", this.core.name);
      if (!run.closed && unstarted.length > 0) settle(this.core, run, { outcomes: [], unstarted, finished: false });
    } catch {
      // The link broke: the run's call breaks too, or the runner calls in by name with what it has not started.
    } finally {
      run.recalling = false;
    }
  }

  /** While runs are open: renews their leases every 3 s, from memory, while the grant that they stand on is valid; as soon as it is again. */
  private beat(): void {
    const pause = this.core.holder.valid(this.core.clock.now()) ? LIMITS.runRenewMs : REGRANT_MS;
    this.stopBeat ??= this.core.clock.after(pause, () => {
      this.stopBeat = undefined;
      if (this.core.runs.size === 0) return;
      const now = this.core.clock.now();
      const isValid = this.core.holder.valid(now);
      for (const run of this.core.runs.values()) {
        noteOverrun(this.core, run, now);
        if (isValid) void this.renew(run);
        else this.lapse(run);
      }
      this.beat();
    });
  }

  private async renew(run: Run): Promise<void> {
    if (!run.control) return;
    const asked = this.core.clock.now();
    try {
      point("renew.call", this.core.name);
      await run.control.renew();
      point("renew.answered", this.core.name);
      run.renewedAt = Math.max(run.renewedAt, asked);
      run.orphanUntil = undefined;
    } catch {
      // Reached when the runner is gone or has given up. Where its call is still open that ends too; a resumed run has no call.
      this.lapse(run);
    }
  }

  /** Nobody renews this run now: unless somebody does, it is over when its runner must have stopped. */
  private lapse(run: Run): void {
    if (run.closed || run.orphanUntil !== undefined) return;
    this.core.transact("lapse", () => {
      run.orphanUntil = run.renewedAt + COORDINATION.runOverMs;
    });
  }
}

/** What the runner holds of this incarnation: everything counts only while its run is open. */
export class Link extends RpcTarget implements RunLink {
  readonly #core: Core;
  readonly #conductor: Conductor;
  readonly #run: Run;

  constructor(core: Core, conductor: Conductor, run: Run) {
    super();
    this.#core = core;
    this.#conductor = conductor;
    this.#run = run;
  }

  async attach(control: RunControl): Promise<{ abort: [id: number, reason: AbortReason][]; recall: boolean }> {
    point("attach.call", this.#core.name);
    this.#check();
    this.#conductor.attach(this.#run, control);
    point("attach.answer", this.#core.name);
    return { abort: [...this.#run.aborts], recall: false };
  }

  async settle(outcomes: RunOutcome[]): Promise<void> {
    this.#check();
    settle(this.#core, this.#run, { outcomes, unstarted: [], finished: false });
  }

  async spawn(request: SpawnRequest): Promise<SpawnAnswer> {
    point("spawn.call", this.#core.name);
    this.#check();
    const answer = await answered(() => spawn(this.#core, this.#run, request));
    point("spawn.answer", this.#core.name);
    return answer;
  }

  async returned(id: number): Promise<boolean> {
    point("returned.call", this.#core.name);
    this.#check();
    return answered(() => hasChildren(this.#core, this.#run, id));
  }

  async progress(reports: ProgressReport[]): Promise<void> {
    this.#check();
    const run = this.#run;
    for (const report of reports)
      if (run.open.has(report.id)) this.#core.events.progress.report(report, run.currentSince, () => subject(run, report.id));
  }

  #check(): void {
    if (this.#run.closed) throw leaseLost(this.#run.id);
  }
}

export const leaseLost = (run: string): MillraceError =>
  fail("lease_lost", "This run is over for its domain: its lease ran out or it was settled. Nothing was changed; stop the execution.", {
    run,
  });
