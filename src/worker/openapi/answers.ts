import * as z from "zod/mini";
import type { Json } from "../../domains/task.ts";
import { BULK_ACTIONS } from "../../policy/bulk.ts";
import { OVERLAPS } from "../../policy/firing.ts";
import { ROLES } from "../../policy/roles.ts";
import { SERIES, type SeriesName } from "../../policy/series.ts";
import { type Status, STATUSES } from "../../policy/status.ts";
import { GATES } from "../../policy/why.ts";

// What the answers look like: the source of `/openapi.json`, and what the contract test holds real answers against.
// The types that RPC and clients use stand beside their owners; test/types/answers.ts fails to compile when the two part.
const any = z.unknown() as unknown as z.ZodMiniType<Json>;
const text = z.string();
const texts = z.array(text);
const name = z.nullable(text);
const count = z.int().check(z.minimum(0));
const limit = z.nullable(z.int());
const at = z.iso.datetime({ precision: 3 });
const maybeAt = z.nullable(at);
const ms = z.number();
const maybeMs = z.nullable(ms);
const tally = z.record(text, z.number());
const SHOWN = [...STATUSES, "paused"] as const;
const status = z.enum(SHOWN);
const kept = z.enum([...STATUSES, "purged"]);

const error = z.strictObject({ name: text, message: text, code: z.optional(text), stack: z.optional(text) });

const progress = z.strictObject({
  fraction: z.number(),
  message: name,
  bytes: z.optional(z.strictObject({ done: z.number(), total: z.number(), perSecond: z.nullable(z.number()) })),
  extrapolated: z.optional(z.number()),
  etaMs: z.optional(maybeMs),
});

const bytes = z.optional(count);
const io = z.strictObject({
  disk: z.optional(z.strictObject({ read: bytes, write: bytes })),
  net: z.optional(z.strictObject({ rx: bytes, tx: bytes })),
});
const task = z.strictObject({
  id: text,
  domain: text,
  type: text,
  status,
  payload: any,
  result: any,
  error: z.nullable(error),
  key: name,
  label: name,
  priority: z.int(),
  effectivePriority: z.number(),
  group: name,
  tags: z.record(text, text),
  attempt: count,
  maxAttempts: count,
  executions: count,
  errors: z.array(z.strictObject({ attempt: count, at, message: text, durationMs: maybeMs })),
  parent: name,
  children: z.strictObject({ total: count, active: count, failed: count }),
  dependsOn: z.array(z.strictObject({ id: text, status: kept })),
  runAt: maybeAt,
  expiresAt: maybeAt,
  createdAt: at,
  startedAt: maybeAt,
  finishedAt: maybeAt,
  waitMs: ms,
  durationMs: maybeMs,
  progress: z.nullable(progress),
  io: z.strictObject({ expected: z.nullable(io), actual: z.nullable(io) }),
  sizes: z.strictObject({ payload: count, result: count }),
  schedule: name,
  deadline: maybeAt,
  pausedBy: z.array(z.enum(["mill", "domain", "group", "unregistered"])),
});

const plain = <const Name extends string>(outcome: Name) => z.strictObject({ outcome: z.literal(outcome), id: text });
const outcome = z.union([
  plain("inserted"),
  plain("duplicate"),
  plain("upgraded"),
  plain("requeued"),
  z.strictObject({ outcome: z.literal("superseded"), id: text, replacedId: text }),
  plain("debounced"),
]);

const schedule = z.strictObject({
  id: text,
  domain: text,
  name,
  type: text,
  payload: any,
  every: z.optional(ms),
  cron: z.optional(text),
  timezone: text,
  paused: z.boolean(),
  pausedReason: z.nullable(z.enum(["user", "undeclared"])),
  declared: z.boolean(),
  overlap: z.enum(OVERLAPS),
  catchUpMs: ms,
  jitterMs: ms,
  maxRuns: limit,
  runs: count,
  skipped: count,
  lastRun: maybeAt,
  lastTask: name,
  nextRuns: z.array(at),
  createdAt: at,
  options: any,
});

const statement = z.strictObject({ calls: count, rowsRead: count, rowsWritten: count });
const limited = z.strictObject({ permits: count, perMs: ms, burst: count, available: count });
const domain = z.strictObject({
  name: text,
  paused: z.boolean(),
  pausedBy: z.array(z.enum(["mill", "domain"])),
  maxConcurrency: limit,
  counts: z.strictObject(Object.fromEntries(SHOWN.map((one) => [one, count])) as Record<Status, typeof count>),
  totals: tally,
  running: z.array(z.strictObject({ id: text, type: text, startedAt: at, attempt: count, progress: z.nullable(progress) })),
  oldestPendingMs: maybeMs,
  slots: z.strictObject({ granted: count, using: count }),
  rates: z.record(text, limited),
  outbox: z.array(z.strictObject({ domain: text, messages: count, attempts: count, oldestMs: count })),
  cost: z.strictObject({
    rowsRead: count,
    rowsWritten: count,
    alarmsSet: count,
    coordinatorCalls: count,
    requests: count,
    dollars: z.number(),
    dollarsPerMillion: z.nullable(z.number()),
    types: z.record(text, z.strictObject({ executions: count, wallMs: ms })),
    statements: z.record(text, statement),
  }),
});

const drained = z.strictObject({ ...domain.shape, drained: z.boolean(), returned: texts });

const graph = z.strictObject({
  nodes: z.array(z.strictObject({ id: text, type: text, label: name, status })),
  edges: z.array(z.strictObject({ from: text, to: text, kind: z.enum(["depends", "child"]) })),
  truncated: z.optional(z.literal(true)),
});

const why = z.strictObject({
  runnable: z.boolean(),
  gates: z.array(z.strictObject({ gate: z.enum(GATES), detail: text, until: z.optional(at) })),
});

const claim = z.strictObject({ lease: text, leaseUntil: at, task });
const renewal = z.strictObject({ leaseUntil: at, cancelled: z.boolean() });

const holder = z.strictObject({ domain: text, granted: count, using: count, wanting: count, syncedMsAgo: maybeMs });
const groupPause = z.strictObject({ name: text, paused: z.boolean(), pausedAt: maybeAt, pausedUntil: maybeAt });
const pressure = z.strictObject({
  composite: z.number(),
  sources: z.record(text, z.strictObject({ value: z.number(), remainingMs: ms })),
});
const group = z.strictObject({
  name: text,
  allocated: count,
  running: count,
  pending: count,
  maxConcurrency: z.nullable(count),
  weight: count,
  minSlots: count,
  rate: z.nullable(limited),
});

const mill = z.strictObject({
  paused: z.boolean(),
  pausedAt: maybeAt,
  maxConcurrency: count,
  defaultGroupMaxConcurrency: limit,
  aging: z.nullable(z.strictObject({ graceMs: ms, intervalMs: ms, step: count, ceiling: count })),
  pressure,
  pausedGroups: z.array(groupPause),
  groups: z.array(group),
  granted: count,
  using: count,
  holders: z.array(holder),
});

const defaults = z.record(text, z.unknown());
const type = z.strictObject({
  name: text,
  payloadSchema: z.unknown(),
  resultSchema: z.unknown(),
  defaults,
  submittable: z.boolean(),
  singleton: z.boolean(),
  everyMs: z.optional(ms),
  pull: z.boolean(),
  rate: z.nullable(z.strictObject({ permits: count, perMs: ms, burst: count })),
  redact: texts,
});
const registered = z.strictObject({ name: text, maxConcurrency: limit, defaults, types: z.array(type) });

const tagKeys = z.strictObject({ keys: z.array(z.strictObject({ key: text, count })), exact: z.boolean() });
const tagValues = z.strictObject({ values: z.array(z.strictObject({ value: text, count })), exact: z.boolean() });
const failures = z.strictObject({
  items: z.array(z.strictObject({ pattern: text, count, first: at, last: at, example: text, message: text })),
  exact: z.boolean(),
});
const figures = z.optional(z.array(z.nullable(count)));
const series = z.strictObject({
  from: at,
  stepMs: ms,
  metrics: z.strictObject(Object.fromEntries(SERIES.map((one) => [one, figures])) as Record<SeriesName, typeof figures>),
});

const bulk = z.strictObject({
  id: text,
  domain: text,
  action: z.enum(BULK_ACTIONS),
  matched: count,
  done: count,
  failed: count,
  finished: z.boolean(),
  fraction: z.number(),
  errors: z.array(z.strictObject({ id: text, message: text })),
  createdAt: at,
  finishedAt: maybeAt,
});

const missing = z.strictObject({ binding: text, toml: text, effect: text });
const unseen = z.strictObject({ trigger: text, toml: text, effect: text });

const entry = z.strictObject({ at, domain: name, name: text, role: text, action: text, target: name, change: z.unknown() });

/** A page of a list. */
const page = <Item extends z.ZodMiniType>(item: Item) => z.strictObject({ items: z.array(item), next: z.nullable(text) });

/** Every answer that is not a problem, by its name under `components.schemas`. */
export const ANSWERS = {
  TaskError: error,
  Progress: progress,
  Task: task,
  TaskPage: page(task),
  Count: z.strictObject({ count }),
  Outcome: outcome,
  Submitted: z.strictObject({
    outcome: z.enum(["inserted", "duplicate", "upgraded", "requeued", "superseded", "debounced"]),
    id: text,
    replacedId: z.optional(text),
    task: z.nullable(task),
  }),
  BatchSubmitted: z.strictObject({ outcomes: z.array(outcome), counts: tally }),
  Result: z.strictObject({ status: z.literal("completed"), result: any }),
  Unfinished: z.strictObject({ status }),
  Graph: graph,
  Why: why,
  Claims: z.strictObject({ claims: z.array(claim) }),
  Renewal: renewal,
  Domain: domain,
  Drained: drained,
  DomainPage: page(domain),
  BulkJob: bulk,
  BulkMatch: z.strictObject({ matched: count, exact: z.boolean() }),
  TagKeys: tagKeys,
  TagValues: tagValues,
  Failures: failures,
  Series: series,
  Schedule: schedule,
  SchedulePage: page(schedule),
  AuditPage: page(entry),
  Registry: z.strictObject({ domains: z.array(registered) }),
  Mill: mill,
  Group: group,
  Groups: z.strictObject({ items: z.array(group), next: z.null() }),
  GroupPause: groupPause,
  Pressure: pressure,
  Me: z.strictObject({ name: text, role: z.enum(ROLES), domains: z.nullable(texts) }),
  Description: z.record(text, z.unknown()),
  Health: z.strictObject({
    ok: z.literal(true),
    auth: z.enum(["open", "tokens", "unconfigured", "broken"]),
    version: name,
    missing: z.array(missing),
    unseen: z.array(unseen),
  }),
} satisfies Record<string, z.ZodMiniType>;

/** The name of an answer. */
export type AnswerName = keyof typeof ANSWERS;
