import type { DomainSnapshot, Drained } from "../durable/protocol.ts";
import type { DependencyPolicy } from "../policy/dependencies.ts";
import type { OnDuplicate } from "../policy/duplicates.ts";
import type { Duration } from "../policy/duration.ts";
import type { Overlap } from "../policy/firing.ts";
import type { Priority } from "../policy/priority.ts";
import type { RetryPolicy } from "../policy/retry.ts";
import type { Status } from "../policy/status.ts";
import type { DomainBulk } from "./bulk.ts";
import type { ClaimOf } from "./claim-handle.ts";
import type { ClaimOptions } from "./claim-options.ts";
import type { Prerequisites } from "./definition.ts";
import type { DomainLimits } from "./limits.ts";
import type { DomainLooks } from "./looks.ts";
import type { EventVerbs } from "./events.ts";
import type { InputOf, ResultOf, TypeName } from "./shape.ts";
import type { Listing } from "./listing.ts";
import type { Outcome, Schedule, Task } from "./task.ts";
import type { TaskHandle } from "./task-handle.ts";

export type { ClaimedTask, ClaimOf } from "./claim-handle.ts";
export type { TaskHandle, WaitOptions } from "./task-handle.ts";

/** A moment: RFC 3339 text, a `Date`, or milliseconds since 1970. */
export type Instant = string | number | Date;

/** What a submit may say beside type and payload. Where it is silent: type > domain > mill > built in. */
export interface SubmitOptions {
  /** Duplicate key, 1 to 1,024 bytes; `null`: a plain task that is never checked for duplicates. */
  key?: string | null;
  /** For people; at most 256 bytes. */
  label?: string;
  /** A name, or 0 (most urgent) to 255. */
  priority?: Priority;
  /** Not before this long from now; at most ten years. Not together with `runAt`. */
  delay?: Duration;
  /** Not before this moment; the past is now, at most ten years ahead. */
  runAt?: Instant;
  /** Ends `expired` when it has not started within this. */
  ttl?: Duration;
  /** Where the ttl's clock starts; default `submit`. */
  ttlFrom?: "submit" | "firstAttempt";
  /** Per attempt; default 5 minutes. */
  timeout?: Duration;
  /** Ends `expired` at this moment (RFC 3339 text or `Date`) or this long after the submit (a duration), wherever it is. */
  deadline?: Duration | string | Date;
  /** At most 32, keys to 64 bytes, values to 256; over the type's own tags. */
  tags?: Record<string, string>;
  /** Made by `constant`, `linear` or `exponential`; default `exponential(3, "1s", "5m")`. */
  retry?: RetryPolicy;
  /**
   * What happens when the key is held by a live task; default `skip`. With a debounce the task runs when nobody has
   * submitted the key for that long, so it takes neither `delay` nor `runAt`.
   */
  onDuplicate?: OnDuplicate;
  /**
   * Ids of tasks that have to end before this one may run; at most 1,000 in a call. In a batch also `{ index }` of an earlier
   * task of it, up to 5,000 a task.
   */
  dependsOn?: readonly (string | { index: number })[];
  /**
   * When one of them ends in another way than by completing. `cancel` (default): this one ends `dependency_failed`, and so do all
   * that depend on it. `fail`: the same for this one; those that depend on it go by their own policy. `ignore`: it runs anyway.
   */
  onDependencyFailure?: DependencyPolicy;
  /** Whether the first of its children that fails fails it, too, and cancels the others; default true. */
  failFast?: boolean;
  /**
   * Id of the task whose child it becomes, in whatever domain: one that runs or waits. A batch has one parent.
   *
   * @throws `invalid_state` when that one does not run or wait, or is done by pull workers
   */
  parent?: string;
  /** Tasks of one group share its cap, weight, rate and pause, across domains; text of 1 to 128 bytes. `null`: none, whatever the defaults say. */
  group?: string | null;
}

/** Options that belong to the whole call. */
export interface CallOptions {
  /** A repeat with the same key within 24 h answers with the first outcome; 1 to 255 bytes. */
  idempotencyKey?: string;
}

/** What became of a submit. Hand it to `task()` for a typed handle of the task. */
export type Submitted<Name extends string = string, Type extends string = string> = Outcome & { type: Type; domain: Name };

/** One task of a batch. */
export type BatchItem<Types> = {
  [Type in TypeName<Types>]: { type: Type; payload: InputOf<Types, Type> } & SubmitOptions;
}[TypeName<Types>];
/** The outcomes of a batch, in its order. */
export type BatchAnswer<Name extends string, Items extends readonly { type: string }[]> = {
  -readonly [Index in keyof Items]: Submitted<Name, Items[Index]["type"]>;
};

/** Which tasks; everything given must match. */
export interface ListQuery<Type extends string = string> {
  /** Any of them. */
  status?: Status | readonly Status[];
  /** Exactly this type. */
  type?: Type;
  /** Exactly this group. */
  group?: string;
  /** Exactly this one, as it was submitted. */
  priority?: Priority;
  /** All of them must match exactly. */
  tags?: Record<string, string>;
  /** With a tag whose key begins so; `%` and `_` mean themselves. */
  tagPrefix?: string;
  /** The duplicate key, as the call or the type named it; payloads that are their own key are not found by it. */
  key?: string;
  /** Substring of the error's message. */
  error?: string;
  /** Substring of label, key or error. */
  q?: string;
  /** Id of the schedule that made it. */
  schedule?: string;
  /** Id of the task whose children are asked for. */
  parent?: string;
  /** Submitted then or later (`createdAt`). */
  since?: Instant;
  /** Submitted before that. */
  until?: Instant;
  /** 1 to 500; default 50. */
  limit?: number;
  /** The `next` of the page before. */
  cursor?: string;
}

/** When a schedule fires: a fixed rate, or cron (5 or 6 fields) in a time zone. */
export type Recurrence =
  | { every: Duration; initialDelay?: Duration; cron?: never; timezone?: never }
  | { cron: string; timezone?: string; every?: never; initialDelay?: never };

/** How a schedule fires. */
export interface FiringOptions {
  /**
   * While earlier instances of the schedule live: `skip` (default) submits none, `queue` at most one, which waits for the
   * end of the one before; `cancelOther` cancels them and follows when they have ended; `allow` submits all the same.
   */
  overlap?: Overlap;
  /**
   * How far back planned times that were missed are made up for, one by one; at most 366 days. Default 0: only the latest
   * of them fires, late. It always does, however old it is.
   */
  catchUp?: Duration;
  /** Each firing comes up to this much late, by chance, and before the planned time after it; at most 1 day. */
  jitter?: Duration;
  /** How many instances it submits at most, triggered ones too: 1 to 1,000,000,000. */
  maxRuns?: number;
}

/** What the tasks of a schedule may say beside type and payload; durations count from the firing. */
export type ScheduleTaskOptions = Omit<SubmitOptions, "key" | "parent" | "dependsOn"> & Prerequisites;

/** A schedule to make; one of the same name is updated. */
export type NewSchedule<Types> = {
  [Type in TypeName<Types>]: { name?: string; type: Type; payload: InputOf<Types, Type> } & Recurrence &
    FiringOptions &
    ScheduleTaskOptions;
}[TypeName<Types>];

/** What to change of a schedule; the rest stays. */
export type ScheduleChange<Types = unknown> = ChangedTask<Types> &
  ChangedTiming &
  Omit<FiringOptions, "maxRuns"> &
  ScheduleTaskOptions & {
    /** `null`: no bound any more. */
    maxRuns?: number | null;
  };
type ChangedTask<Types> = unknown extends Types
  ? { type?: string; payload?: unknown }
  : { [Type in TypeName<Types>]: { type?: Type; payload?: InputOf<Types, Type> } }[TypeName<Types>];
type ChangedTiming =
  | { every?: Duration; initialDelay?: Duration; cron?: never; timezone?: never }
  | { cron?: string; timezone?: string; every?: never; initialDelay?: never };

/** One schedule. */
export interface ScheduleHandle<Types = unknown> {
  readonly id: string;
  /** @throws `schedule_not_found` */
  get(): Promise<Schedule>;
  /**
   * Changes what it names. An interval keeps its rhythm unless `every` or `initialDelay` is named.
   *
   * @throws `schedule_not_found`, and what making one throws
   * @example `await media.schedule("media_s1").update({ cron: "0 4 * * *", overlap: "queue" });`
   */
  update(change: ScheduleChange<Types>): Promise<Schedule>;
  /** Nothing fires any more; what is missed meanwhile is not made up for. */
  pause(): Promise<Schedule>;
  /** Goes on with the next planned time. */
  resume(): Promise<Schedule>;
  /** Submits its task now, beside its plan and whatever lives. @throws `invalid_state` when `maxRuns` is reached */
  trigger(): Promise<Schedule>;
  /** Ends it for good; one that is declared in code comes back when the schedules in the code change. */
  delete(): Promise<Schedule>;
}

/** The verbs of one domain: the same inside the Worker (`mill.domain`, `ctx.domain`) and over HTTP (`client.domain`). */
export interface DomainHandle<Name extends string = string, Types = unknown>
  extends DomainLimits<Types>, DomainLooks<TypeName<Types>>, DomainBulk<TypeName<Types>>, EventVerbs<TypeName<Types>> {
  readonly name: Name;
  /**
   * The same verbs, which reject with the signal's reason as soon as it aborts, those of the tasks and schedules that it
   * gives out too. What was asked for may happen all the same.
   *
   * @example `await media.with({ signal: AbortSignal.timeout(2_000) }).snapshot();`
   */
  with(options: { signal: AbortSignal }): DomainHandle<Name, Types>;
  /**
   * Submits one task.
   *
   * @throws `unknown_type`, `invalid_payload`, `invalid_request`, `invalid_tag`, `payload_too_large`, `overloaded`,
   * `rejected_duplicate` (strategy `reject`, with the fact `id`), `invalid_dependency`, `dependency_cycle`, `idempotency_conflict`,
   * `domain_unreachable` (it may or may not have arrived: repeat it with an `idempotencyKey`)
   * @example `const submitted = await media.submit("resize", { object: "cat.jpg", width: 320 }, { priority: "high" });`
   */
  submit<Type extends TypeName<Types>>(
    type: Type,
    payload: InputOf<Types, Type>,
    options?: SubmitOptions & CallOptions,
  ): Promise<Submitted<Name, Type>>;
  /**
   * Submits up to 10,000 tasks, 24 MiB in all, in one transaction: all or none.
   *
   * @throws what `submit` throws; the fact `failed` names each bad task by its index
   * @example `await media.submitAll([{ type: "resize", payload: a }, { type: "resize", payload: b, priority: "idle" }]);`
   */
  submitAll<const Items extends readonly BatchItem<Types>[]>(items: Items, options?: CallOptions): Promise<BatchAnswer<Name, Items>>;
  /** A task, from what `submit` answered or from its type and id. Asks nothing yet. */
  task<Type extends TypeName<Types>>(submitted: {
    id: string;
    type: Type;
    domain: Name;
  }): TaskHandle<Type, InputOf<Types, Type>, ResultOf<Types, Type>>;
  task<Type extends TypeName<Types>>(type: Type, id: string): TaskHandle<Type, InputOf<Types, Type>, ResultOf<Types, Type>>;
  /**
   * Tasks, newest first: a page, or all of them by `for await`.
   *
   * @example `for await (const task of media.list({ status: "failed", limit: 500 })) console.log(task.id, task.error);`
   */
  list(query?: ListQuery<TypeName<Types>>): Listing<Task>;
  /** How many there are. */
  count(query?: Omit<ListQuery<TypeName<Types>>, "limit" | "cursor">): Promise<number>;
  /**
   * Tasks that used up their retries, newest first.
   *
   * @example `for await (const { id } of media.deadLetters()) await media.task("resize", id).retry();`
   */
  deadLetters(query?: Omit<ListQuery<TypeName<Types>>, "status">): Listing<Task>;
  /**
   * Makes a schedule, or updates the one of that name.
   *
   * @throws what `submit` throws, for its payload and options; `invalid_request` for its times
   * @example `await media.schedule({ name: "nightly", type: "resize", payload, cron: "30 2 * * *", timezone: "Europe/Berlin" });`
   */
  schedule(schedule: NewSchedule<Types>): Promise<Schedule>;
  /** A schedule by its id. Asks nothing yet. */
  schedule(id: string): ScheduleHandle<Types>;
  /** All schedules of the domain, declared ones too. */
  schedules(query?: { limit?: number; cursor?: string }): Listing<Schedule>;
  /**
   * Leases tasks of pull types, the most urgent first; empty when there is none, or no slot, within `wait`.
   *
   * @throws `unknown_type`, `invalid_request`, `too_many_requests`
   * @example `for (const claim of await media.claim({ worker: "gpu-1", types: ["transcode"], wait: "20s" })) await claim.complete(await work(claim.task.payload));`
   */
  claim<Type extends TypeName<Types> = TypeName<Types>>(options: ClaimOptions<Type>): Promise<ClaimOf<Types, Type>[]>;
  /** Nothing starts any more; running work is aborted and goes back uncharged. */
  pause(): Promise<DomainSnapshot>;
  /**
   * A pause that waits for what runs, up to `timeout` (default 30 s, at most a day); what still runs then is aborted and
   * goes back uncharged. Answers when nothing runs any more, or 2 s after the timeout. It ends by `resume`.
   *
   * @example `const { drained, returned } = await media.drain({ timeout: "1m" });`
   */
  drain(options?: { timeout?: Duration }): Promise<DomainSnapshot & Drained>;
  /** Ends a pause, and a drain: what no other pause holds goes on. */
  resume(): Promise<DomainSnapshot>;
  /** The domain at a glance: counts by status, what runs, slots, what it has cost. */
  snapshot(): Promise<DomainSnapshot>;
}
