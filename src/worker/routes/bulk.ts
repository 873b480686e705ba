import { readBulkFilter } from "../../client/query.ts";
import type { BulkFilter } from "../../domains/bulk.ts";
import type { BulkAction } from "../../policy/bulk.ts";
import { idempotencyOf } from "../idempotency.ts";
import { json } from "../problem.ts";
import type { Call, Route } from "../route.ts";
import { bulkShape } from "../schemas.ts";

export const bulkRoutes: Route[] = [
  { method: "POST", path: "/v1/domains/:domain/bulk", role: "operator", body: bulkShape, answer: start },
  { method: "GET", path: "/v1/bulk/:bulk", role: "viewer", answer: async ({ api, id }) => json(await api.look("bulk", { id })) },
];

async function start(call: Call): Promise<Response> {
  const { api, definition } = call;
  const { action, filter, dryRun } = call.body as { action: BulkAction; filter: BulkFilter; dryRun?: boolean };
  const request = { action, filter: readBulkFilter(definition.name, action, filter) };
  if (dryRun === true) return json(await api.look("bulkMatch", request));
  const idempotency = idempotencyOf(call);
  const job = await api.startBulk(idempotency ? { ...request, idempotency } : request);
  return json(job, 202, { location: `../../bulk/${job.id}` });
}
