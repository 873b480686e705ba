import type { Failures, SeriesView, TagKeys, TagValues } from "../durable/protocol.ts";
import type { Duration } from "../policy/duration.ts";
import type { SeriesName } from "../policy/series.ts";
import type { Instant } from "./handle.ts";

/** Which failures. */
export interface FailuresQuery<Type extends string = string> {
  /** Of this type alone. */
  type?: Type;
  /** That ended then or later. */
  since?: Instant;
  /** How many patterns, 1 to 500; default 50. */
  limit?: number;
}

/** Which figures, in which steps. */
export interface SeriesQuery {
  /** Default: all. */
  metrics?: readonly SeriesName[];
  /** Whole minutes that divide an hour; default `1m`. */
  step?: Duration;
}

/** What a domain tells beside its tasks; part of `DomainHandle`. */
export interface DomainLooks<Type extends string = string> {
  /**
   * The keys of the tags of all tasks that are kept, and how many tasks have each; with `prefix`, those that begin so. `%` and
   * `_` mean themselves. At most 500 keys; where `exact` is false there are more, and counts are the least there can be.
   *
   * @throws `invalid_request`
   * @example `const { keys } = await billing.tags({ prefix: "billing." });`
   */
  tags(query?: { prefix?: string }): Promise<TagKeys>;
  /**
   * The values under one key, the most frequent first, at most 500.
   *
   * @throws `invalid_request`
   * @example `const { values } = await billing.tagValues("billing.plan");`
   */
  tagValues(key: string): Promise<TagValues>;
  /**
   * Failed and dead-lettered tasks by what their errors have in common, the most frequent first. Reads the newest 20,000.
   *
   * @throws `invalid_request`
   * @example `const { items: [worst] } = await media.failures({ type: "resize" });`
   */
  failures(query?: FailuresQuery<Type>): Promise<Failures>;
  /**
   * What the last 60 minutes brought, oldest first. It is kept in memory: before the object woke there is null.
   *
   * @throws `invalid_request`
   * @example `const { metrics } = await media.series({ metrics: ["submitted", "completed"], step: "5m" });`
   */
  series(query?: SeriesQuery): Promise<SeriesView>;
}
