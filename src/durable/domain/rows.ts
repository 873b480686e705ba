import type { RetryPolicy } from "../../policy/retry.ts";
import { FIRST_TERMINAL_CODE, move, type Cause, type StoredStatus } from "../../policy/status.ts";
import { utf8Bytes } from "../../policy/text.ts";
import type { tasks } from "./schema.ts";
import { slices } from "./slices.ts";
import type { Store } from "./store.ts";
import { deleteTags } from "./submit/tag-rows.ts";

/** A row of `tasks`. Only this module and `list.ts`, `purge.ts`, `expire.ts` name the table. */
export type TaskRow = typeof tasks.$inferSelect;

/** What a call set for its own task; everything else is the definition's of the day. */
export interface TaskOptions {
  timeoutMs?: number;
  retry?: RetryPolicy;
  ttlMs?: number;
  ttlFrom?: "firstAttempt";
  /** Counters of the tasks it depends on. */
  dependsOn?: number[];
  onDependencyFailure?: "fail" | "ignore";
  /** Not the call's: the begun task that a successor follows, and when the burst began that debounces it. */
  after?: number;
  debouncedFrom?: number;
  failFast?: boolean;
  /** Not the call's: how often it was begun anew; of a child: which of its parent's lives it belongs to. Absent: 0. */
  life?: number;
}

export const optionsOf = (row: Pick<TaskRow, "options">): TaskOptions =>
  row.options === null ? {} : (JSON.parse(row.options) as TaskOptions);

export const lifeOf = (row: Pick<TaskRow, "options">): number => optionsOf(row).life ?? 0;

/** A row on its way in; what is absent has its default. */
export type NewTask = Pick<TaskRow, "id" | "type" | "status" | "priority" | "payload" | "created_at"> & Partial<TaskRow>;

// ── reading ───────────────────────────────────────────────────────────────────────────────────────────────

export function readTask(store: Store, id: number): TaskRow | undefined {
  return store.exec<TaskRow>("SELECT * FROM tasks WHERE id = ?", id).toArray()[0];
}

export function readTasks(store: Store, ids: readonly number[]): TaskRow[] {
  if (ids.length === 0) return [];
  return store.exec<TaskRow>("SELECT t.* FROM json_each(?) AS j CROSS JOIN tasks AS t ON t.id = j.value", JSON.stringify(ids)).toArray();
}

type Claimed = Pick<TaskRow, "id" | "type" | "label" | "tags" | "attempt" | "cancelling" | "deadline_at" | "parent" | "family">;

/** What a wake needs to know of tasks under way. */
export function readClaimed(store: Store, ids: readonly number[]): Claimed[] {
  return store
    .exec<Claimed>(
      "SELECT t.id, t.type, t.label, t.tags, t.attempt, t.cancelling, t.deadline_at, t.parent, t.family FROM json_each(?) AS j CROSS JOIN tasks AS t ON t.id = j.value",
      JSON.stringify(ids),
    )
    .toArray();
}

/** How each of these tasks stands, and how large its result is; of stand-ins, their copies. */
export function readResultSizes(store: Store, ids: readonly number[]): { id: number; status: number; bytes: number }[] {
  return bothTables(ids).flatMap(([table, some]) =>
    store
      .exec<{ id: number; status: number; bytes: number }>(
        `SELECT t.id, t.status, coalesce(octet_length(t.result), 0) AS bytes FROM json_each(?) AS j CROSS JOIN ${table} AS t ON t.id = j.value`,
        some,
      )
      .toArray(),
  );
}

/** Results as JSON texts. */
export function readResults(store: Store, ids: readonly number[]): [id: number, result: string][] {
  return bothTables(ids).flatMap(
    ([table, some]) =>
      [
        ...store
          .exec(`SELECT t.id, t.result FROM json_each(?) AS j CROSS JOIN ${table} AS t ON t.id = j.value`, some)
          .raw<SqlStorageValue[]>(),
      ] as unknown as [number, string][],
  );
}

/** Ids as parameters, apart: tasks of this domain, and stand-ins for those of others. */
export function bothTables(ids: readonly number[]): [table: "tasks" | "remotes", ids: string][] {
  const parts: ["tasks" | "remotes", number[]][] = [
    ["tasks", ids.filter((id) => id > 0)],
    ["remotes", ids.filter((id) => id < 0)],
  ];
  return parts.filter(([, some]) => some.length > 0).map(([table, some]) => [table, JSON.stringify(some)]);
}

/** What a dispatch needs of a row; a tuple, since thousands a second are read. */
export type RunRow = [
  id: number,
  type: string,
  priority: number,
  payload: string,
  attempt: number,
  executions: number,
  created: number,
  options: string | null,
  key: string | null,
  label: string | null,
  tags: string | null,
  schedule: number | null,
  suspect: number,
  started: number | null,
  ttl: number | null,
  cancelling: number,
  deadline: number | null,
  grp: string | null,
  fair: string | null,
  parent: string | null,
  family: number | null,
  memo: string | null,
];

const RUN_COLUMNS =
  "id, type, priority, payload, attempt, executions, created_at, options, key, label, tags, schedule, suspect, started_at, ttl_at, cancelling, deadline_at, grp, fair, parent, family, memo";

/** The rows of neighbouring ids, in order. */
export function readForRun(store: Store, first: number, last: number): RunRow[] {
  return [
    ...store.exec(`SELECT ${RUN_COLUMNS} FROM tasks WHERE id BETWEEN ? AND ?`, first, last).raw<SqlStorageValue[]>(),
  ] as unknown as RunRow[];
}

interface HolderRow extends Record<string, SqlStorageValue> {
  id: number;
  key_hash: string;
  status: number;
  priority: number;
  family: number | null;
}

/** Which of these hashes are held, by whom. */
export function readHolders(store: Store, hashes: readonly string[]): HolderRow[] {
  if (hashes.length === 0) return [];
  return store
    .exec<HolderRow>(
      "SELECT t.id, t.key_hash, t.status, t.priority, t.family FROM json_each(?) AS j CROSS JOIN tasks AS t ON t.key_hash = j.value AND t.held = 1",
      JSON.stringify(hashes),
    )
    .toArray();
}

// ── writing ───────────────────────────────────────────────────────────────────────────────────────────────

/** Changes one row: the only way a status of a single task is written. The table of transitions must allow it. */
export function changeTask(
  store: Store,
  row: Pick<TaskRow, "id">,
  cause: Cause,
  from: StoredStatus,
  to: StoredStatus,
  change: Partial<TaskRow>,
): void {
  const status = move(cause, from, to);
  const ended = status >= FIRST_TERMINAL_CODE ? { held: null, suspect: 0, cancelling: 0 } : {};
  setColumns(store, row.id, { ...change, ...ended, status });
}

/** Changes columns of one row, its status not among them. */
export function setColumns(store: Store, id: number, change: Partial<TaskRow>): void {
  const columns = Object.keys(change);
  store.exec(`UPDATE tasks SET ${columns.map((column) => `${column} = ?`).join(", ")} WHERE id = ?`, ...Object.values(change), id);
}

/** Writes the options (JSON texts) of several rows. */
export function setOptions(store: Store, options: readonly (readonly [id: number, options: string])[]): void {
  for (const slice of slices(options, ([, text]) => 2 * utf8Bytes(text) + 24))
    store.exec("UPDATE tasks SET options = o.value ->> 1 FROM json_each(?) AS o WHERE tasks.id = o.value ->> 0", JSON.stringify(slice));
}

const COMPLETE = `status = 10, held = NULL, error = NULL, suspect = 0, interruptions = 0, cancelling = 0,
  memo = NULL,
  attempt = attempt + 1, executions = executions + 1, started_at = ?1, finished_at = ?2`;

/** Completes claimed tasks without a result: neighbours `first` to `last`. */
export function completeRange(store: Store, first: number, last: number, startedAt: number, now: number): void {
  move("complete", "pending", "completed");
  store.exec(`UPDATE tasks SET ${COMPLETE} WHERE id BETWEEN ?3 AND ?4`, startedAt, now, first, last);
}

type Ended = Pick<TaskRow, "id" | "type" | "label" | "tags" | "parent" | "family"> & { life: number };

/** Ends blocked tasks because of a dependency, each with its error (JSON text). Answers with what others have to know of them. */
export function endDependents(store: Store, ends: readonly (readonly [id: number, error: string])[], now: number): Ended[] {
  move("dependency", "blocked", "dependency_failed");
  const ended: Ended[] = [];
  for (const slice of slices(ends, ([, error]) => 2 * utf8Bytes(error) + 24)) {
    const rows = store.exec<Ended>(
      `UPDATE tasks SET status = 16, held = NULL, suspect = 0, cancelling = 0, finished_at = ?1, error = e.value ->> 1
        FROM json_each(?2) AS e WHERE tasks.id = e.value ->> 0
        RETURNING tasks.id AS id, type, label, tags, parent, family, coalesce(options ->> '$.life', 0) AS life`,
      now,
      JSON.stringify(slice),
    );
    for (const row of rows) ended.push(row);
  }
  return ended;
}

type Unblocked = Pick<TaskRow, "label" | "tags" | "family" | "id" | "priority" | "type" | "grp" | "fair" | "status" | "run_at">;

/** Blocked tasks that may go: pending, or scheduled where their time has not come. */
export function unblockTasks(store: Store, ids: readonly number[], now: number): Unblocked[] {
  move("unblock", "blocked", "pending");
  move("unblock", "blocked", "scheduled");
  return store
    .exec<Unblocked>(
      `UPDATE tasks SET status = CASE WHEN run_at > ?1 THEN 1 ELSE 0 END WHERE id IN (SELECT value FROM json_each(?2)) AND status = 2
        RETURNING id, priority, type, grp, fair, family, status, run_at, label, tags`,
      now,
      JSON.stringify(ids),
    )
    .toArray();
}

/** Completes claimed tasks with their results (JSON texts). */
export function completeWithResults(store: Store, results: readonly [id: number, result: string][], startedAt: number, now: number): void {
  move("complete", "pending", "completed");
  for (const slice of slices(results, ([, result]) => 2 * utf8Bytes(result) + 24)) {
    store.exec(
      `UPDATE tasks SET ${COMPLETE}, result = r.value ->> 1 FROM json_each(?3) AS r WHERE tasks.id = r.value ->> 0`,
      startedAt,
      now,
      JSON.stringify(slice),
    );
  }
}

/** Removes rows with their tags. Their edges are `end.ts`'s. */
export function deleteTasks(store: Store, rows: readonly { id: number; tags: string | null }[]): void {
  if (rows.length === 0) return;
  deleteTags(
    store,
    rows.filter((row) => row.tags !== null).map((row) => ({ id: row.id, tags: JSON.parse(row.tags!) as Record<string, string> })),
  );
  store.exec("DELETE FROM tasks WHERE id IN (SELECT value FROM json_each(?))", JSON.stringify(rows.map((row) => row.id)));
}
