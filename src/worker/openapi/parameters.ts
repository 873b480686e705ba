import { EVENTS } from "../../policy/events/event.ts";
import { LIMITS } from "../../policy/limits.ts";
import { SERIES } from "../../policy/series.ts";
import { STATUSES } from "../../policy/status.ts";

/** A piece of JSON Schema 2020-12. */
export type JsonSchema = Record<string, unknown>;

interface Parameter {
  description: string;
  schema: JsonSchema;
  example?: unknown;
}

const text = (maxLength?: number): JsonSchema => ({ type: "string", ...(maxLength === undefined ? {} : { minLength: 1, maxLength }) });
const instant: JsonSchema = { type: "string", description: "RFC 3339, or milliseconds since 1970" };

/** Query parameters, by name: each means the same wherever it is taken. */
export const QUERY: Readonly<Record<string, Parameter>> = {
  status: { description: "Any of these.", schema: { type: "string", enum: [...STATUSES, "paused"] } },
  tag: {
    description: "Tasks with all of these, each `key:value`.",
    schema: { type: "string", pattern: "^[^:]+:" },
    example: ["order:4217"],
  },
  tagPrefix: { description: "With a tag whose key begins so.", schema: text(LIMITS.tagKeyBytesMax), example: "billing." },
  type: { description: "Of this type.", schema: text(128) },
  group: { description: "Of this group.", schema: text(256) },
  priority: { description: "A name such as `high`, or a number from 0 to 255.", schema: text() },
  key: { description: "Whose duplicate key is exactly this.", schema: text(LIMITS.keyBytesMax) },
  error: { description: "Whose error contains this text.", schema: text(256) },
  q: { description: "Whose label, key or error contains this text.", schema: text(256) },
  schedule: { description: "Submitted by this schedule.", schema: text(), example: "media_s3" },
  parent: { description: "Children of this task.", schema: text(), example: "media_4217" },
  event: { description: "Any of these events.", schema: { type: "string", enum: [...EVENTS] } },
  domain: { description: "Of this domain.", schema: text(64) },
  task: { description: "About this task.", schema: text(), example: "media_4217" },
  since: { description: "Created then or later; of events: after this `seq`.", schema: instant },
  until: { description: "Created before.", schema: instant },
  prefix: { description: "Keys that begin so.", schema: text(LIMITS.tagKeyBytesMax), example: "billing." },
  metric: { description: "These only.", schema: { type: "string", enum: [...SERIES] } },
  step: {
    description: "Whole minutes that divide an hour.",
    schema: { type: "string", pattern: String.raw`^\d+(\.\d+)?(ms|s|m|h|d)?$`, default: "1m" },
    example: "5m",
  },
  limit: {
    description: "How many at most.",
    schema: { type: "integer", minimum: 1, maximum: LIMITS.pageMax, default: LIMITS.pageDefault },
  },
  cursor: { description: "The `next` of the page before, with the same filters.", schema: { type: "string", pattern: "^[A-Za-z0-9_-]+$" } },
  wait: {
    description: "Hold the answer until the task has ended, at most 60 s.",
    schema: { type: "string", pattern: String.raw`^\d+(\.\d+)?(ms|s|m|h|d)?$` },
    example: "30s",
  },
};

/** The names in paths. */
export const PATH: Readonly<Record<string, Parameter>> = {
  domain: { description: "A domain's name.", schema: text(64), example: "media" },
  task: { description: "A task's id.", schema: text(), example: "media_4217" },
  schedule: { description: "A schedule's id.", schema: text(), example: "media_s3" },
  group: { description: "A group's name.", schema: text(128), example: "acme" },
  name: { description: "The name of a source of backpressure.", schema: text(64), example: "api-quota" },
  bulk: { description: "A bulk job's id.", schema: text(), example: "media_b2" },
  key: { description: "The key of a tag.", schema: text(LIMITS.tagKeyBytesMax), example: "billing.plan" },
  lease: { description: "A lease's id, from a claim.", schema: text(), example: "media_l9f2c" },
};

/** The header of submits. */
export const IDEMPOTENCY = {
  name: "Idempotency-Key",
  in: "header",
  description: "Makes a repeat within 24 hours answer with the first outcome. Of the token's own.",
  schema: { type: "string", minLength: 1, maxLength: 255 },
  example: "order-4217",
};

/** What the fields of bodies mean, by name: each means the same wherever it stands. */
export const FIELDS: Readonly<Record<string, string>> = {
  type: "The name of the task's type.",
  payload: "What the task is about; judged by the type's schema, see `GET /v1/registry`. At most 1 MiB of JSON.",
  key: "Duplicate key, at most 1,024 bytes; null: never compared.",
  label: "For people, at most 256 bytes.",
  priority: "`realtime`, `high`, `normal`, `background`, `idle`, or 0 (first) to 255.",
  delay: 'Not before this has passed: `"30s"`, or milliseconds.',
  runAt: "Not before this moment, RFC 3339.",
  ttl: "Ends `expired` when it has not started within this; of a pressure: how long it counts.",
  ttlFrom: "Where the clock of `ttl` starts.",
  timeout: "Of each attempt; of a drain: how long what runs may go on.",
  tags: "At most 32 of text.",
  deadline: "Ends `expired` then, wherever it is: a moment, or a duration from now.",
  onDuplicate: "What happens when the key is held by a live task.",
  retry: "`{ kind, attempts, initial, max?, jitter? }`.",
  dependsOn: "Ids of tasks that have to end before this one runs; in a batch also `{ index }`.",
  group: "Tasks of one group share its cap, weight, rate and pause, across domains; at most 128 bytes, null: none.",
  onDependencyFailure: "What becomes of it when one of those ends in another way than by completing.",
  failFast: "Whether its first child that fails fails it, too, and cancels the others.",
  parent: "Id of the task whose child it becomes, one that runs or waits; the tasks of a batch have one parent.",
  tasks: "Up to 10,000, each like the body of a single submit.",
  defaults: "For those tasks that do not say otherwise.",
  name: "Unique in its domain.",
  every: "A fixed rate; or `cron`.",
  cron: "5 fields, or 6 with seconds first; or `every`.",
  timezone: "An IANA time zone.",
  initialDelay: "Until the first firing of a fixed rate.",
  overlap: "What a firing does while earlier instances live.",
  catchUp: "How far back missed times are made up for.",
  jitter: "Each firing comes by chance up to this much later.",
  maxRuns: "How many instances it submits at most; null: no bound.",
  maxConcurrency: "How many run at once, at most.",
  weight: "The group's part of the slots against other groups', 1 to 1,000.",
  minSlots: "Slots that the group gets before anybody else as they come free.",
  rates: "How often tasks of a type may start, by type; null: as often as there are slots.",
  rate: "How often the group's tasks may start: `permits` in every `per`, and `burst` (default `permits`) at once.",
  defaultGroupMaxConcurrency: "The same for each group that names no cap of its own; null: none.",
  aging: "`{ grace?, interval?, step?, ceiling? }`: how waiting tasks grow more urgent; null: not at all.",
  until: "The pause ends by itself then, RFC 3339.",
  value: "0: no pressure, to 1.",
  worker: "Who asks, for people.",
  types: "Pull types of the domain; all where left out.",
  max: "How many tasks, 1 to 100.",
  lease: "How long they are held, 5 s to 12 h.",
  wait: "For the first task, at most 30 s.",
  progress: "A fraction from 0 to 1, `{ fraction, message }`, or `{ bytes: { done, total }, message }`.",
  result: "Judged by the type's result schema.",
  error: "Text, or `{ name, message, code, stack }`.",
  retryable: "False: it fails for good.",
  action: "What to do.",
  filter: "Which tasks; everything given must match, `{}` is all that the action is about. As for lists, `tags` as an object.",
  dryRun: "Only says how many match.",
  retryAfter: "Until the next attempt, instead of what the retry policy says.",
};
