import { fail } from "../../policy/errors.ts";
import type { CoordinatorSnapshot } from "../../policy/coordination/protocol.ts";
import { type Identity, requireAllDomains } from "../auth.ts";
import { json } from "../problem.ts";
import { type Call, laterRoute, type Route } from "../route.ts";
import { settingsShape } from "../schemas.ts";

export const snapshotRoutes: Route[] = [
  {
    method: "GET",
    path: "/v1/snapshot",
    role: "viewer",
    answer: async (call) => show(call.identity, await call.options.coordinator().snapshot()),
  },
  { method: "PATCH", path: "/v1/settings", role: "operator", body: settingsShape, answer: change },
  { method: "POST", path: "/v1/pause", role: "operator", answer: pause },
  { method: "POST", path: "/v1/resume", role: "operator", answer: resume },
  laterRoute("GET", "/v1/groups", "viewer", "groups"),
  laterRoute("PATCH", "/v1/groups/:group", "operator", "groups"),
  laterRoute("POST", "/v1/groups/:group/pause", "operator", "groups"),
  laterRoute("POST", "/v1/groups/:group/resume", "operator", "groups"),
  laterRoute("PUT", "/v1/pressure/:name", "operator", "pressure"),
  laterRoute("GET", "/v1/events", "viewer", "events"),
  laterRoute("GET", "/metrics", "viewer", "metrics"),
  laterRoute("GET", "/docs", "viewer", "the API's page"),
];

/** Without the domains that a token may not see. */
function show({ domains }: Identity, snapshot: CoordinatorSnapshot): Response {
  const holders = snapshot.holders.filter(({ domain }) => domains === null || domains.has(domain));
  return json({ ...snapshot, holders });
}

async function pause({ identity, options }: Call): Promise<Response> {
  requireAllDomains(identity);
  return show(identity, await options.coordinator().pause());
}

async function resume({ identity, options }: Call): Promise<Response> {
  requireAllDomains(identity);
  return show(identity, await options.coordinator().resume());
}

async function change({ identity, options, body }: Call): Promise<Response> {
  requireAllDomains(identity);
  const { maxConcurrency } = body as { maxConcurrency?: number };
  if (maxConcurrency === undefined)
    throw fail("invalid_request", "The body changes nothing; give maxConcurrency.", {
      issues: [{ path: "maxConcurrency", message: "missing" }],
    });
  return show(identity, await options.coordinator().configure({ maxConcurrency }));
}
