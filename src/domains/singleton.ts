import type { StandardSchemaV1 } from "@standard-schema/spec";
import { type Duration, parseDuration } from "../policy/duration.ts";
import { fail } from "../policy/errors.ts";
import type { Io } from "../policy/io.ts";
import { LIMITS } from "../policy/limits.ts";
import type { RateOptions } from "../policy/group-rules.ts";
import type { Priority } from "../policy/priority.ts";
import type { RetryPolicy } from "../policy/retry.ts";
import type { Context } from "./context.ts";
import type { TypeDefinition } from "./definition.ts";
import { checkTags, isClean } from "./tags.ts";

/** The options of a singleton: a task without payload of which there is always exactly one. */
export interface SingletonOptions<Result extends StandardSchemaV1, Returned, State, App, Env> {
  /** How long after the end of a round the next one begins, however it ended; default 0: at once. */
  every?: Duration;
  /** Parses what `execute` returns; without it, the result's type is what `execute` returns. */
  result?: Result;
  /** For people; cut to 256 bytes. */
  label?: string;
  /** Tags of every round: a row each. */
  tags?: Record<string, string>;
  priority?: Priority;
  /** Within a round. When its attempts are used up the round has failed, and the next one comes no sooner than the failures in a row allow. */
  retry?: RetryPolicy;
  /** Per attempt; default 5 minutes. */
  timeout?: Duration;
  /** The group of its rounds, across domains; `null`: none, whatever the domain's default says. */
  group?: string | null;
  /** How often its rounds may start, retries included. */
  rate?: RateOptions;
  /** How many bytes one round moves, as expected: see the same option of a type. */
  io?: Io;
  /** `false`: a round is deleted as soon as it completes. Default true: the newest are kept like any task. */
  keep?: boolean;
  /** The work of one round. */
  execute: (ctx: Context<State, App, Env>) => Returned | Promise<Returned>;
  /** Tidies up after a running round that was cancelled; 30 s at most. */
  onCancel?: (ctx: Context<State, App, Env>) => unknown;
}

/** The payload that every round has. */
export const ROUND_PAYLOAD = "null";

// By hand, so that a definition brings no schema library along.
const NOTHING: StandardSchemaV1<null, null> = {
  "~standard": {
    version: 1,
    vendor: "millrace",
    validate: (value) => (value === null ? { value } : { issues: [{ message: "a singleton has no payload" }] }),
    types: undefined,
  },
};

type Given = Partial<SingletonOptions<StandardSchemaV1, unknown, unknown, unknown, unknown>>;

/** A singleton as a task type like the others, types erased. What is wrong with it is told by `createMill`. */
export function singletonDefinition(name: string, given: object): TypeDefinition {
  const { every, result, label, tags, priority, retry, timeout, group, rate, io, keep, execute, onCancel } = given as Given;
  return {
    name,
    payload: NOTHING,
    result,
    key: undefined,
    label: undefined,
    fairKey: undefined,
    rate,
    io,
    tags: undefined,
    defaults: {
      ...(priority === undefined ? {} : { priority }),
      ...(retry === undefined ? {} : { retry }),
      ...(timeout === undefined ? {} : { timeout }),
      ...(group === undefined ? {} : { group }),
    },
    submittable: false,
    redact: [],
    keep: keep ?? true,
    pull: false,
    singleton: { every: every ?? 0, ...(label === undefined ? {} : { label }), ...(tags === undefined ? {} : { tags }) },
    execute: typeof execute === "function" ? (_payload: never, ctx: never) => execute(ctx) : execute,
    onCancel: typeof onCancel === "function" ? (_payload: never, ctx: never) => onCancel(ctx) : onCancel,
  };
}

/** How long a singleton rests between two rounds. @throws `invalid_request` */
export function everyMsOf({ every }: Singleton): number {
  return parseDuration(every, "every");
}

type Singleton = NonNullable<TypeDefinition["singleton"]>;

/** Throws what `createMill` tells of a singleton beside what it tells of every type. */
export function checkSingleton(singleton: Singleton): void {
  if (everyMsOf(singleton) > LIMITS.delayMsMax) throw fail("invalid_request", "every must be at most 10 years.");
  if (singleton.label !== undefined && (typeof singleton.label !== "string" || !isClean(singleton.label)))
    throw fail("invalid_request", "label must be text without NUL or half surrogate pairs.");
  if (singleton.tags !== undefined) checkTags(singleton.tags);
}
