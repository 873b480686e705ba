import type { MillApp } from "./app.ts";
import type { DomainHandle } from "./handle.ts";
import type { DomainLike, Flat } from "./shape.ts";
import type { Dependency, Task } from "./task.ts";

/** Structured log lines: JSON on the console with domain, type, task id and attempt. `fields` must be JSON. */
export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** The second argument of `execute`: what a running task knows and can do. */
export interface Context<State = unknown, App = MillApp, Env = Cloudflare.Env> {
  /** The task's record as it was when this execution was sent to the runner. */
  readonly task: Task;
  /** The charged attempt under way; 1 first. */
  readonly attempt: number;
  /** The Worker's bindings. */
  readonly env: Env;
  /** The domain's own state: what `state(env)` returned, built once per isolate. */
  readonly state: State;
  /** The mill's app state: what `app(env)` returned, built once per isolate. */
  readonly app: App;
  /** Aborted on cancel, timeout, deadline or pause, and when the runner has lost its lease. Pass it to `fetch`. */
  readonly signal: AbortSignal;
  /**
   * Says how far this execution has come. Reports are joined; never awaits, never throws.
   *
   * @param fraction 0 to 1; cut to that range
   * @param message at most 256 bytes; cut
   */
  progress(fraction: number, message?: string): void;
  /** Progress in bytes: the fraction is `done / total`, rate and remaining time are derived. */
  bytes(amount: { done: number; total: number }): void;
  /**
   * The handle of a domain of this mill.
   *
   * @param definition the definition, or `ref<typeof other>("other")` where importing it would go in a circle
   * @throws `unknown_domain` when this mill has no such domain
   * @example `await ctx.domain(media).submit("resize", { object: "cat", width: 320 });`
   */
  domain<Name extends string, Types>(definition: DomainLike<Name, Types>): DomainHandle<Name, Flat<Types>>;
  /** The same, or `undefined` when this mill has no such domain: for optional integrations. */
  tryDomain<Name extends string, Types>(definition: DomainLike<Name, Types>): DomainHandle<Name, Flat<Types>> | undefined;
  /** What it depends on, in the order of `dependsOn`, each with how it ended and its result. */
  readonly dependencies: readonly Dependency[];
  /**
   * One of them, with its result however large: those beyond 4 MiB in all are `truncated` in `dependencies`.
   *
   * @throws `invalid_dependency` when the task does not depend on it
   * @example `const { result } = await ctx.dependency(ctx.dependencies[0].id);`
   */
  dependency(id: string): Promise<Dependency>;
  /** Structured logging with the task's id on every line. */
  readonly log: Log;
}

/** A context whatever its types: what the runner builds. */
export type AnyContext = Context<unknown, unknown, unknown>;
