import { localHandle } from "../client/local.ts";
import type { Clock } from "../clock.ts";
import type { DomainDefinition, Registry } from "../domains/definition.ts";
import type { StartJobs } from "../domains/startup.ts";
import { type Mode, readMode } from "../domains/startup.ts";
import { versionOf } from "../durable/domain/version.ts";
import type { DomainApi } from "../durable/protocol.ts";
import type { CoordinatorApi } from "../policy/coordination/protocol.ts";
import { fail, MillraceError } from "../policy/errors.ts";

/** As many domains are woken at once. */
const WAKES_MAX = 50;
/** After a failure, or while others are at it, this isolate asks again no sooner. */
const ASK_MS = 5_000;

/** Whom the startup asks, and where it complains. */
export interface StartupOptions {
  coordinator: () => Pick<CoordinatorApi, "startup" | "started">;
  reach: (domain: string) => DomainApi;
  clock: Clock;
  log: (message: string, fields: Record<string, unknown>) => void;
}

/**
 * After a deploy: wakes every domain, so that it brings its schedules and singletons up to date, and runs the startup jobs.
 * Asked for at every request, and beside it; an isolate that has seen it done does nothing any more.
 */
export class Startup {
  readonly #registry: Registry;
  readonly #options: StartupOptions;
  #running: Promise<void> | undefined;
  /** Epoch ms from which this isolate asks the coordinator; infinite: all is done. */
  #askAt = 0;
  #complained = false;

  constructor(registry: Registry, options: StartupOptions) {
    this.#registry = registry;
    this.#options = options;
  }

  /** The work, if there may be any; never rejects. A tick asks even when all was done, where no version tells one start of the coordinator from another. */
  begin(env: unknown, isTick = false): Promise<void> | undefined {
    if (this.#running) return isTick ? this.#running : undefined;
    const isDone = this.#askAt === Infinity && !(isTick && versionOf(env) === "");
    if (isDone || (this.#askAt !== Infinity && this.#askAt > this.#options.clock.now())) return undefined;
    return (this.#running = this.#run(env).finally(() => (this.#running = undefined)));
  }

  async #run(env: unknown): Promise<void> {
    const { clock, coordinator, log } = this.#options;
    const mode = this.#mode(env);
    const domains = [...this.#registry.domains.values()];
    try {
      const asked = {
        wake: domains.map(({ name }) => name),
        start: mode === "none" ? [] : domains.filter(hasJobs).map(({ name }) => name),
      };
      const { version, wake, start, retryMs } = await coordinator().startup({ version: versionOf(env), ...asked });
      const failed: string[] = [];
      const woken = await this.#wake(wake, failed);
      const started = await this.#start(start, mode, version, failed);
      if (wake.length + start.length > 0) await coordinator().started({ version, woken, started, failed });
      const isDone = failed.length === 0 && retryMs === null;
      this.#askAt = isDone ? Infinity : clock.now() + Math.max(ASK_MS, Math.min(retryMs ?? ASK_MS, 60_000));
    } catch (error) {
      this.#askAt = clock.now() + ASK_MS;
      log("The mill could not be started up after a deploy; a later request or cron tick tries again.", { error: describe(error) });
    }
  }

  /** A mode that is none is said once per isolate, and counts as `none`. */
  #mode(env: unknown): Mode {
    try {
      return readMode(env);
    } catch (error) {
      if (!this.#complained) this.#options.log((error as Error).message, {});
      this.#complained = true;
      return "none";
    }
  }

  async #wake(names: readonly string[], failed: string[]): Promise<string[]> {
    const woken: string[] = [];
    for (let first = 0; first < names.length; first += WAKES_MAX) {
      const some = names.slice(first, first + WAKES_MAX);
      const answers = await Promise.allSettled(some.map(async (name) => this.#options.reach(name).poke()));
      for (const [index, answer] of answers.entries()) {
        const domain = some[index]!;
        if (answer.status === "fulfilled") woken.push(domain);
        else this.#note(failed, `wake ${domain}`, "A domain could not be woken after a deploy; it is tried again.", domain, answer.reason);
      }
    }
    return woken;
  }

  async #start(names: readonly string[], mode: Mode, version: string, failed: string[]): Promise<string[]> {
    const started: string[] = [];
    for (const name of names) {
      try {
        await this.#runJobs(this.#registry.domains.get(name)!, mode, version);
        started.push(name);
      } catch (error) {
        this.#note(failed, `start ${name}`, "The startup jobs of a domain failed (onStart); they run again.", name, error);
      }
    }
    return started;
  }

  #note(failed: string[], job: string, message: string, domain: string, error: unknown): void {
    failed.push(job);
    this.#options.log(message, { domain, error: describe(error) });
  }

  /** Everything goes out in one transaction once `onStart` has returned, and once per version, also when the report of it is lost. */
  async #runJobs(definition: DomainDefinition, mode: Mode, version: string): Promise<void> {
    const { reach, clock } = this.#options;
    const items: { type: string; payload: unknown }[] = [];
    let isOver = false;
    const jobs: StartJobs = {
      submit: (type: string, payload: unknown, options: object = {}) => {
        if (isOver)
          throw fail("invalid_state", `${definition.name}: jobs.submit was called after onStart had returned; await what calls it.`);
        items.push({ ...options, type, payload });
      },
    };
    try {
      await definition.startup!(jobs as never, mode as never);
    } finally {
      isOver = true;
    }
    if (items.length === 0) return;
    const handle = localHandle<string, Record<string, never>>(this.#registry, definition, { reach, clock });
    try {
      await handle.submitAll(items as never, { idempotencyKey: `start:${version}` });
    } catch (error) {
      // This version's jobs went out before, with other payloads: only the report was lost.
      if (!MillraceError.is(error, "idempotency_conflict")) throw error;
    }
  }
}

const hasJobs = (definition: DomainDefinition): boolean => definition.startup !== undefined;
const describe = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));
