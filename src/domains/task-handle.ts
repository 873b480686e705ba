import type { Duration } from "../policy/duration.ts";
import type { Graph, Task, Why } from "./task.ts";

/** How long to wait for a result. */
export interface WaitOptions {
  /** Default 60 s; no upper limit: the wait is asked for again and again. */
  timeout?: Duration;
  /** Stops the wait; the task goes on. */
  signal?: AbortSignal;
}

/** One task. Each verb throws `task_not_found` for an id that never was, or that retention has purged. */
export interface TaskHandle<Type extends string = string, Input = unknown, Result = unknown> {
  /** Such as `media_4217`. */
  readonly id: string;
  /** The name of its type. */
  readonly type: Type;
  /** Its record. @throws `task_not_found` */
  get(): Promise<Task<Input, Result>>;
  /**
   * Its result, as soon as it is there; a late caller gets the stored one.
   * @throws `invalid_state` with the facts `status`, `error` and `ended`: false when it was still active at the end of the wait
   * @example `const { bytes } = await media.task(submitted).result({ timeout: "30s" });`
   */
  result(options?: WaitOptions): Promise<Result>;
  /**
   * Ends it, wherever it is; running work is aborted first, so that it may still show `running`.
   *
   * @throws `invalid_state` when it has ended
   */
  cancel(): Promise<Task<Input, Result>>;
  /**
   * Reopens an ended task under its id, optionally with another payload: attempts from the start, old errors kept.
   *
   * @throws `invalid_state` when it is active, when another task holds its key, or when a dependency of it has failed; `invalid_payload`
   * @example `await media.task("resize", "media_17").retry({ payload: { object: "cat.jpg", width: 320 } });`
   */
  retry(options?: { payload?: Input }): Promise<Task<Input, Result>>;
  /** Brings a delayed task forward to now. @throws `invalid_state` unless it is scheduled */
  runNow(): Promise<Task<Input, Result>>;
  /**
   * Reopens it, and all that depended on it and has ended, in every domain: they run again, in order.
   *
   * @throws `invalid_state` when it has not ended
   */
  backfill(): Promise<Task<Input, Result>>;
  /** What it depends on and what depends on it, near and far; at most 1,000 tasks. */
  graph(): Promise<Graph>;
  /**
   * Everything that keeps it from running now, in words, with the time it opens where that is known.
   *
   * @example `for (const { detail, until } of (await media.task(submitted).why()).gates) console.log(detail, until);`
   */
  why(): Promise<Why>;
}
