import { systemClock } from "../clock.ts";
import type { DomainHandle } from "../domains/handle.ts";
import type { TaskType } from "../domains/shape.ts";
import type { MillHandle } from "../domains/mill-handle.ts";
import type { Json } from "../domains/task.ts";
import { type ClientOptions, Http } from "./http.ts";
import { httpMill } from "./http-mill.ts";
import { httpHandle } from "./http-handle.ts";

export type { ClaimOptions } from "../domains/claim-options.ts";
export type {
  BatchItem,
  CallOptions,
  ClaimedTask,
  DomainHandle,
  Instant,
  ListQuery,
  NewSchedule,
  ScheduleChange,
  ScheduleHandle,
  SubmitOptions,
  Submitted,
  TaskHandle,
  WaitOptions,
} from "../domains/handle.ts";
export type { BulkFilter, BulkHandle, DomainBulk, DryRun } from "../domains/bulk.ts";
export type { EventQuery, EventVerbs } from "../domains/events.ts";
export type { EventName, MillEvent } from "../policy/events/event.ts";
export type { DomainLooks, FailuresQuery, SeriesQuery } from "../domains/looks.ts";
export type { GroupHandle, MillHandle, MillSettings, MillSnapshot } from "../domains/mill-handle.ts";
export type { Listing } from "../domains/listing.ts";
export type { Graph, Json, Outcome, Page, Schedule, Task, TaskError, Why } from "../domains/task.ts";
export { MillraceError } from "../policy/errors.ts";
export type { ErrorCode } from "../policy/errors.ts";
export type { BulkJob, DomainSnapshot } from "../durable/protocol.ts";
export type { Duration } from "../policy/duration.ts";
export type { Priority } from "../policy/priority.ts";
export type { RetryOptions, RetryPolicy } from "../policy/retry.ts";
export type { Status } from "../policy/status.ts";
export { constant, exponential, linear } from "../policy/retry.ts";
export type { ClientOptions } from "./http.ts";

/** What a client knows of a mill that it was not told about: any name, any JSON. */
export interface AnyMill {
  readonly "~domains"?: Record<string, Record<string, TaskType<Json, Json, Json>>> | undefined;
}

type DomainsIn<Mill> = Mill extends { readonly "~domains"?: infer Domains } ? NonNullable<Domains> : never;

/** A mill, over HTTP or a service binding. */
export interface Client<Domains> extends MillHandle {
  /**
   * The handle of a domain. Asks nothing yet.
   *
   * @example `const { id } = await client.domain("media").submit("resize", { object: "cat.jpg", width: 320 });`
   */
  domain<Name extends Extract<keyof Domains, string>>(name: Name): DomainHandle<Name, Domains[Name]>;
  /**
   * The same client, whose calls reject with the signal's reason as soon as it aborts. What was asked for may happen all the same.
   *
   * @example `const media = client.with({ signal: request.signal }).domain("media");`
   */
  with(options: { signal: AbortSignal }): Client<Domains>;
}

/**
 * A typed client of a mill over HTTP, for browsers and servers, or over a service binding, for other Workers. Safe calls (reads, and submits with an
 * `idempotencyKey`) are repeated up to three times, with jitter, honouring `Retry-After`.
 *
 * @throws `TypeError` when `url` is none
 * @example
 * ```ts
 * import type mill from "../worker/index.ts";
 * const client = createClient<typeof mill>({ url: "https://jobs.example.com", token });
 * const media = client.domain("media");
 * const submitted = await media.submit("resize", { object: "cat.jpg", width: 320 });
 * const { bytes } = await media.task(submitted).result({ timeout: "30s" });
 * ```
 * @example `const client = createClient<typeof mill>({ service: env.MILL }); // [[services]] entrypoint = "MillService"`
 */
export function createClient<Mill extends { readonly "~domains"?: unknown } = AnyMill>(options: ClientOptions): Client<DomainsIn<Mill>> {
  return clientOf(new Http(options, options.clock ?? systemClock));
}

function clientOf<Domains>(http: Http): Client<Domains> {
  return { domain: (name) => httpHandle(http, name), with: ({ signal }) => clientOf(http.with(signal)), ...httpMill(http) };
}
