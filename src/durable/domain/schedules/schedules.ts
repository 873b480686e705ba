import type { Schedule } from "../../../domains/task.ts";
import { fail } from "../../../policy/errors.ts";
import { momentOf } from "../../../policy/firing.ts";
import { scheduleId } from "../../../policy/ids.ts";
import { nextAfter, parseCron, parseEvery } from "../../../policy/recurrence.ts";
import type { ScheduleInput, SubmitItem } from "../../protocol.ts";
import type { Core } from "../core.ts";
import { dispatch } from "../run/dispatch.ts";
import { sayFired, submitInstance } from "./fire.ts";
import { notePrerequisites, refuseUnknown } from "../graph/prerequisites.ts";
import { isUsedUp, nextOf, PAUSED, readSchedule, ruleOf, updateSchedule, viewSchedule, type ScheduleRow } from "./schedule-rows.ts";

type Timing = Pick<ScheduleRow, "every_ms" | "cron" | "timezone" | "anchor_at">;

/** The timing of an input, checked: it must fire at least once. And the moment after which it begins. */
function timingOf(
  input: Pick<ScheduleInput, "everyMs" | "cron" | "timezone" | "initialDelayMs">,
  now: number,
): { timing: Timing; after: number } {
  if (input.everyMs !== undefined) {
    const every_ms = parseEvery(input.everyMs);
    const anchor_at = now + (input.initialDelayMs ?? every_ms);
    return { timing: { every_ms, cron: null, timezone: "UTC", anchor_at }, after: anchor_at - 1 };
  }
  const rule = parseCron(input.cron, input.timezone);
  if (nextAfter(rule, now) === null) {
    throw fail("invalid_request", `The cron expression ${JSON.stringify(input.cron)} never fires; such a date does not exist.`, {
      issues: [{ path: "cron", message: "never fires" }],
    });
  }
  return { timing: { every_ms: null, cron: rule.cron, timezone: rule.timezone, anchor_at: now }, after: now };
}

const policyOf = ({
  overlap,
  catchUpMs,
  jitterMs,
  maxRuns,
}: ScheduleInput): Pick<ScheduleRow, "overlap" | "catch_up_ms" | "jitter_ms" | "max_runs"> => ({
  overlap: overlap ?? "skip",
  catch_up_ms: catchUpMs ?? 0,
  jitter_ms: jitterMs ?? 0,
  max_runs: maxRuns ?? null,
});

/** Creates a schedule, or updates the one that has its name. */
export function putSchedule(core: Core, input: ScheduleInput, declared = false): { schedule: Schedule; created: boolean } {
  const now = core.clock.now();
  const { timing, after } = timingOf(input, now);
  const found =
    input.name === undefined ? undefined : core.store.exec<ScheduleRow>("SELECT * FROM schedules WHERE name = ?", input.name).toArray()[0];
  return core.transact("schedule", () => {
    refuseUnknown(core, input.item);
    const state = core.touch();
    if (found) return { schedule: viewSchedule(core, change(core, found, input, declared)), created: false };
    const { highest } = core.store.exec<{ highest: number | null }>("SELECT max(id) AS highest FROM schedules").one();
    state.lastSchedule = Math.max(state.lastSchedule, highest ?? 0) + 1;
    const policy = policyOf(input);
    const row = core.store
      .exec<ScheduleRow>(
        `INSERT INTO schedules (id, name, item, every_ms, cron, timezone, anchor_at, overlap, catch_up_ms, jitter_ms, max_runs, declared, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *`,
        state.lastSchedule,
        input.name ?? null,
        JSON.stringify(input.item),
        timing.every_ms,
        timing.cron,
        timing.timezone,
        timing.anchor_at,
        policy.overlap,
        policy.catch_up_ms,
        policy.jitter_ms,
        policy.max_runs,
        declared ? 1 : 0,
        now,
      )
      .one();
    const created = updateSchedule(core, row.id, nextOf(core, row, after));
    notePrerequisites(core);
    return { schedule: viewSchedule(core, created), created: true };
  });
}

function change(core: Core, row: ScheduleRow, input: ScheduleInput, declared: boolean): ScheduleRow {
  const { timing, after } = timingOf(input, core.clock.now());
  // The rhythm of an interval goes on when only something else changed.
  const keeps =
    timing.every_ms === row.every_ms && timing.cron === row.cron && timing.timezone === row.timezone && input.initialDelayMs === undefined;
  const changed: ScheduleRow = {
    ...row,
    item: JSON.stringify(input.item),
    ...(keeps ? {} : timing),
    ...policyOf(input),
    paused: declared && row.paused === PAUSED.undeclared ? PAUSED.none : row.paused,
    declared: declared ? 1 : row.declared,
  };
  const { id, ...columns } = changed;
  const updated = updateSchedule(core, id, { ...columns, ...(keeps ? keptPlan(core, row, changed) : nextOf(core, changed, after)) });
  notePrerequisites(core);
  return updated;
}

/** The planned time stays; its moment only where the jitter does. One that stood still begins again from now. */
function keptPlan(core: Core, row: ScheduleRow, changed: ScheduleRow): Pick<ScheduleRow, "planned_at" | "next_at"> {
  if (row.planned_at === null || isUsedUp(changed)) return nextOf(core, changed, core.clock.now());
  if (row.jitter_ms === changed.jitter_ms) return { planned_at: row.planned_at, next_at: row.next_at };
  return { planned_at: row.planned_at, next_at: momentOf(ruleOf(row), row.planned_at, changed.jitter_ms, () => core.clock.random()) };
}

/** Changes what a PATCH names. */
export function patchSchedule(core: Core, id: string, patch: Partial<ScheduleInput>): Schedule {
  const row = readSchedule(core, id);
  const current: ScheduleInput = {
    item: patch.item ?? (JSON.parse(row.item) as SubmitItem),
    ...(patch.everyMs !== undefined || patch.cron !== undefined
      ? { everyMs: patch.everyMs, cron: patch.cron, timezone: patch.timezone ?? (patch.cron === undefined ? undefined : row.timezone) }
      : row.every_ms === null
        ? { cron: row.cron!, timezone: patch.timezone ?? row.timezone }
        : { everyMs: row.every_ms }),
    ...(patch.initialDelayMs === undefined ? {} : { initialDelayMs: patch.initialDelayMs }),
    overlap: patch.overlap ?? row.overlap,
    catchUpMs: patch.catchUpMs ?? row.catch_up_ms,
    jitterMs: patch.jitterMs ?? row.jitter_ms,
    maxRuns: patch.maxRuns === undefined ? row.max_runs : patch.maxRuns,
  };
  timingOf(current, core.clock.now());
  return core.transact("schedule", () => {
    refuseUnknown(core, current.item);
    core.touch();
    return viewSchedule(core, change(core, row, current, false));
  });
}

export function actOnSchedule(core: Core, id: string, action: "pause" | "resume" | "trigger" | "delete"): Schedule {
  return core.transact("schedule", () => {
    const row = readSchedule(core, id);
    const now = core.clock.now();
    if (action === "trigger") return viewSchedule(core, trigger(core, row, now));
    core.touch();
    if (action === "pause")
      return viewSchedule(core, updateSchedule(core, row.id, { paused: PAUSED.user, planned_at: null, next_at: null }));
    if (action === "resume") {
      const plan = row.paused === PAUSED.none ? {} : nextOf(core, { ...row, paused: PAUSED.none }, now);
      return viewSchedule(core, updateSchedule(core, row.id, { paused: PAUSED.none, ...plan }));
    }
    core.store.exec("DELETE FROM schedules WHERE id = ?", row.id);
    notePrerequisites(core);
    return { ...viewSchedule(core, row), nextRuns: [] };
  });
}

/** Submits an instance now, beside the plan and whatever lives; `maxRuns` bounds these, too. */
function trigger(core: Core, row: ScheduleRow, now: number): ScheduleRow {
  if (isUsedUp(row)) {
    throw fail(
      "invalid_state",
      `Schedule ${scheduleId(core.name, row.id)} has made its ${row.max_runs} runs (maxRuns); raise maxRuns first.`,
      { id: scheduleId(core.name, row.id), runs: row.runs },
    );
  }
  core.touch();
  const last_task = submitInstance(core, row, `${row.id} trigger ${row.runs}`, now);
  sayFired(core, row, last_task, { triggered: true });
  const runs = row.runs + 1;
  const ends = isUsedUp({ max_runs: row.max_runs, runs }) ? { planned_at: null, next_at: null } : {};
  const updated = updateSchedule(core, row.id, { runs, last_run_at: now, last_task, ...ends });
  dispatch(core);
  return updated;
}

/** Brings the schedules declared in code up to date; those gone from the code are paused, reason `undeclared`. */
export function putDeclared(core: Core, inputs: readonly ScheduleInput[], fingerprint: string): void {
  for (const input of inputs) putSchedule(core, input, true);
  core.transact("schedule", () => {
    const names = JSON.stringify(inputs.map((input) => input.name));
    core.store.exec(
      "UPDATE schedules SET paused = ?, planned_at = NULL, next_at = NULL WHERE declared = 1 AND paused = ? AND name NOT IN (SELECT value FROM json_each(?))",
      PAUSED.undeclared,
      PAUSED.none,
      names,
    );
    core.touch().declared = fingerprint;
  });
}
