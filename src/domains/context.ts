import type { Io } from "../policy/io.ts";
import type { MillApp } from "./app.ts";
import type { DomainHandle } from "./handle.ts";
import type { DomainLike, Flat } from "./shape.ts";
import type { SpawnVerbs } from "./spawn-verbs.ts";
import type { Child, Dependency, Task } from "./task.ts";

/** Structured log lines: JSON on the console with domain, type, task id and attempt. `fields` must be JSON. */
export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** The second argument of `execute`: what a running task knows and can do. */
export interface Context<
  State = unknown,
  App = MillApp,
  Env = Cloudflare.Env,
  Name extends string = string,
  Types = unknown,
> extends SpawnVerbs<Name, Types> {
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
   * Says how many bytes this execution has just moved; calls add up. Kept with the task (`io.actual`), and what `io` budgets of
   * types go by. Never awaits, never throws; what is no number of bytes counts as none.
   *
   * @example `ctx.recordIo({ net: { rx: body.byteLength } });`
   */
  recordIo(io: Io): void;
  /**
   * The handle of a domain of this mill.
   *
   * @param definition the definition, or `ref<typeof other>("other")` where importing it would go in a circle
   * @throws `unknown_domain` when this mill has no such domain
   * @example `await ctx.domain(media).submit("resize", { object: "cat", width: 320 });`
   * @example `await ctx.domain(media).spawn("resize", { object: "cat", width: 320 });` // a child
   */
  domain<Name extends string, Types>(definition: DomainLike<Name, Types>): ExecutionHandle<Name, Flat<Types>>;
  /** The same, or `undefined` when this mill has no such domain: for optional integrations. */
  tryDomain<Name extends string, Types>(definition: DomainLike<Name, Types>): ExecutionHandle<Name, Flat<Types>> | undefined;
  /** What it depends on, in the order of `dependsOn`, each with how it ended and its result. */
  readonly dependencies: readonly Dependency[];
  /**
   * One of them, with its result however large: those beyond 4 MiB in all are `truncated` in `dependencies`.
   *
   * @throws `invalid_dependency` when the task does not depend on it
   * @example `const { result } = await ctx.dependency(ctx.dependencies[0].id);`
   */
  dependency(id: string): Promise<Dependency>;
  /** In `finalize`: its children, by age, each with how it ended, its result and its error. */
  readonly children: readonly Child[];
  /**
   * One of them, with result and error however large: those beyond 4 MiB in all are `truncated` in `children`.
   *
   * @throws `invalid_request` when it is none of them
   */
  child(id: string): Promise<Child>;
  /** Structured logging with the task's id on every line. */
  readonly log: Log;
}

/** The handle of a domain as an execution has it: it can spawn there, too. */
export interface ExecutionHandle<Name extends string = string, Types = unknown>
  extends DomainHandle<Name, Types>, SpawnVerbs<Name, Types> {}

/** A context whatever its types: what the runner builds. */
export type AnyContext = Context<unknown, unknown, unknown>;
