import { parseDuration } from "../../policy/duration.ts";
import { LIMITS } from "../../policy/limits.ts";
import { statusFromCode, type Cause, type TerminalStatus } from "../../policy/status.ts";
import type { Core } from "./core.ts";
import { changeTask, deleteTasks, readTasks, type TaskRow } from "./rows.ts";
import { finishedCount } from "./state.ts";

/** Ends one task, in whatever way but by completing in bulk (`settle.ts`): row, counters, successor, waiters. */
export function end(core: Core, row: TaskRow, cause: Cause, to: TerminalStatus, change: Partial<TaskRow>): void {
  const from = statusFromCode(row.status);
  if (from === "pending") core.lanes.remove(core.laneOf(row.type), row.priority, row.id);
  changeTask(core.store, row, cause, from, to, { finished_at: core.clock.now(), ...change });
  core.moved(from, to);
  ended(core, to, [row.id]);
}

/** What follows from the end of tasks whose rows are written: totals, successors, retention, waiters. */
export function ended(core: Core, to: TerminalStatus, ids: readonly number[]): void {
  const now = core.clock.now();
  core.touch().totals[to] += ids.length;
  if (core.upstreams.size > 0) for (const id of ids) if (core.upstreams.has(id)) releaseSuccessors(core, id, now);
  if (core.waiters.size > 0) core.after(() => ids.forEach((id) => core.waiters.wake(id)));
  core.progresses.forgetAll(ids);
  noteRetention(core, now);
}

/** Retention has work once a slice too many is kept; never in a task's first minute. */
export function noteRetention(core: Core, now: number): void {
  const { keep } = retention(core);
  if (finishedCount(core.state) >= keep + LIMITS.purgeSlice) core.alarm.soon("purge", now + LIMITS.keepAtLeastMs);
  core.state.agesAt ??= now + Math.min(retention(core).maxAgeMs, 86_400_000);
}

/** How many finished tasks the domain keeps, and how long. */
export function retention(core: Core): { keep: number; maxAgeMs: number } {
  const history = core.definition?.history ?? {};
  return { keep: history.keep ?? 10_000, maxAgeMs: history.maxAge === undefined ? 30 * 86_400_000 : parseDuration(history.maxAge, "history.maxAge") };
}

/** Those that waited `after` a task whose key they took: they may go now, or when their time comes. */
function releaseSuccessors(core: Core, id: number, now: number): void {
  const edges = core.store.exec<{ dependent: number }>("SELECT dependent FROM edges WHERE upstream = ? AND kind = 'after'", id).toArray();
  core.store.exec("DELETE FROM edges WHERE upstream = ?", id);
  core.upstreams.delete(id);
  for (const row of readTasks(core.store, edges.map((edge) => edge.dependent))) {
    if (statusFromCode(row.status) === "blocked") unblock(core, row, now);
  }
}

function unblock(core: Core, row: TaskRow, now: number): void {
  if (row.run_at !== null && row.run_at > now) {
    changeTask(core.store, row, "unblock", "blocked", "scheduled", {});
    core.moved("blocked", "scheduled");
    core.alarm.soon("due", row.run_at);
  } else {
    changeTask(core.store, row, "unblock", "blocked", "pending", {});
    core.moved("blocked", "pending");
    core.lanes.add(core.laneOf(row.type), row.priority, row.id);
  }
}

/** Rows that nobody is to find again. */
export function remove(core: Core, rows: readonly { id: number; tags: string | null; status: number }[]): void {
  deleteTasks(core.store, rows);
  for (const row of rows) core.moved(statusFromCode(row.status), null);
  core.touch().totals.purged += rows.length;
}
