import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { DependencyPolicy } from "../policy/dependencies.ts";
import type { OnDuplicate } from "../policy/duplicates.ts";
import type { Duration } from "../policy/duration.ts";
import type { GateAnswer } from "../policy/gate.ts";
import type { Io } from "../policy/io.ts";
import { didYouMean } from "../policy/names.ts";
import type { RateOptions } from "../policy/group-rules.ts";
import type { PressureStep } from "../policy/pressure.ts";
import type { Priority } from "../policy/priority.ts";
import type { RetryPolicy } from "../policy/retry.ts";
import type { Context } from "./context.ts";
import type { Defaults, History } from "./definition.ts";
import type { Jsonified } from "./shape.ts";
import type { Task } from "./task.ts";
import { SUBMIT_OPTIONS, SUBMIT_OPTIONS_LATER } from "./submit-options.ts";

/** The options of a domain. */
export interface DomainOptions<State, Env> {
  /** Builds `ctx.state`: called lazily, once per isolate. */
  state?: (env: Env) => State;
  /** How many of its tasks may run at once, 1 to 10,000; default: no cap but the mill's. */
  maxConcurrency?: number;
  /** For every type of the domain that does not say otherwise. */
  defaults?: Defaults;
  /** See the same option of `createMill`; for tasks submitted here. */
  preemptAt?: Priority | null;
  /** How often tasks of a type may start, for types that say nothing themselves; changed live by `setRate`. */
  rates?: Readonly<Record<string, RateOptions>>;
  /** How many finished tasks are kept, and how long; default 10,000 and 30 days. */
  history?: History;
  /**
   * Asked about each task when it could start: `admit`, `deny(reason)` or `until(time)`. It runs in the domain's object, so it must
   * answer at once, from the task, the time and what the code knows: no I/O, no state. What it holds holds up nobody else, and is asked
   * about again: at its time, else in turn, at most 1,000 every 5 s. If it throws, the task is held.
   *
   * @example `gate: (task, now) => (task.tags.tier === "free" && isPeak(now) ? deny("peak hours") : admit)`
   */
  gate?: (task: Task, now: Date) => GateAnswer;
  /** Which of its tasks wait under pressure; default: as the mill says. `[]`: none, for a domain whose work relieves it. */
  pressure?: readonly PressureStep[];
}

/** The options of a task type. `payload` and `result` take a schema of any Standard Schema library. */
export interface TaskOptions<
  Payload extends StandardSchemaV1,
  Result extends StandardSchemaV1,
  Returned,
  State,
  App,
  Env,
  Name extends string = string,
  Types = unknown,
> {
  /** What a submit must bring. Everything below sees the schema's output. */
  payload: Payload;
  /**
   * Parses what `execute` returns; without it, the result's type is what `execute` returns. Where it has literals, say
   * `"done" as const` or annotate `execute`: TypeScript widens them before it knows this schema.
   */
  result?: Result;
  /** The duplicate key, at most 1,024 bytes; absent: the canonical payload; `null`: a plain task, never checked for duplicates. */
  key?: (payload: StandardSchemaV1.InferOutput<Payload>) => string | null;
  /** For people; cut to 256 bytes. */
  label?: (payload: StandardSchemaV1.InferOutput<Payload>) => string;
  /**
   * By what its tasks take turns, such as a tenant: among equally urgent ones each key has one in turn, so that one's 100,000
   * do not delay another's one. At most 256 bytes; `null`: no turns. Runs where the submit is made.
   */
  fairKey?: (payload: StandardSchemaV1.InferOutput<Payload>) => string | null;
  /** How often its tasks may start, in this domain: a token bucket. Those without a token wait, and hold nobody up. */
  rate?: RateOptions;
  /**
   * How many bytes one task moves, as expected: while what runs of this domain, and it, expect more on an axis than the domain
   * has been seen to move in 1.6 s, it waits. Observed is what `ctx.recordIo` tells; before anything was, there is no limit.
   *
   * @example `io: { net: { rx: 1_000_000, tx: 200_000 } }`
   */
  io?: Io;
  /** Tags of every task of this type, a row each; those of a call win. At most 32, keys to 64 bytes, values to 256. */
  tags?: Record<string, string> | ((payload: StandardSchemaV1.InferOutput<Payload>) => Record<string, string>);
  /** A name, or 0 (most urgent) to 255; default `normal`, 128. */
  priority?: Priority;
  /** Made by `constant`, `linear` or `exponential`; default `exponential(3, "1s", "5m")`. */
  retry?: RetryPolicy;
  /** Per attempt; default 5 minutes. */
  timeout?: Duration;
  /** Tasks that have not started within this end `expired`. */
  ttl?: Duration;
  /** Where the ttl's clock starts; default `submit`. */
  ttlFrom?: "submit" | "firstAttempt";
  /** From submission: aborted wherever it is, `expired`. Default: none. */
  deadline?: Duration;
  /** What happens when the key is held by a live task; default `skip`. */
  onDuplicate?: OnDuplicate;
  /** What becomes of a task when one that it depends on fails; default `cancel`. */
  onDependencyFailure?: DependencyPolicy;
  /** Whether the first failed child fails its parent and cancels the other children; default true. */
  failFast?: boolean;
  /** The group of its tasks, across domains: text of 1 to 128 bytes; `null`: none, whatever the domain's default says. */
  group?: string | null;
  /** Whether HTTP and the dashboard's form may submit it; default true. */
  submittable?: boolean;
  /** Members of the payload that viewers do not see. */
  redact?: readonly (keyof StandardSchemaV1.InferInput<Payload> & string)[];
  /** `false`: deleted as soon as it completes; its result is never stored. Default true. */
  keep?: boolean;
  /** For so long after its end retention leaves it alone, whatever the history's bounds say; default, and at least, 1 minute. */
  keepAtLeast?: Duration;
  /** The work. Any throw is retried, unless it is a `NonRetryableError`. */
  execute: (payload: StandardSchemaV1.InferOutput<Payload>, ctx: Context<State, App, Env, Name, Types>) => Returned | Promise<Returned>;
  finalize?: undefined;
  /** Tidies up after a running task that was cancelled; 30 s at most. */
  onCancel?: (payload: StandardSchemaV1.InferOutput<Payload>, ctx: Context<State, App, Env>) => unknown;
}

/** The options of a type that ends with `finalize`: what `execute` returns is its memo, what `finalize` returns the result. */
export type FinalizedOptions<
  Payload extends StandardSchemaV1,
  Result extends StandardSchemaV1,
  Memo,
  Returned,
  State,
  App,
  Env,
  Name extends string = string,
  Types = unknown,
> = Omit<TaskOptions<Payload, Result, unknown, State, App, Env, Name, Types>, "execute" | "finalize"> & {
  /** The first part of the work: it spawns the children. What it returns, at most 512 KiB of JSON, is handed to `finalize`. */
  execute: (payload: StandardSchemaV1.InferOutput<Payload>, ctx: Context<State, App, Env, Name, Types>) => Memo | Promise<Memo>;
  /**
   * The rest of it, when all children have ended; without any, at once. It runs before new work. A retry of it runs it again,
   * with the same memo.
   */
  finalize: (
    payload: StandardSchemaV1.InferOutput<Payload>,
    memo: Jsonified<Memo>,
    ctx: Context<State, App, Env, Name, Types>,
  ) => Returned | Promise<Returned>;
};

/** The options of a type that pull workers do: there is no `execute`, and the lease stands for the timeout. */
export type PullOptions<Payload extends StandardSchemaV1, Result extends StandardSchemaV1> = Omit<
  TaskOptions<Payload, Result, unknown, unknown, unknown, unknown>,
  "execute" | "finalize" | "onCancel" | "timeout" | "failFast"
> & {
  /** Claimed over HTTP or by `handle.claim`, never executed by the mill itself. */
  pull: true;
};

const DEFAULTS = [
  "priority",
  "retry",
  "timeout",
  "ttl",
  "ttlFrom",
  "deadline",
  "onDuplicate",
  "onDependencyFailure",
  "failFast",
  "group",
] as const;
const TASK = new Set<string>([
  "payload",
  "result",
  "key",
  "label",
  "tags",
  "fairKey",
  "rate",
  "io",
  ...DEFAULTS,
  "submittable",
  "redact",
  "keep",
  "keepAtLeast",
  "pull",
  "execute",
  "finalize",
  "onCancel",
]);
const TASK_LATER = new Set(["aging"]);
const DOMAIN = new Set<string>(["state", "maxConcurrency", "defaults", "history", "gate", "preemptAt", "rates", "pressure"]);
const DOMAIN_LATER = new Set(["shards", "groups", "aging"]);
const LEVEL = new Set<string>([...DEFAULTS, "tags"]);
const LEVEL_LATER = new Set<string>();
/** Options of a submit that a schedule does not have: an instance's key is its planned time, and it is nobody's child. */
const NOT_SCHEDULED = new Set(["key", "parent"]);
const SCHEDULE = new Set([
  "type",
  "payload",
  "every",
  "cron",
  "timezone",
  "initialDelay",
  "overlap",
  "catchUp",
  "jitter",
  "maxRuns",
  ...SUBMIT_OPTIONS.filter((name) => !NOT_SCHEDULED.has(name)),
]);
const SCHEDULE_LATER = new Set([...SUBMIT_OPTIONS_LATER].filter((name) => !NOT_SCHEDULED.has(name)));
const SINGLETON = new Set([
  "every",
  "result",
  "label",
  "tags",
  "priority",
  "retry",
  "timeout",
  "group",
  "rate",
  "io",
  "keep",
  "execute",
  "onCancel",
]);
const SINGLETON_LATER = new Set(["finalize"]);
const MILL = new Set([
  "webhooks",
  "domains",
  "app",
  "late",
  "maxConcurrency",
  "groups",
  "defaultGroupMaxConcurrency",
  "defaults",
  "aging",
  "preemptAt",
  "pressure",
  "crons",
]);
const MILL_LATER = new Set(["runner", "shards"]);
const BOUNDS = new Set(["keep", "maxAge"]);
const HISTORY = new Set([...BOUNDS, "perStatus", "perType"]);

const KNOWN = {
  task: [TASK, TASK_LATER],
  domain: [DOMAIN, DOMAIN_LATER],
  defaults: [LEVEL, LEVEL_LATER],
  schedule: [SCHEDULE, SCHEDULE_LATER],
  singleton: [SINGLETON, SINGLETON_LATER],
  mill: [MILL, MILL_LATER],
  history: [HISTORY, new Set<string>()],
  bounds: [BOUNDS, new Set<string>()],
} as const satisfies Record<string, readonly [ReadonlySet<string>, ReadonlySet<string>]>;

/** What is wrong with the names of the options in `given`: unknown ones with a hint, those of features that are not built as `not_implemented`. */
export function optionProblems(kind: keyof typeof KNOWN, where: string, given: object): string[] {
  const [known, later] = KNOWN[kind];
  const problems: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    if (known.has(name) || value === undefined) continue;
    if (later.has(name)) {
      problems.push(`${where}: the option "${name}" is not_implemented yet; leave it out.`);
      continue;
    }
    const hint = didYouMean(name, [...known, ...later]);
    problems.push(`${where}: there is no option "${name}"${hint ? `; did you mean "${hint}"?` : `; it takes ${[...known].join(", ")}.`}`);
  }
  return problems;
}
