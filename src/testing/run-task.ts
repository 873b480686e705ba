import { type Clock, systemClock } from "../clock.ts";
import type { Log } from "../domains/context.ts";
import type { DomainDefinition, Registry } from "../domains/definition.ts";
import { resolveDefaults } from "../domains/defaults.ts";
import { findDomain, findType } from "../domains/find.ts";
import { prepare } from "../domains/prepare.ts";
import type { DomainLike, InputOf, ResultOf, TypeName } from "../domains/shape.ts";
import type { Child, Dependency } from "../domains/task.ts";
import type { AbortReason, RunChild, RunOutcome, RunTask } from "../durable/protocol.ts";
import { addIo, type Io, showIo } from "../policy/io.ts";
import { isFailedChild } from "../policy/children.ts";
import type { Report } from "../policy/progress.ts";
import { execute } from "../worker/run/execute.ts";
import { Execution } from "../worker/run/execution.ts";
import type { Scope } from "../worker/run/scope.ts";
import { recordingHandles, recordSpawns, type RecordedSpawn, type RecordedSubmit } from "./record.ts";

/** What a task runs with; all of it optional. */
export interface RunTaskOptions {
  /** `ctx.env`, and what `state(env)` gets. */
  env?: unknown;
  /** `ctx.app`. */
  app?: unknown;
  /** `ctx.attempt`; default 1. */
  attempt?: number;
  /** Aborting it cancels the task: `ctx.signal` aborts, then `onCancel` runs. */
  signal?: AbortSignal;
  /** `ctx.dependencies`, and what `ctx.dependency` finds among them. */
  dependencies?: readonly Dependency[];
  /** How each child ends that it spawns, for `failFast` and `ctx.children`; default: completed, with the result null. */
  children?: (child: RecordedSpawn) => Partial<Pick<Child, "status" | "result" | "error">>;
  /** Other domains that `ctx.domain` and `ctx.tryDomain` find. */
  domains?: readonly DomainDefinition[];
  /** Time and chance. */
  clock?: Clock;
}

/** A line that `ctx.log` wrote. */
export interface LogLine {
  level: keyof Log;
  message: string;
  [field: string]: unknown;
}

/** What could be seen of the execution from outside. */
export interface Witnessed {
  /** What `ctx.recordIo` was told in all; null: nothing. */
  io: Io | null;
  /** Every report, in order. */
  progress: Report[];
  logs: LogLine[];
  /** What was submitted through `ctx.domain`: recorded, not sent. */
  submitted: RecordedSubmit[];
  /** The children it spawned: recorded, not sent. */
  spawned: RecordedSpawn[];
}

/** What `runTask` answers with. */
export interface RunTaskAnswer<Result> extends Witnessed {
  /** As it comes out of JSON; null when nothing was returned. */
  result: Result;
}

/** What `runTask` rejects with when the task did not complete: name, message and code of what was thrown. */
export class RunTaskError extends Error {
  readonly code: string | undefined;
  /** Whether the mill would try again. */
  readonly retryable: boolean;
  /** From `RetryAfterError`. */
  readonly retryAfterMs: number | undefined;
  readonly aborted: AbortReason | undefined;
  readonly witnessed: Witnessed;

  constructor(outcome: RunOutcome & { ok: false }, witnessed: Witnessed) {
    super(outcome.error.message);
    this.name = outcome.error.name;
    this.code = outcome.error.code;
    this.retryable = outcome.retryable;
    this.retryAfterMs = outcome.retryAfterMs;
    this.aborted = outcome.aborted;
    this.witnessed = witnessed;
    if (outcome.error.stack !== undefined) this.stack = outcome.error.stack;
  }
}

/** A singleton takes nothing: its payload is null. */
type PayloadOf<Input> = [Input] extends [never] ? null : Input;

/**
 * Runs one task of a definition in the test's own process, the way the runner does: the payload is checked as a submit
 * checks it, parsed again, executed with a real context under the type's timeout, the result parsed.
 *
 * @param definition a domain made by `defineDomain`
 * @throws `RunTaskError` when it fails; `invalid_payload` and its like when the submit would be refused
 * @example
 * ```ts
 * const { result, progress, submitted } = await runTask(media, "resize", { object: "cat.jpg", width: 320 }, { env: { MEDIA: fake } });
 * ```
 */
export async function runTask<Name extends string, Types, Type extends TypeName<Types>>(
  definition: DomainDefinition & DomainLike<Name, Types>,
  type: Type,
  payload: PayloadOf<InputOf<Types, Type>>,
  options: RunTaskOptions = {},
): Promise<RunTaskAnswer<ResultOf<Types, Type>>> {
  const clock = options.clock ?? systemClock;
  const registry = registryOf(definition, options);
  const witnessed: Witnessed = { io: null, progress: [], logs: [], submitted: [], spawned: [] };
  const domain = findDomain(registry, definition.name);
  const item = await prepare(registry, asSubmitted(domain, type), type, payload, undefined, clock);
  const defaults = resolveDefaults(registry, domain, findType(domain, type));
  const task: RunTask = {
    id: 1,
    type,
    payload: item.payload,
    attempt: options.attempt ?? 1,
    executions: options.attempt ?? 1,
    priority: item.priority,
    createdAt: clock.now(),
    timeoutMs: defaults.timeoutMs,
    maxAttempts: defaults.retry.attempts + 1,
    ...(options.dependencies === undefined
      ? {}
      : {
          dependencies: options.dependencies.map(({ id, status, result }) => ({
            id,
            status,
            ...(status === "completed" ? { result: JSON.stringify(result) } : {}),
          })),
        }),
    ...(item.key === undefined ? {} : { key: item.key }),
    ...(item.label === undefined ? {} : { label: item.label }),
    ...(item.tags === undefined ? {} : { tags: item.tags }),
  };
  const outcome = await performAll(task, domain, registry, witnessed, options, clock);
  if (!outcome.ok) throw new RunTaskError(outcome, witnessed);
  return { ...witnessed, result: (outcome.result === undefined ? null : JSON.parse(outcome.result)) as ResultOf<Types, Type> };
}

/** The domain, with a singleton of that name as a type that can be submitted: a round of it is a task like any other. */
function asSubmitted(domain: DomainDefinition, name: string): DomainDefinition {
  const { singleton, ...type } = findType(domain, name);
  if (!singleton) return domain;
  const { label, tags } = singleton;
  const round = { ...type, label: label === undefined ? undefined : () => label, tags: tags === undefined ? undefined : () => tags };
  return { ...domain, types: new Map(domain.types).set(name, round) };
}

/** `execute`, the ends of its children, and `finalize`, as far as they go. */
async function performAll(task: RunTask, ...rest: Tail<Parameters<typeof perform>>): Promise<RunOutcome> {
  const [definition, registry, witnessed, options] = rest;
  const outcome = await perform(task, ...rest);
  if (!outcome.ok || witnessed.spawned.length === 0) return outcome;
  const children = witnessed.spawned.map((one) => endOf(one, options));
  const failed = children.find(({ status }) => isFailedChild(status));
  if (failed && resolveDefaults(registry, definition, findType(definition, task.type)).failFast) {
    const error = {
      name: "ChildError",
      message: `Its child ${failed.id} ended ${failed.status}, and failFast is on.`,
      code: "child_failed",
    };
    return { id: task.id, ok: false, error, retryable: false };
  }
  if (!outcome.memo) return outcome;
  return perform({ ...task, finalize: { memo: outcome.result ?? "null", children } }, ...rest);
}

type Tail<List extends readonly unknown[]> = List extends [unknown, ...infer Rest] ? Rest : never;

function endOf(spawned: RecordedSpawn, options: RunTaskOptions): RunChild {
  const { status = "completed", result = null, error } = options.children?.(spawned) ?? {};
  const { id, type } = spawned;
  return { id, type, status, ...(status === "completed" ? { result: JSON.stringify(result) } : {}), ...(error ? { error } : {}) };
}

async function perform(
  task: RunTask,
  definition: DomainDefinition,
  registry: Registry,
  witnessed: Witnessed,
  options: RunTaskOptions,
  clock: Clock,
): Promise<RunOutcome> {
  const execution = new Execution(task, clock.now(), task.timeoutMs);
  const scope = scopeOf(definition, registry, witnessed, options, clock, () => {
    const { id: _id, ...report } = execution.report!;
    witnessed.progress.push(report);
  });
  const cancel = () => execution.abort("cancel");
  if (options.signal?.aborted) cancel();
  options.signal?.addEventListener("abort", cancel, { once: true });
  const late = clock.after(task.timeoutMs, () => execution.abort("timeout"));
  // The hook of a cancelled task has a time limit of its own.
  const stops: (() => void)[] = [late];
  const watch = (hook: Execution) => void stops.push(clock.after(hook.timeoutMs, () => hook.abort("timeout")));
  try {
    const outcome = await execute(execution, scope, watch);
    if (outcome.io) witnessed.io = showIo(addIo(outcome.io, witnessed.io ?? {}));
    return outcome;
  } finally {
    for (const stop of stops) stop();
    options.signal?.removeEventListener("abort", cancel);
  }
}

function scopeOf(
  definition: DomainDefinition,
  registry: Registry,
  witnessed: Witnessed,
  options: RunTaskOptions,
  clock: Clock,
  reported: () => void,
): Scope {
  return {
    registry,
    env: options.env,
    clock,
    turn: () => clock.sleep(0),
    expose: (control) => control,
    reach: () => ({
      resumeRun: () => Promise.resolve(null),
      submit: () => Promise.resolve({ outcomes: [] }),
      ask: () => Promise.resolve(null),
    }),
    domain: recordingHandles(registry, witnessed.submitted),
    write: (level, line) => void witnessed.logs.push({ ...line, level, message: String(line["message"]) }),
    definition,
    domainName: definition.name,
    lost: false,
    reported,
    spawn: recordSpawns(witnessed.spawned),
    returned: async () => false,
  };
}

/** A registry of copies for every call: state is kept per definition, and must be built from this call's env. */
function registryOf(definition: DomainDefinition, options: RunTaskOptions): Registry {
  const all = [...(options.domains ?? []), definition];
  return {
    domains: new Map(all.map((domain) => [domain.name, { ...domain }])),
    app: "app" in options ? () => options.app : undefined,
    maxConcurrency: 16,
    groups: new Map(),
    defaultGroupMaxConcurrency: null,
    defaults: {},
  };
}
