import { prepareSchedule, prepareScheduleChange } from "../../domains/schedule.ts";
import type { Schedule } from "../../domains/task.ts";
import { fail } from "../../policy/errors.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { json } from "../problem.ts";
import { first, pageQuery, readLimit } from "../query.ts";
import { redact } from "../redact.ts";
import type { Call, Route } from "../route.ts";
import { scheduleChangeShape, scheduleShape } from "../schemas.ts";
import { requireUpstreams } from "../scope.ts";

const act = (action: "pause" | "resume" | "trigger" | "delete") => async (call: Call) =>
  show(call, await call.api.scheduleAction(call.id, action));

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

function show(call: Call, schedule: Schedule, { status = 200, location }: { status?: number; location?: string } = {}): Response {
  return json(redact(schedule, call.definition, call.identity), status, location === undefined ? {} : { location });
}

async function create(call: Call): Promise<Response> {
  const { registry, definition, body, api, clock, identity } = call;
  checkSubmittable(call, body.type);
  const plan = await prepareSchedule(registry, definition, body, clock);
  requireUpstreams(identity, [plan.item]);
  const { schedule, created } = await api.createSchedule(plan);
  // Relative to the request, as a task's.
  return show(call, schedule, created ? { status: 201, location: `../../schedules/${schedule.id}` } : {});
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

/** Changes what the body names. */
async function change(call: Call): Promise<Response> {
  const { registry, definition, body, api, id, clock, identity } = call;
  if (body.type !== undefined) checkSubmittable(call, body.type);
  const update = await prepareScheduleChange(registry, definition, await api.schedule(id), body, clock);
  // What stands already was somebody else's to allow.
  if (body.dependsOn !== undefined && update.item) requireUpstreams(identity, [update.item]);
  return show(call, await api.updateSchedule(id, update));
}

/** A schedule is a submit that comes later. */
function checkSubmittable({ definition }: Call, type: unknown): void {
  if (definition.types.get(String(type))?.submittable !== false) return;
  throw fail(
    "not_submittable",
    `Tasks of ${definition.name}::${String(type)} are not submitted over HTTP (submittable: false), nor by a schedule made there.`,
  );
}
