import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { BulkAction } from "../../policy/bulk.ts";
import type { Overlap } from "../../policy/firing.ts";

/**
 * Every task, live and finished. Indexes are partial: a row pays only for what it uses, and leaving a partial
 * index is free. Pending rows have none (their order lives in memory, `policy/lanes.ts`), completed ones neither.
 */
export const tasks = sqliteTable(
  "tasks",
  {
    /** A dense counter, never reused. */
    id: integer().primaryKey(),
    type: text().notNull(),
    /** `STATUS_CODE`; 10 and above have ended. A claimed task stays pending here. */
    status: integer().notNull(),
    priority: integer().notNull(),
    /** JSON text of the schema's input. */
    payload: text().notNull(),
    created_at: integer().notNull(),
    /** JSON text. */
    result: text(),
    /** JSON of a `TaskError`. */
    error: text(),
    /** JSON of the last 20 `{ attempt, at, message, durationMs }`. */
    errors: text(),
    /** The explicit key; a default key is only a hash. */
    key: text(),
    key_hash: text(),
    /** 1 while this row holds its duplicate key. */
    held: integer(),
    label: text(),
    /** JSON; the tags given with the task. */
    tags: text(),
    /** JSON of what the call set itself: `TaskOptions`. */
    options: text(),
    run_at: integer(),
    ttl_at: integer(),
    deadline_at: integer(),
    /** The earlier of `ttl_at` and `deadline_at` that still applies. */
    expires_at: integer(),
    /** The last start; and, once it has gone back, the first. */
    started_at: integer(),
    first_started_at: integer(),
    finished_at: integer(),
    /** Charged attempts that have ended. */
    attempt: integer().notNull().default(0),
    executions: integer().notNull().default(0),
    /** Executions in a row that ended with their isolate, running alone. */
    interruptions: integer().notNull().default(0),
    /** 1: was in a run of several that ended with its isolate; runs alone until it settles. */
    suspect: integer().notNull().default(0),
    /** 1: cancelled while claimed, 2: superseded, 3: failed by a child; whatever comes back, it ends so (`stop.ts`). */
    cancelling: integer().notNull().default(0),
    /** The schedule that submitted it. */
    schedule: integer(),
    /** The group, across domains, whose caps and pause it goes by. */
    grp: text(),
    /** What it takes turns by with others: the type's `fairKey` of the payload. */
    fair: text(),
    /** For how long tasks like it had been held by pauses, in all, when it was submitted: its age counts the rest. */
    paused_ms: integer(),
    /** What its executions have read and written, as they recorded it: JSON. */
    io: text(),
    /** The full id of the task whose child it is; its `key_hash` is then its name among that one's children. */
    parent: text(),
    /** `FAMILY`: 1 has children, 2 only `finalize` is left; null: never had any. */
    family: integer(),
    /** JSON text of what `execute` returned, while `finalize` has not. */
    memo: text(),
  },
  (table) => [
    index("tasks_due")
      .on(table.run_at)
      .where(sql`status = 1`),
    index("tasks_expiry")
      .on(table.expires_at)
      .where(sql`expires_at IS NOT NULL AND status < 10`),
    uniqueIndex("tasks_key")
      .on(table.key_hash)
      .where(sql`held = 1`),
    index("tasks_failures")
      .on(table.id)
      .where(sql`status IN (11, 12)`),
    index("tasks_parent")
      .on(table.parent, table.key_hash)
      .where(sql`parent IS NOT NULL`),
    index("tasks_schedule")
      .on(table.schedule)
      .where(sql`schedule IS NOT NULL AND status < 10`),
  ],
);

/** The one JSON row, see `state.ts`. */
export const state = sqliteTable("state", { id: integer().primaryKey(), json: text().notNull() });

/** One row per tag given with a task, for finding; WITHOUT ROWID (edited into the migration), so one row is one write. */
export const tags = sqliteTable("tags", { key: text().notNull(), value: text().notNull(), task: integer().notNull() }, (table) => [
  primaryKey({ columns: [table.key, table.value, table.task] }),
]);

/**
 * A task that waits for another: by the policy of a dependency, or as the successor `after` the one whose key it took. A
 * negative upstream is a task of another domain. WITHOUT ROWID.
 */
export const edges = sqliteTable(
  "edges",
  { upstream: integer().notNull(), dependent: integer().notNull(), kind: text().notNull() },
  (table) => [primaryKey({ columns: [table.upstream, table.dependent] })],
);

/**
 * What this domain knows of tasks of other domains that its own depend on. The id is negative and stands for the task in
 * `edges` and `dependsOn` (`remotes.ts`).
 */
export const remotes = sqliteTable("remotes", {
  id: integer().primaryKey(),
  /** `STATUS_CODE`, or `GONE`; negative: it ended so, but may live again. */
  status: integer().notNull(),
  /** The message that said so: an older one that comes late changes nothing. */
  version: integer().notNull(),
  /** A copy, JSON text. */
  result: text(),
});

/** Other domains that want to know how tasks of this one end. WITHOUT ROWID. */
export const watchers = sqliteTable(
  "watchers",
  {
    upstream: integer().notNull(),
    domain: text().notNull(),
    /** Null: it knows. 0: it has to be told of the end; else the id of the message that tells it. */
    owed: integer(),
    /** Its message that asked for it: what came before that, and arrives later, does not end it. */
    since: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.upstream, table.domain] })],
);

/** Messages to other domains, in order for each, until they are delivered. WITHOUT ROWID. */
export const outbox = sqliteTable(
  "outbox",
  {
    target: text().notNull(),
    /** Grows with every message of this domain. */
    id: integer().notNull(),
    kind: text().notNull(),
    /** JSON text. */
    body: text().notNull(),
    attempts: integer().notNull(),
    /** Not tried again before. */
    next_at: integer().notNull(),
    /** When it was posted. */
    at: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.target, table.id] })],
);

/** A task's children in other domains. WITHOUT ROWID. */
export const kin = sqliteTable(
  "kin",
  {
    parent: integer().notNull(),
    /** Its name among the parent's children. */
    hash: text().notNull(),
    domain: text().notNull(),
    type: text().notNull(),
    /** Its counter there; null while that domain has not answered. */
    child: integer(),
    /** As on disk there. */
    status: integer().notNull(),
    /** Which of its parent's lives it belongs to. */
    life: integer().notNull(),
    /** The message that said so: an older one changes nothing. */
    version: integer().notNull(),
    result: text(),
    error: text(),
  },
  (table) => [primaryKey({ columns: [table.parent, table.hash] })],
);

/** A pull worker's hold on a task, by its unguessable id. WITHOUT ROWID. */
export const leases = sqliteTable("leases", {
  id: text().primaryKey(),
  task: integer().notNull(),
  worker: text().notNull(),
  /** When it was claimed. */
  at: integer().notNull(),
  until: integer().notNull(),
  /** How long each renewal lasts, in ms. */
  length: integer().notNull(),
});

/** Schedules: a durable row each, with a stable id. */
export const schedules = sqliteTable(
  "schedules",
  {
    id: integer().primaryKey(),
    name: text().unique(),
    /** JSON of the `SubmitItem` that each firing submits. */
    item: text().notNull(),
    every_ms: integer(),
    cron: text(),
    timezone: text().notNull(),
    anchor_at: integer().notNull(),
    /** The planned time that fires next; null while paused or when none is left. */
    planned_at: integer(),
    /** When it is looked at: the planned time and its jitter. */
    next_at: integer(),
    /** Every planned time up to here has been decided and never fires again, whatever the clock says. */
    decided_to: integer(),
    overlap: text().$type<Overlap>().notNull().default("skip"),
    catch_up_ms: integer().notNull().default(0),
    jitter_ms: integer().notNull().default(0),
    /** null: no bound on `runs`. */
    max_runs: integer(),
    paused: integer().notNull().default(0),
    /** 1: declared in code. */
    declared: integer().notNull().default(0),
    runs: integer().notNull().default(0),
    skipped: integer().notNull().default(0),
    last_run_at: integer(),
    last_task: integer(),
    created_at: integer().notNull(),
  },
  (table) => [
    index("schedules_next")
      .on(table.next_at)
      .where(sql`next_at IS NOT NULL`),
  ],
);

/** Jobs that act on many tasks, slice by slice; a finished one is kept for a week. */
export const bulk = sqliteTable(
  "bulk",
  {
    id: integer().primaryKey(),
    action: text().$type<BulkAction>().notNull(),
    /** JSON of the `TaskQuery` that tasks have to match, its status always given. */
    filter: text().notNull(),
    /** Only tasks with a lower id: those that existed when it was asked for. */
    bound: integer().notNull(),
    /** Where its walk stands: what is at or beyond it has been seen. */
    cursor: integer().notNull(),
    done: integer().notNull().default(0),
    failed: integer().notNull().default(0),
    /** JSON of the first `{ id, message }` that it could do nothing to. */
    errors: text(),
    created_at: integer().notNull(),
    /** Null while it goes on. */
    finished_at: integer(),
    /** When it is looked at: since it began, or once it may be forgotten. */
    next_at: integer().notNull(),
  },
  (table) => [index("bulk_next").on(table.next_at)],
);

/** Who changed what by hand, newest last; see `audit.ts`. */
export const audit = sqliteTable("audit", {
  id: integer().primaryKey(),
  at: integer().notNull(),
  name: text().notNull(),
  role: text().notNull(),
  action: text().notNull(),
  target: text(),
  /** JSON. */
  change: text(),
});

/** Outcomes of submits with an idempotency key, kept for a day. */
export const idempotency = sqliteTable("idempotency", {
  id: integer().primaryKey(),
  key: text().notNull().unique(),
  body: text().notNull(),
  answer: text().notNull(),
  expires_at: integer().notNull(),
});
