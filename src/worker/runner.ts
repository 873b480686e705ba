import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
import { systemClock } from "../clock.ts";
import type { Registry } from "../domains/definition.ts";
import type { AbortReason, RunAnswer, RunControl, RunLink, RunnerApi, RunRequest } from "../durable/protocol.ts";
import { Run } from "./run/run.ts";
import type { Surroundings } from "./run/scope.ts";

/** What the composition root gives the runner; the rest has the platform's own as default. */
export type RunnerWiring = Pick<Surroundings, "reach" | "domain"> &
  Partial<Pick<Surroundings, "clock" | "turn" | "write">> & {
    /**
     * Keep a run alive when its object is reset, until the run's lease is over and not a moment longer: finished work is handed
     * to the object's next incarnation, and an executor that ignores its signal ends with the lease. Default false: the
     * platform stops the run together with the object, and its tasks run again.
     */
    outlive?: boolean;
  };

/**
 * The Worker entrypoint in which user code runs, the only one that does. The mill derives a class with its registry from
 * it; a Domain object calls `run`, through `ctx.exports` or a binding. It stores nothing.
 */
export class RunnerEntrypoint extends WorkerEntrypoint<unknown> implements RunnerApi {
  readonly #surroundings: Surroundings;
  readonly #outlive: boolean;

  constructor(ctx: ExecutionContext, env: unknown, registry: Registry, { outlive = false, ...wiring }: RunnerWiring) {
    super(ctx, env);
    this.#outlive = outlive;
    this.#surroundings = {
      clock: systemClock,
      turn: () => scheduler.wait(0),
      write,
      ...wiring,
      registry,
      env,
      expose: (control) => new Control(control),
    };
  }

  /**
   * Executes the run's tasks one after another; answers when the last one has ended, with the outcomes that were not
   * handed over before. Never rejects. `link` lives as long as this call, so it is not duplicated.
   */
  run(request: RunRequest, link: RunLink): Promise<RunAnswer> {
    const run = new Run(request, link, this.#surroundings);
    const answer = run.go();
    // Once the object is gone, only this holds the execution; when it resolves, the platform ends what is left.
    if (this.#outlive) this.ctx.waitUntil(Promise.race([answer, run.whenLost()]));
    return answer;
  }
}

/** A run's control as the object reaches it over RPC. */
class Control extends RpcTarget implements RunControl {
  readonly #control: RunControl;

  constructor(control: RunControl) {
    super();
    this.#control = control;
  }

  renew(): Promise<void> {
    return this.#control.renew();
  }

  abort(id: number, reason: AbortReason): Promise<void> {
    return this.#control.abort(id, reason);
  }

  recall(): Promise<number[]> {
    return this.#control.recall();
  }
}

function write(level: "debug" | "info" | "warn" | "error", line: Record<string, unknown>): void {
  let text: string;
  try {
    text = JSON.stringify({ level, ...line });
  } catch {
    // Fields that JSON cannot hold must not fail the task that logs them.
    text = JSON.stringify({ level, message: String(line["message"]), unloggable: true });
  }
  console[level](text);
}
