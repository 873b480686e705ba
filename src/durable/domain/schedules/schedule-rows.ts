import type { Json, Schedule } from "../../../domains/task.ts";
import { fail } from "../../../policy/errors.ts";
import { nextFiring } from "../../../policy/firing.ts";
import { parseScheduleId, scheduleId, taskId } from "../../../policy/ids.ts";
import { LIMITS } from "../../../policy/limits.ts";
import { nextFive, type Recurrence } from "../../../policy/recurrence.ts";
import type { SubmitItem } from "../../protocol.ts";
import type { Core } from "../core.ts";
import type { schedules } from "../schema.ts";

export type ScheduleRow = typeof schedules.$inferSelect;

/** Why a schedule does not fire; the number on disk. */
export const PAUSED = { none: 0, user: 1, undeclared: 2 } as const;

export function readSchedule(core: Core, id: string): ScheduleRow {
  const parsed = parseScheduleId(id);
  const row =
    parsed?.domain === core.name
      ? core.store.exec<ScheduleRow>("SELECT * FROM schedules WHERE id = ?", parsed.counter).toArray()[0]
      : undefined;
  if (!row)
    throw fail(
      "schedule_not_found",
      `There is no schedule ${JSON.stringify(id)} in domain ${core.name}; list them with GET /v1/domains/${core.name}/schedules.`,
      { id },
    );
  return row;
}

export function listSchedules(core: Core, query: { limit?: number; before?: number }): { items: Schedule[]; next: number | null } {
  const limit = Math.min(query.limit ?? LIMITS.pageDefault, LIMITS.pageMax);
  const rows = core.store
    .exec<ScheduleRow>("SELECT * FROM schedules WHERE id < ? ORDER BY id DESC LIMIT ?", query.before ?? Number.MAX_SAFE_INTEGER, limit + 1)
    .toArray();
  const items = rows.slice(0, limit);
  return { items: items.map((row) => viewSchedule(core, row)), next: rows.length > limit ? items.at(-1)!.id : null };
}

export function viewSchedule(core: Core, row: ScheduleRow): Schedule {
  const item = JSON.parse(row.item) as SubmitItem;
  const { type, payload, hash: _hash, ...options } = item;
  return {
    id: scheduleId(core.name, row.id),
    domain: core.name,
    name: row.name,
    type,
    payload: JSON.parse(payload) as Json,
    ...(row.every_ms === null ? { cron: row.cron! } : { every: row.every_ms }),
    timezone: row.timezone,
    paused: row.paused !== PAUSED.none,
    pausedReason: row.paused === PAUSED.user ? "user" : row.paused === PAUSED.undeclared ? "undeclared" : null,
    declared: row.declared === 1,
    overlap: row.overlap,
    catchUpMs: row.catch_up_ms,
    jitterMs: row.jitter_ms,
    maxRuns: row.max_runs,
    runs: row.runs,
    skipped: row.skipped,
    lastRun: row.last_run_at === null ? null : new Date(row.last_run_at).toISOString(),
    lastTask: row.last_task === null ? null : taskId(core.name, row.last_task),
    nextRuns: nextRuns(row).map((at) => new Date(Math.max(at, core.clock.now())).toISOString()),
    createdAt: new Date(row.created_at).toISOString(),
    options: options as unknown as Json,
  };
}

/** The next five planned times, without jitter; fewer when so many runs are not left. */
function nextRuns(row: ScheduleRow): number[] {
  if (row.planned_at === null || row.paused !== PAUSED.none) return [];
  return [row.planned_at, ...nextFive(ruleOf(row), row.planned_at)].slice(
    0,
    Math.min(5, row.max_runs === null ? 5 : row.max_runs - row.runs),
  );
}

export const ruleOf = (row: Pick<ScheduleRow, "every_ms" | "anchor_at" | "cron" | "timezone">): Recurrence =>
  row.every_ms === null ? { cron: row.cron!, timezone: row.timezone } : { everyMs: row.every_ms, anchorMs: row.anchor_at };

export const isUsedUp = (row: Pick<ScheduleRow, "max_runs" | "runs">): boolean => row.max_runs !== null && row.runs >= row.max_runs;

/** The next planned time after `afterMs` that was not decided yet, and its moment: none while paused or used up. */
export function nextOf(core: Core, row: ScheduleRow, afterMs: number): Pick<ScheduleRow, "planned_at" | "next_at"> {
  const isOff = row.paused !== PAUSED.none || isUsedUp(row);
  const next = isOff
    ? null
    : nextFiring(ruleOf(row), Math.max(afterMs, row.decided_to ?? afterMs), row.jitter_ms, () => core.clock.random());
  return { planned_at: next?.plannedAt ?? null, next_at: next?.at ?? null };
}

export function updateSchedule(core: Core, id: number, columns: Partial<ScheduleRow>): ScheduleRow {
  const names = Object.keys(columns);
  const row = core.store
    .exec<ScheduleRow>(
      `UPDATE schedules SET ${names.map((name) => `${name} = ?`).join(", ")} WHERE id = ? RETURNING *`,
      ...Object.values(columns),
      id,
    )
    .one();
  if (row.next_at !== null) core.alarm.soon("schedule", row.next_at);
  return row;
}
