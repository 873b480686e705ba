import * as z from "zod/mini";
import { BULK_ACTIONS } from "../policy/bulk.ts";
import { OVERLAPS } from "../policy/firing.ts";
import type { BodyShape } from "./body.ts";

// The shapes of the bodies. Limits that a definition or the policy judges (names, bytes, ranges) are judged there,
// once for HTTP and TypeScript alike; here stands what JSON must look like.
const duration = z.union([z.string(), z.number()], { error: 'must be a duration such as "30s", or milliseconds' });
const priority = z.union([z.string(), z.number()], { error: "must be a name such as high, or an integer from 0 to 255" });
const text = z.string({ error: "must be text" });
const object = z.record(z.string(), z.unknown(), { error: "must be an object" });
const cap = z.number({ error: "must be an integer from 1 to 10,000" }).check(z.int(), z.minimum(1), z.maximum(10_000));

const count = z.number({ error: "must be an integer from 1 to 1,000,000" }).check(z.int(), z.minimum(1), z.maximum(1_000_000));
const rate = z.strictObject({ permits: count, per: duration, burst: z.optional(count) }, { error: "must be { permits, per, burst? }" });

const submitOptions = {
  key: z.optional(z.nullable(text)),
  label: z.optional(text),
  priority: z.optional(priority),
  delay: z.optional(duration),
  runAt: z.optional(text),
  ttl: z.optional(duration),
  ttlFrom: z.optional(z.enum(["submit", "firstAttempt"])),
  timeout: z.optional(duration),
  tags: z.optional(object),
  deadline: z.optional(duration),
  onDuplicate: z.optional(z.union([z.string(), object], { error: 'must be "skip", "supersede", "reject" or { debounce, maxWait? }' })),
  retry: z.optional(object),
  dependsOn: z.optional(z.array(z.union([z.string(), object]), { error: 'must be a list of task ids, such as ["media_17"]' })),
  onDependencyFailure: z.optional(z.enum(["cancel", "fail", "ignore"], { error: 'must be "cancel", "fail" or "ignore"' })),
  failFast: z.optional(z.boolean()),
  parent: z.optional(text),
  group: z.optional(z.nullable(text)),
};
const payload = z.unknown().check(z.refine((value) => value !== undefined, { error: "is missing; send null where there is none" }));

/** `POST /v1/domains/{domain}/tasks`. */
export const submitShape: BodyShape = { schema: z.strictObject({ type: text, payload, ...submitOptions }) };

/** `POST /v1/domains/{domain}/tasks/batch`; each task is judged on its own, so that every bad one is named. */
export const batchShape: BodyShape = {
  schema: z.strictObject({
    tasks: z.array(z.unknown(), { error: "must be a list of tasks" }),
    defaults: z.optional(object),
  }),
};

const filterFields = {
  status: z.optional(z.union([text, z.array(text)])),
  type: z.optional(text),
  group: z.optional(text),
  priority: z.optional(priority),
  tags: z.optional(z.record(z.string(), text, { error: 'must be an object of texts, such as { "tenant": "acme" }' })),
  tagPrefix: z.optional(text),
  key: z.optional(text),
  error: z.optional(text),
  pattern: z.optional(text),
  ids: z.optional(z.array(text)),
  q: z.optional(text),
  schedule: z.optional(text),
  parent: z.optional(text),
  since: z.optional(text),
  until: z.optional(text),
};
const filterProblem = ({ code, keys = [] }: { code: string; keys?: string[] }): string =>
  code === "unrecognized_keys"
    ? `has no field ${keys.map((name) => JSON.stringify(name.slice(0, 80))).join(", ")}; it takes ${Object.keys(filterFields).join(", ")}`
    : 'must be an object such as { "status": "failed" }; {} is every task that the action is about';

/** `POST /v1/domains/{domain}/bulk`. */
export const bulkShape: BodyShape = {
  schema: z.strictObject({
    action: z.enum(BULK_ACTIONS, { error: `must be one of ${BULK_ACTIONS.join(", ")}` }),
    filter: z.strictObject(filterFields, { error: (issue) => filterProblem(issue as { code: string; keys?: string[] }) }),
    dryRun: z.optional(z.boolean()),
  }),
};

/** `POST /v1/tasks/{id}/retry`. */
export const retryShape: BodyShape = { schema: z.strictObject({ payload: z.optional(z.unknown()) }), optional: true };

const { key: _key, parent: _parent, ...scheduledOptions } = submitOptions;
const scheduleFields = {
  every: z.optional(duration),
  cron: z.optional(text),
  timezone: z.optional(text),
  initialDelay: z.optional(duration),
  overlap: z.optional(z.enum(OVERLAPS, { error: `must be one of ${OVERLAPS.join(", ")}` })),
  catchUp: z.optional(duration),
  jitter: z.optional(duration),
  maxRuns: z.optional(z.nullable(z.number({ error: "must be an integer" }))),
  ...scheduledOptions,
};

/** `POST /v1/domains/{domain}/schedules`. */
export const scheduleShape: BodyShape = {
  schema: z.strictObject({ name: z.optional(text), type: text, payload, ...scheduleFields }),
};

/** `PATCH /v1/schedules/{id}`. */
export const scheduleChangeShape: BodyShape = {
  schema: z.strictObject({ type: z.optional(text), payload: z.optional(z.unknown()), ...scheduleFields }),
};

/** `PATCH /v1/domains/{domain}`. */
export const domainChangeShape: BodyShape = {
  schema: z.strictObject({
    maxConcurrency: z.optional(z.nullable(cap)),
    rates: z.optional(z.record(z.string(), z.nullable(rate), { error: "must be an object of rate limits, keyed by type" })),
  }),
};

/** `PATCH /v1/settings`. */
export const settingsShape: BodyShape = {
  schema: z.strictObject({
    maxConcurrency: z.optional(cap),
    defaultGroupMaxConcurrency: z.optional(z.nullable(cap)),
    aging: z.optional(
      z.nullable(
        z.strictObject({
          grace: z.optional(duration),
          interval: z.optional(duration),
          step: z.optional(z.number()),
          ceiling: z.optional(priority),
        }),
      ),
    ),
  }),
};

/** `POST /v1/domains/{domain}/drain`. */
export const drainShape: BodyShape = { schema: z.strictObject({ timeout: z.optional(duration) }), optional: true };

/** `POST /v1/groups/{group}/pause`. */
export const groupPauseShape: BodyShape = { schema: z.strictObject({ until: z.optional(text) }), optional: true };

/** `PUT /v1/pressure/{name}`. */
export const pressureShape: BodyShape = {
  schema: z.strictObject({ value: z.number({ error: "must be a number from 0 to 1" }), ttl: duration }),
};

const whole = (least: number, most: number) => {
  const error = `must be an integer from ${least} to ${most}, or null for what the code says`;
  return z.optional(z.nullable(z.number({ error }).check(z.int({ error }), z.minimum(least, { error }), z.maximum(most, { error }))));
};
/** `PATCH /v1/groups/{group}`; null: what the code says again. */
export const groupShape: BodyShape = {
  schema: z.strictObject({
    maxConcurrency: whole(1, 10_000),
    weight: whole(1, 1_000),
    minSlots: whole(0, 10_000),
    rate: z.optional(z.nullable(rate)),
  }),
};

/** `POST /v1/domains/{domain}/claims`. */
export const claimShape: BodyShape = {
  schema: z.strictObject({
    worker: text,
    types: z.optional(z.array(text)),
    max: z.optional(z.number()),
    lease: z.optional(duration),
    wait: z.optional(duration),
  }),
};

/** `POST /v1/claims/{lease}/renew`. */
export const renewShape: BodyShape = {
  schema: z.strictObject({
    progress: z.optional(
      z.union([
        z.number(),
        z.strictObject({ fraction: z.number(), message: z.optional(z.nullable(text)) }),
        z.strictObject({ bytes: z.strictObject({ done: z.number(), total: z.number() }), message: z.optional(z.nullable(text)) }),
      ]),
    ),
  }),
  optional: true,
};

/** `POST /v1/claims/{lease}/complete`. */
export const completeShape: BodyShape = { schema: z.strictObject({ result: z.optional(z.unknown()) }), optional: true };

/** `POST /v1/claims/{lease}/fail`. */
export const failShape: BodyShape = {
  schema: z.strictObject({ error: z.union([text, object]), retryable: z.optional(z.boolean()), retryAfter: z.optional(duration) }),
};

/** For requests that need no body: none, or `{}`. */
export const emptyShape: BodyShape = { schema: z.strictObject({}), optional: true };

/** What an `Idempotency-Key` header may be. */
export const IDEMPOTENCY_KEY = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;
