import { parseDuration } from "../../policy/duration.ts";
import { LIMITS } from "../../policy/limits.ts";
import { statusFromCode, type Cause, type TerminalStatus } from "../../policy/status.ts";
import type { Core } from "./core.ts";
import { deleteEdges } from "./edges.ts";
import { release } from "./release.ts";
import { changeTask, deleteTasks, lifeOf, type TaskOptions, type TaskRow } from "./rows.ts";
import { finishedCount } from "./state.ts";
import { unqueue } from "./order.ts";

/** Ends one task, in whatever way but by completing in bulk (`settle.ts`): row, counters, successor, waiters. */
export function end(core: Core, row: TaskRow, cause: Cause, to: TerminalStatus, change: Partial<TaskRow>): void {
  const from = statusFromCode(row.status);
  if (from === "pending") unqueue(core, row);
  if (from === "blocked") core.blockers.delete(row.id);
  changeTask(core.store, row, cause, from, to, { finished_at: core.clock.now(), ...change });
  core.moved(from, to);
  ended(core, to, [row.id]);
  if (row.parent !== null || row.family !== null) core.families.ended({ ...row, life: lifeOf(row) }, to);
}

/** What follows from the end of tasks whose rows are written: totals, dependents, retention, waiters. */
export function ended(core: Core, to: TerminalStatus, ids: readonly number[]): void {
  const now = core.clock.now();
  tell(core, to, ids);
  if (core.upstreams.size > 0 && ids.some((id) => core.upstreams.has(id)))
    release(core, to, ids, now, (others) => tell(core, "dependency_failed", others));
  noteRetention(core, now);
}

/** Totals, and everybody who waits for the end of one of them. */
function tell(core: Core, to: TerminalStatus, ids: readonly number[]): void {
  core.touch().totals[to] += ids.length;
  if (core.waiters.size > 0) core.after(() => ids.forEach((id) => core.waiters.wake(id)));
  core.progresses.forgetAll(ids);
}

/** Retention has work once a slice too many is kept; never in a task's first minute. */
export function noteRetention(core: Core, now: number): void {
  const { keep } = retention(core);
  if (finishedCount(core.state) >= keep + LIMITS.purgeSlice) core.alarm.soon("purge", now + LIMITS.keepAtLeastMs);
  if (core.state.lingering.length > 0) core.alarm.soon("purge", now + LIMITS.keepAtLeastMs);
  core.state.agesAt ??= now + Math.min(retention(core).maxAgeMs, 86_400_000);
}

/** How many finished tasks the domain keeps, and how long. */
export function retention(core: Core): { keep: number; maxAgeMs: number } {
  const history = core.definition?.history ?? {};
  return {
    keep: history.keep ?? 10_000,
    maxAgeMs: history.maxAge === undefined ? 30 * 86_400_000 : parseDuration(history.maxAge, "history.maxAge"),
  };
}

/** Rows that nobody is to find again, with the edges to what they depended on. */
export function remove(core: Core, rows: readonly { id: number; tags: string | null; status: number; options: string | null }[]): void {
  if (core.state.edges > 0) core.touch().edges -= deleteEdges(core.store, rows.flatMap(upstreamsOf));
  deleteTasks(core.store, rows);
  for (const row of rows) core.moved(statusFromCode(row.status), null);
  core.touch().totals.purged += rows.length;
}

function upstreamsOf({ id, options }: { id: number; options: string | null }): [number, number][] {
  const dependsOn = options === null ? undefined : (JSON.parse(options) as TaskOptions).dependsOn;
  return (dependsOn ?? []).map((upstream) => [upstream, id]);
}
