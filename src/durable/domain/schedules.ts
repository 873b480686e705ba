import type { Json, Schedule } from "../../domains/task.ts";
import { fail } from "../../policy/errors.ts";
import { parseScheduleId, scheduleId, taskId } from "../../policy/ids.ts";
import { duplicateHash } from "../../policy/key.ts";
import { LIMITS } from "../../policy/limits.ts";
import { nextAfter, nextFive, parseCron, parseEvery, type Recurrence } from "../../policy/recurrence.ts";
import type { ScheduleInput, SubmitItem } from "../protocol.ts";
import type { Core } from "./core.ts";
import { dispatch } from "./dispatch.ts";
import type { schedules } from "./schema.ts";
import { insert } from "./submit.ts";

export type ScheduleRow = typeof schedules.$inferSelect;

/** Why a schedule does not fire; the number on disk. */
const PAUSED = { none: 0, user: 1, undeclared: 2 } as const;

export function readSchedule(core: Core, id: string): ScheduleRow {
  const parsed = parseScheduleId(id);
  const row = parsed?.domain === core.name ? core.store.exec<ScheduleRow>("SELECT * FROM schedules WHERE id = ?", parsed.counter).toArray()[0] : undefined;
  if (!row) throw fail("schedule_not_found", `There is no schedule ${JSON.stringify(id)} in domain ${core.name}; list them with GET /v1/domains/${core.name}/schedules.`, { id });
  return row;
}

export function listSchedules(core: Core, query: { limit?: number; before?: number }): { items: Schedule[]; next: number | null } {
  const limit = Math.min(query.limit ?? LIMITS.pageDefault, LIMITS.pageMax);
  const rows = core.store.exec<ScheduleRow>("SELECT * FROM schedules WHERE id < ? ORDER BY id DESC LIMIT ?", query.before ?? Number.MAX_SAFE_INTEGER, limit + 1).toArray();
  const items = rows.slice(0, limit);
  return { items: items.map((row) => viewSchedule(core, row)), next: rows.length > limit ? items.at(-1)!.id : null };
}

export function viewSchedule(core: Core, row: ScheduleRow): Schedule {
  const item = JSON.parse(row.item) as SubmitItem;
  const { type, payload, hash: _hash, ...options } = item;
  const now = core.clock.now();
  const next = row.next_at === null || row.paused !== PAUSED.none ? [] : [row.next_at, ...nextFive(ruleOf(row), row.next_at)].slice(0, 5);
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
    runs: row.runs,
    lastRun: row.last_run_at === null ? null : new Date(row.last_run_at).toISOString(),
    lastTask: row.last_task === null ? null : taskId(core.name, row.last_task),
    nextRuns: next.map((at) => new Date(Math.max(at, now)).toISOString()),
    createdAt: new Date(row.created_at).toISOString(),
    options: options as unknown as Json,
  };
}

const ruleOf = (row: Pick<ScheduleRow, "every_ms" | "anchor_at" | "cron" | "timezone">): Recurrence =>
  row.every_ms === null ? { cron: row.cron!, timezone: row.timezone } : { everyMs: row.every_ms, anchorMs: row.anchor_at };

/** The timing of an input, checked: it must fire at least once. */
function timingOf(input: Pick<ScheduleInput, "everyMs" | "cron" | "timezone" | "initialDelayMs">, now: number): Pick<ScheduleRow, "every_ms" | "cron" | "timezone" | "anchor_at" | "next_at"> {
  if (input.everyMs !== undefined) {
    const every_ms = parseEvery(input.everyMs);
    const anchor_at = now + (input.initialDelayMs ?? every_ms);
    return { every_ms, cron: null, timezone: "UTC", anchor_at, next_at: anchor_at };
  }
  const rule = parseCron(input.cron, input.timezone);
  const next_at = nextAfter(rule, now);
  if (next_at === null) {
    throw fail("invalid_request", `The cron expression ${JSON.stringify(input.cron)} never fires; such a date does not exist.`, { issues: [{ path: "cron", message: "never fires" }] });
  }
  return { every_ms: null, cron: rule.cron, timezone: rule.timezone, anchor_at: now, next_at };
}

/** Creates a schedule, or updates the one that has its name. */
export function putSchedule(core: Core, input: ScheduleInput, declared = false): { schedule: Schedule; created: boolean } {
  const now = core.clock.now();
  const timing = timingOf(input, now);
  const found = input.name === undefined ? undefined : core.store.exec<ScheduleRow>("SELECT * FROM schedules WHERE name = ?", input.name).toArray()[0];
  return core.transact("schedule", () => {
    core.touch();
    if (found) return { schedule: viewSchedule(core, change(core, found, input, timing, declared)), created: false };
    const row = core.store
      .exec<ScheduleRow>(
        `INSERT INTO schedules (name, item, every_ms, cron, timezone, anchor_at, next_at, declared, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *`,
        input.name ?? null, JSON.stringify(input.item), timing.every_ms, timing.cron, timing.timezone, timing.anchor_at, timing.next_at, declared ? 1 : 0, now,
      )
      .one();
    if (row.next_at !== null) core.alarm.soon("schedule", row.next_at);
    return { schedule: viewSchedule(core, row), created: true };
  });
}

function change(core: Core, row: ScheduleRow, input: ScheduleInput, timing: ReturnType<typeof timingOf>, declared: boolean): ScheduleRow {
  // The rhythm of an interval goes on when only something else changed.
  const keeps = timing.every_ms === row.every_ms && timing.cron === row.cron && timing.timezone === row.timezone && input.initialDelayMs === undefined;
  const paused = declared && row.paused === PAUSED.undeclared ? PAUSED.none : row.paused;
  const next_at = paused === PAUSED.none ? (keeps && row.next_at !== null ? row.next_at : timing.next_at) : null;
  return update(core, row.id, {
    item: JSON.stringify(input.item), every_ms: timing.every_ms, cron: timing.cron, timezone: timing.timezone,
    anchor_at: keeps ? row.anchor_at : timing.anchor_at, next_at, paused, declared: declared ? 1 : row.declared,
  });
}

/** Changes what a PATCH names. */
export function patchSchedule(core: Core, id: string, patch: Partial<ScheduleInput>): Schedule {
  const row = readSchedule(core, id);
  const current: ScheduleInput = {
    item: patch.item ?? (JSON.parse(row.item) as SubmitItem),
    ...(patch.everyMs !== undefined || patch.cron !== undefined
      ? { everyMs: patch.everyMs, cron: patch.cron, timezone: patch.timezone ?? (patch.cron === undefined ? undefined : row.timezone) }
      : row.every_ms === null ? { cron: row.cron!, timezone: patch.timezone ?? row.timezone } : { everyMs: row.every_ms }),
    ...(patch.initialDelayMs === undefined ? {} : { initialDelayMs: patch.initialDelayMs }),
  };
  const timing = timingOf(current, core.clock.now());
  return core.transact("schedule", () => {
    core.touch();
    return viewSchedule(core, change(core, row, current, timing, false));
  });
}

export function actOnSchedule(core: Core, id: string, action: "pause" | "resume" | "trigger" | "delete"): Schedule {
  return core.transact("schedule", () => {
    const row = readSchedule(core, id);
    const now = core.clock.now();
    core.touch();
    if (action === "pause") return viewSchedule(core, update(core, row.id, { paused: PAUSED.user, next_at: null }));
    if (action === "resume") return viewSchedule(core, update(core, row.id, { paused: PAUSED.none, next_at: nextAfter(ruleOf(row), now) }));
    if (action === "trigger") {
      const updated = fire(core, row, now, `trigger ${row.id} ${now} ${row.runs}`, row.next_at);
      dispatch(core);
      return viewSchedule(core, updated);
    }
    core.store.exec("DELETE FROM schedules WHERE id = ?", row.id);
    return { ...viewSchedule(core, { ...row, next_at: null }), nextRuns: [] };
  });
}

function update(core: Core, id: number, columns: Partial<ScheduleRow>): ScheduleRow {
  const names = Object.keys(columns);
  const row = core.store
    .exec<ScheduleRow>(`UPDATE schedules SET ${names.map((name) => `${name} = ?`).join(", ")} WHERE id = ? RETURNING *`, ...Object.values(columns), id)
    .one();
  if (row.next_at !== null) core.alarm.soon("schedule", row.next_at);
  return row;
}

/** Fires what is due: once for each schedule however many times were missed, the next one in the future. */
export function fireDue(core: Core, now: number): boolean {
  const slice = 100;
  const due = core.store.exec<ScheduleRow>("SELECT * FROM schedules WHERE next_at IS NOT NULL AND next_at <= ? ORDER BY next_at LIMIT ?", now, slice).toArray();
  for (const row of due) {
    core.touch();
    const next = nextAfter(ruleOf(row), now);
    if (isLive(core, row.id)) {
      core.state.totals.schedulesSkipped += 1;
      update(core, row.id, { next_at: next, skipped: row.skipped + 1 });
    } else {
      fire(core, row, now, `planned ${row.id} ${row.next_at}`, next);
    }
  }
  return due.length === slice;
}

/** Overlap `skip`: while an instance lives, the next is not submitted. */
const isLive = (core: Core, schedule: number): boolean =>
  core.store.exec("SELECT 1 FROM tasks WHERE schedule = ? AND schedule IS NOT NULL AND status < 10 LIMIT 1", schedule).toArray().length > 0;

/** Submits an instance. Its key is the schedule and its planned time: it fires once and collides with nothing else. */
function fire(core: Core, row: ScheduleRow, now: number, instance: string, next: number | null): ScheduleRow {
  const item = JSON.parse(row.item) as SubmitItem;
  const [outcome] = insert(core, [{ ...item, hash: duplicateHash(item.type, "key", `schedule ${instance}`) }], now, { schedule: row.id });
  const task = Number(outcome!.id.slice(outcome!.id.lastIndexOf("_") + 1));
  return update(core, row.id, { next_at: next, runs: row.runs + 1, last_run_at: now, last_task: task });
}

/** Brings the schedules declared in code up to date; those gone from the code are paused, reason `undeclared`. */
export function declare(core: Core, inputs: readonly ScheduleInput[], fingerprint: string): void {
  for (const input of inputs) putSchedule(core, input, true);
  core.transact("schedule", () => {
    const names = JSON.stringify(inputs.map((input) => input.name));
    core.store.exec(
      "UPDATE schedules SET paused = ?, next_at = NULL WHERE declared = 1 AND paused = ? AND name NOT IN (SELECT value FROM json_each(?))",
      PAUSED.undeclared, PAUSED.none, names,
    );
    core.touch().declared = fingerprint;
  });
}
