import { claimValid, readClaim, readFailure, readProgress, readResult } from "../../domains/claims.ts";
import type { Settlement } from "../../durable/protocol.ts";
import { json } from "../problem.ts";
import type { Call, Route } from "../route.ts";
import { claimShape, completeShape, failShape, renewShape } from "../schemas.ts";

export const claimRoutes: Route[] = [
  { method: "POST", path: "/v1/domains/:domain/claims", role: "worker", body: claimShape, answer: claim },
  {
    method: "POST",
    path: "/v1/claims/:lease/renew",
    role: "worker",
    body: renewShape,
    answer: async (call) => json(await call.api.renewLease(call.id, readProgress(call.body.progress))),
  },
  { method: "POST", path: "/v1/claims/:lease/complete", role: "worker", body: completeShape, answer: complete },
  {
    method: "POST",
    path: "/v1/claims/:lease/fail",
    role: "worker",
    body: failShape,
    answer: (call) => settle(call, readFailure(call.body)),
  },
  { method: "POST", path: "/v1/claims/:lease/release", role: "worker", answer: (call) => settle(call, { kind: "release" }) },
];

async function claim({ api, body, definition, context }: Call): Promise<Response> {
  const request = readClaim(definition, body);
  const claims = await claimValid(
    definition,
    () => api.claim(request),
    (lease, settlement) => api.settleLease(lease, settlement),
  );
  // A worker that hung up meanwhile knows of no lease: nothing is charged to its tasks.
  if (context.req.raw.signal?.aborted) await Promise.all(claims.map(({ lease }) => api.settleLease(lease, { kind: "release" })));
  return json({ claims });
}

async function complete(call: Call): Promise<Response> {
  const { api, id, definition, body } = call;
  // Only where a schema has to be asked must the type be known.
  const hasSchemas = [...definition.types.values()].some((type) => type.pull && type.result);
  const type = hasSchemas ? await api.leasedType(id) : "";
  return settle(call, await readResult(definition, type, body.result));
}

async function settle({ api, id }: Call, settlement: Settlement): Promise<Response> {
  return json(await api.settleLease(id, settlement));
}
