import { prepareSchedule } from "../../domains/schedule.ts";
import type { Schedule } from "../../domains/task.ts";
import type { ScheduleInput } from "../../durable/protocol.ts";
import { fail } from "../../policy/errors.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { json } from "../problem.ts";
import { first, pageQuery, readLimit } from "../query.ts";
import { redact } from "../redact.ts";
import type { Call, Route } from "../route.ts";
import { scheduleChangeShape, scheduleShape } from "../schemas.ts";

const act = (action: "pause" | "resume" | "trigger" | "delete") => async (call: Call) => show(call, await call.api.scheduleAction(call.id, action));

export const scheduleRoutes: Route[] = [
  { method: "POST", path: "/v1/domains/:domain/schedules", role: "operator", body: scheduleShape, answer: create },
  { method: "GET", path: "/v1/domains/:domain/schedules", role: "viewer", query: pageQuery, answer: list },
  { method: "GET", path: "/v1/schedules/:schedule", role: "viewer", answer: async (call) => show(call, await call.api.schedule(call.id)) },
  { method: "PATCH", path: "/v1/schedules/:schedule", role: "operator", body: scheduleChangeShape, answer: change },
  { method: "DELETE", path: "/v1/schedules/:schedule", role: "operator", answer: act("delete") },
  { method: "POST", path: "/v1/schedules/:schedule/pause", role: "operator", answer: act("pause") },
  { method: "POST", path: "/v1/schedules/:schedule/resume", role: "operator", answer: act("resume") },
  { method: "POST", path: "/v1/schedules/:schedule/trigger", role: "operator", answer: act("trigger") },
];

function show(call: Call, schedule: Schedule, status = 200): Response {
  return json(redact(schedule, call.definition, call.identity), status);
}

async function create(call: Call): Promise<Response> {
  const { registry, definition, body, api, clock } = call;
  checkSubmittable(call, body.type);
  const { overlap, ...given } = body;
  checkOverlap(overlap);
  const { schedule, created } = await api.createSchedule(await prepareSchedule(registry, definition, given, clock));
  return show(call, schedule, created ? 201 : 200);
}

async function list({ definition, given, api, identity }: Call): Promise<Response> {
  const scope = `schedules ${definition.name}`;
  const cursor = first(given, "cursor");
  const before = cursor === undefined ? undefined : decodeCursor(scope, cursor);
  const page = await api.schedules({ limit: readLimit(given), ...(typeof before === "number" ? { before } : {}) });
  return json({
    items: page.items.map((schedule) => redact(schedule, definition, identity)),
    next: page.next === null ? null : encodeCursor(scope, page.next),
  });
}

const TIMING: ReadonlySet<string> = new Set(["every", "cron", "timezone", "initialDelay"]);

/** Changes what the body names. What it does not is checked together with it, because the one may not go with the other. */
async function change(call: Call): Promise<Response> {
  const { registry, definition, api, id, clock } = call;
  const { overlap, ...patch } = call.body;
  checkOverlap(overlap);
  const names = Object.keys(patch).filter((name) => patch[name] !== undefined);
  if (names.length === 0) throw fail("invalid_request", "The body changes nothing; give the fields to change, such as every, cron or payload.");
  if (patch.type !== undefined) checkSubmittable(call, patch.type);
  const prepared = await prepareSchedule(registry, definition, { ...currentOf(await api.schedule(id), call, patch), ...patch }, clock);
  const { item, name: _name, ...timing } = prepared;
  const update: Partial<ScheduleInput> = {
    ...(names.some((field) => TIMING.has(field)) ? timing : {}),
    ...(names.some((field) => !TIMING.has(field)) ? { item } : {}),
  };
  return show(call, await api.updateSchedule(id, update));
}

/** A schedule as the body that would make it; without the timing that the patch replaces. */
function currentOf(schedule: Schedule, { definition }: Call, patch: Record<string, unknown>): Record<string, unknown> {
  const { label, tags, priority, ttlMs, timeoutMs, retry } = schedule.options as Record<string, unknown>;
  const { type, payload, every, cron, timezone } = schedule;
  const replaced = patch.every !== undefined || patch.cron !== undefined;
  const timing = every === undefined ? { cron, timezone } : { every };
  // A label that the type makes out of the payload must follow it.
  const follows = (patch.payload !== undefined || patch.type !== undefined) && definition.types.get(String(patch.type ?? type))?.label !== undefined;
  const known = { tags, priority, ttl: ttlMs, timeout: timeoutMs, retry, label: follows ? undefined : label, ...(replaced ? keepZone(patch, timezone) : timing) };
  return { type, payload, ...Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)) };
}

/** Another cron expression stays in the zone of the one before. */
function keepZone(patch: Record<string, unknown>, timezone: string): Record<string, unknown> {
  return patch.cron === undefined ? {} : { timezone };
}

/** A schedule is a submit that comes later. */
function checkSubmittable({ definition }: Call, type: unknown): void {
  if (definition.types.get(String(type))?.submittable !== false) return;
  throw fail("not_submittable", `Tasks of ${definition.name}::${String(type)} are not submitted over HTTP (submittable: false), nor by a schedule made there.`);
}

/** `skip` is the default, and all there is yet. */
function checkOverlap(overlap: unknown): void {
  if (overlap === undefined || overlap === "skip") return;
  const message = `overlap: ${JSON.stringify(overlap)} is not implemented yet; only "skip" is`;
  throw fail("not_implemented", `${message}.`, { field: "overlap", issues: [{ path: "overlap", message: "not implemented" }] });
}
