import type { UpstreamEnd } from "../../../policy/dependencies.ts";
import type { EventName } from "../../../policy/events/event.ts";
import { statusFromCode, type Cause, type TerminalStatus } from "../../../policy/status.ts";
import { errorFact, type Facts, subjectOf } from "../history/chronicle.ts";
import type { Core } from "../core.ts";
import { deleteEdges } from "../graph/edges.ts";
import { post } from "../outbox/outbox.ts";
import { deleteKin } from "../graph/kin.ts";
import { release } from "../graph/release.ts";
import { byDomain, deleteUnused } from "../graph/remotes.ts";
import { noteRetention } from "../history/retention.ts";
import { nextRounds } from "../schedules/rounds.ts";
import { changeTask, deleteTasks, lifeOf, optionsOf, type TaskRow } from "../rows.ts";
import { unqueue } from "./order.ts";

/** Ends one task, in whatever way but by completing in bulk (`settle.ts`): row, counters, successor, waiters. */
export function end(core: Core, row: TaskRow, cause: Cause, to: TerminalStatus, change: Partial<TaskRow>): void {
  const from = statusFromCode(row.status);
  if (from === "pending") unqueue(core, row);
  if (from === "blocked") core.blockers.delete(row.id);
  const now = core.clock.now();
  changeTask(core.store, row, cause, from, to, { finished_at: now, ...change });
  core.moved(from, to);
  core.events.record(ENDED[to], [subjectOf(row)], factsOf(row, to, change, now));
  const isCascade = cause === "dependency" && optionsOf(row).onDependencyFailure === undefined;
  ended(core, to, [row.id], isCascade);
  if (row.parent !== null || row.family !== null) core.families.ended({ ...row, life: lifeOf(row) }, to);
}

/** The event of each end. */
const ENDED = {
  completed: "task.completed",
  failed: "task.failed",
  dead_letter: "task.dead_lettered",
  cancelled: "task.cancelled",
  superseded: "task.superseded",
  expired: "task.expired",
  dependency_failed: "task.dependency_failed",
} as const satisfies Record<TerminalStatus, EventName>;

function factsOf(row: TaskRow, to: TerminalStatus, change: Partial<TaskRow>, now: number): Facts {
  const attempt = change.attempt ?? row.attempt;
  if (to === "completed") return { attempt, durationMs: Math.max(0, now - (change.started_at ?? row.started_at ?? now)) };
  const error = errorFact(change.error === undefined ? row.error : change.error);
  const ran = change.started_at === undefined || change.started_at === null ? {} : { durationMs: Math.max(0, now - change.started_at) };
  return { ...(attempt > 0 ? { attempt } : {}), ...(to === "failed" ? { willRetry: false } : {}), ...ran, ...error };
}

/** What follows from the end of tasks whose rows are written: totals, dependents, retention, waiters. */
export function ended(core: Core, to: TerminalStatus, ids: readonly number[], isCascade = false): void {
  const now = core.clock.now();
  tell(core, to, ids);
  if (core.upstreams.size > 0 && ids.some((id) => core.upstreams.has(id)))
    release(core, to, ids, now, (others) => tell(core, "dependency_failed", others), isCascade);
  nextRounds(core, to, ids, now);
  noteRetention(core, now);
}

/** The same for tasks of other domains, as stand-ins: they are in nobody's totals here, their dependents are. */
export function endedElsewhere(core: Core, to: UpstreamEnd, ids: readonly number[], isCascade: boolean): void {
  const now = core.clock.now();
  release(core, to, ids, now, (others) => tell(core, "dependency_failed", others), isCascade);
  noteRetention(core, now);
}

/** Totals, and everybody who waits for the end of one of them. */
function tell(core: Core, to: TerminalStatus, ids: readonly number[]): void {
  core.touch().totals[to] += ids.length;
  if (core.waiters.size > 0) core.after(() => ids.forEach((id) => core.waiters.wake(id)));
  core.progresses.forgetAll(ids);
}

/** Rows that nobody is to find again, with the edges to what they depended on, and who watched them. */
export function remove(core: Core, rows: readonly Pick<TaskRow, "id" | "tags" | "status" | "options" | "family">[]): void {
  if (core.state.edges > 0) {
    const edges = rows.flatMap(upstreamsOf);
    core.touch().edges -= deleteEdges(core.store, edges);
    if (core.state.remotes > 0) forget(core, new Set(edges.map(([upstream]) => upstream).filter((id) => id < 0)));
  }
  if (core.state.watchers > 0) {
    const ids = JSON.stringify(rows.map((row) => row.id));
    core.touch().watchers -= core.store.exec("DELETE FROM watchers WHERE upstream IN (SELECT value FROM json_each(?))", ids).rowsWritten;
  }
  const parents = rows.filter((row) => row.family !== null).map((row) => row.id);
  if (parents.length > 0) deleteKin(core, parents);
  deleteTasks(core.store, rows);
  for (const row of rows) core.moved(statusFromCode(row.status), null);
  core.touch().totals.purged += rows.length;
}

/** Stand-ins that nothing depends on any more go, and their domains are told that nobody watches. */
export function forget(core: Core, ids: ReadonlySet<number>): void {
  if (ids.size === 0) return;
  for (const [domain, counters] of byDomain(core, deleteUnused(core, [...ids]))) post(core, domain, "unwatch", counters);
}

export const upstreamsOf = (row: Pick<TaskRow, "id" | "options">): [upstream: number, dependent: number][] =>
  (optionsOf(row).dependsOn ?? []).map((upstream) => [upstream, row.id]);
