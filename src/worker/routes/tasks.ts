import { findDomain } from "../../domains/find.ts";
import { prepare } from "../../domains/prepare.ts";
import type { Task } from "../../domains/task.ts";
import type { TaskQuery } from "../../durable/protocol.ts";
import { parseScheduleId, parseTaskId } from "../../policy/ids.ts";
import { requireDomain } from "../auth.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { foreignCursor, pageOfTasks, tasksScope } from "../lists.ts";
import { json } from "../problem.ts";
import { countQuery, first, listQuery, readFilters, readLimit } from "../query.ts";
import { redact } from "../redact.ts";
import { type Call, type Route, visibleDomains } from "../route.ts";
import { retryShape } from "../schemas.ts";
import { requireDownstreams } from "../scope.ts";

export const taskRoutes: Route[] = [
  { method: "GET", path: "/v1/domains/:domain/tasks", role: "viewer", query: listQuery, answer: list },
  { method: "GET", path: "/v1/domains/:domain/tasks/count", role: "viewer", query: countQuery, answer: count },
  { method: "GET", path: "/v1/tasks", role: "viewer", query: listQuery, answer: listAll },
  { method: "GET", path: "/v1/tasks/:task", role: "viewer", answer: async (call) => show(call, await call.api.get(call.id)) },
  { method: "POST", path: "/v1/tasks/:task/cancel", role: "operator", answer: async (call) => show(call, await call.api.cancel(call.id)) },
  { method: "POST", path: "/v1/tasks/:task/retry", role: "operator", body: retryShape, answer: retry },
  { method: "POST", path: "/v1/tasks/:task/run-now", role: "operator", answer: async (call) => show(call, await call.api.runNow(call.id)) },
  { method: "GET", path: "/v1/tasks/:task/graph", role: "viewer", answer: showGraph },
  { method: "GET", path: "/v1/tasks/:task/why", role: "viewer", answer: async (call) => json(await call.api.why(call.id)) },
  { method: "POST", path: "/v1/tasks/:task/backfill", role: "operator", answer: backfill },
];

function show(call: Call, task: Task): Response {
  return json(redact(task, call.definition, call.identity));
}

/** A graph reaches into other domains: of those that the token may not see, it shows ids alone, as a task's record does. */
async function showGraph(call: Call): Promise<Response> {
  const { nodes, ...graph } = await call.api.graph(call.id);
  const visible = new Set(visibleDomains(call).map(({ name }) => name));
  return json({ ...graph, nodes: nodes.filter(({ id }) => visible.has(parseTaskId(id)?.domain ?? "")) });
}

async function retry(call: Call): Promise<Response> {
  const { api, id, body, registry, definition, clock } = call;
  if (body.payload === undefined) return show(call, await api.retry(id));
  // The key comes anew from the definition, as it would in a submit.
  const { type } = await api.get(id);
  const { payload, hash, key } = await prepare(registry, definition, type, body.payload, undefined, clock);
  return show(call, await api.retry(id, { payload, ...(hash === undefined ? {} : { hash }), ...(key === undefined ? {} : { key }) }));
}

async function backfill(call: Call): Promise<Response> {
  const { api, id, identity } = call;
  await requireDownstreams(identity, id, () => api.graph(id));
  return show(call, await api.backfill(id));
}

async function count({ api, given }: Call): Promise<Response> {
  return json({ count: await api.count(readFilters(given)) });
}

async function list(call: Call): Promise<Response> {
  const { api, given, definition, identity } = call;
  const filters = readFilters(given);
  const scope = tasksScope(definition.name, filters);
  const page = await api.list(pageQuery(filters, readLimit(given), positionIn(scope, given)));
  return json({
    items: page.items.map((task) => redact(task, definition, identity)),
    next: page.next === null ? null : encodeCursor(scope, page.next),
  });
}

/** Over all domains that the token may see, merged by `createdAt`. */
async function listAll(call: Call): Promise<Response> {
  const { given, registry, identity, options } = call;
  const filters = readFilters(given);
  const names = domainsFor(call, filters.schedule).map(({ name }) => name);
  const asked = { limit: readLimit(given), cursor: first(given, "cursor") };
  const { items, next } = await pageOfTasks(names, (name, query) => options.domain(name).list(query), filters, asked);
  return json({ items: items.map((task) => redact(task, findDomain(registry, task.domain), identity)), next });
}

/** A schedule's tasks are in its own domain alone. */
function domainsFor(call: Call, schedule: string | undefined) {
  if (schedule === undefined) return visibleDomains(call);
  const name = parseScheduleId(schedule)!.domain;
  requireDomain(call.identity, name);
  return [findDomain(call.registry, name)];
}

function pageQuery(filters: TaskQuery, limit: number, before: number | undefined): TaskQuery {
  return { ...filters, limit, ...(before === undefined ? {} : { before }) };
}

function positionIn(scope: string, given: Call["given"]): number | undefined {
  const cursor = first(given, "cursor");
  const position = cursor === undefined ? undefined : decodeCursor(scope, cursor);
  if (position === undefined || typeof position === "number") return position;
  throw foreignCursor();
}
