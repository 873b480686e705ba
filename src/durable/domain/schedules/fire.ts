import { decideFiring, type LiveInstances } from "../../../policy/firing.ts";
import { duplicateHash } from "../../../policy/key.ts";
import { scheduleId, taskId } from "../../../policy/ids.ts";
import { STATUS_CODE } from "../../../policy/status.ts";
import type { SubmitItem } from "../../protocol.ts";
import { cancelRow } from "../run/cancel.ts";
import type { Facts } from "../history/chronicle.ts";
import { countSkipped } from "../look/figures.ts";
import type { Core } from "../core.ts";
import { readTasks } from "../rows.ts";
import { ruleOf, updateSchedule, type ScheduleRow } from "./schedule-rows.ts";
import { insert } from "../submit/submit.ts";

/** How many schedules and planned times one alarm looks at; the rest follows at once, other schedules first. */
const SLICE = { schedules: 100, firings: 500, firingsEach: 100 } as const;
/** How many live instances are looked at; `cancelOther` cancels so many a firing. */
const LIVE_MAX = 500;

/** Fires what is due, a bounded slice; true: more is left. */
export function fireDue(core: Core, now: number): boolean {
  const query = "SELECT * FROM schedules WHERE next_at IS NOT NULL AND next_at <= ? ORDER BY next_at LIMIT ?";
  const due = core.store.exec<ScheduleRow>(query, now, SLICE.schedules).toArray();
  let left: number = SLICE.firings;
  for (const row of due) {
    if (left <= 0) return true;
    left -= fireSchedule(core, row, now);
  }
  return due.length === SLICE.schedules;
}

/** Decides what is due of one schedule, and writes it down; answers how many planned times it looked at. */
function fireSchedule(core: Core, row: ScheduleRow, now: number): number {
  const live = row.overlap === "allow" ? [] : liveInstances(core, row.id);
  const instances: LiveInstances = { count: live.length, isWaiting: live.some(({ status }) => status === STATUS_CODE.blocked) };
  const plan = {
    rule: ruleOf(row),
    plannedAt: row.planned_at!,
    overlap: row.overlap,
    catchUpMs: row.catch_up_ms,
    jitterMs: row.jitter_ms,
    runsLeft: row.max_runs === null ? null : Math.max(0, row.max_runs - row.runs),
    limit: SLICE.firingsEach,
  };
  const { fire, skipped, cancelsOthers, decidedTo, next } = decideFiring(plan, instances, now, () => core.clock.random());
  core.touch().totals.schedulesSkipped += skipped;
  if (skipped > 0) countSkipped(core, (JSON.parse(row.item) as SubmitItem).type, skipped);
  if (skipped > 0) core.events.say("schedule.skipped", { ...scheduleFacts(core, row), count: skipped });
  // One that is under way ends when its runner has answered; the new one waits for that.
  let before = cancelsOthers ? cancelAll(core, live) : row.overlap === "queue" ? live[0]?.id : undefined;
  let last = row.last_task;
  for (const { plannedAt, isQueued } of fire) {
    last = submitInstance(core, row, `${row.id} ${plannedAt}`, now, isQueued || cancelsOthers ? before : undefined);
    before = last;
    sayFired(core, row, last, { plannedAt: new Date(plannedAt).toISOString() });
  }
  const fired = fire.length === 0 ? {} : { runs: row.runs + fire.length, last_run_at: now, last_task: last };
  updateSchedule(core, row.id, {
    planned_at: next?.plannedAt ?? null,
    next_at: next?.at ?? null,
    decided_to: decidedTo,
    skipped: row.skipped + skipped,
    ...fired,
  });
  return Math.max(1, fire.length + skipped);
}

/** An instance was submitted; right after the event of its task. */
export function sayFired(core: Core, row: ScheduleRow, task: number, facts: Facts): void {
  core.events.say("schedule.fired", { ...scheduleFacts(core, row), task: taskId(core.name, task), ...facts });
}

/** What events say of a schedule. */
const scheduleFacts = (core: Core, row: ScheduleRow): Facts => ({
  schedule: scheduleId(core.name, row.id),
  ...(row.name === null ? {} : { name: row.name }),
  type: (JSON.parse(row.item) as SubmitItem).type,
});

/** Newest first. */
const liveInstances = (core: Core, schedule: number): { id: number; status: number }[] =>
  core.store
    .exec<{ id: number; status: number }>(
      "SELECT id, status FROM tasks WHERE schedule = ? AND schedule IS NOT NULL AND status < 10 ORDER BY id DESC LIMIT ?",
      schedule,
      LIVE_MAX,
    )
    .toArray();

/** Cancels live instances; answers the newest of those that are still under way. */
function cancelAll(core: Core, live: readonly { id: number }[]): number | undefined {
  const ids = live.map(({ id }) => id);
  // Newest first: one that waits has ended before the one that it waits for.
  for (const row of readTasks(core.store, ids).toSorted((left, right) => right.id - left.id)) cancelRow(core, row);
  return ids.find((id) => core.claims.has(id) || core.leases.ofTask(id));
}

/** Submits an instance and answers its counter. Its key is the schedule and its planned time: it collides with nothing else. */
export function submitInstance(core: Core, row: ScheduleRow, instance: string, now: number, after?: number): number {
  const item = JSON.parse(row.item) as SubmitItem;
  const [outcome] = insert(core, [{ ...item, hash: duplicateHash(item.type, "schedule", instance) }], now, { schedule: row.id }, after);
  return Number(outcome!.id.slice(outcome!.id.lastIndexOf("_") + 1));
}
