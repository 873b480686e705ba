import { parseInstant } from "../../domains/instant.ts";
import type { CoordinatorSnapshot } from "../../policy/coordination/protocol.ts";
import type { Duration } from "../../policy/duration.ts";
import { checkGroupName } from "../../policy/group-name.ts";
import { parsePressure, parseSettings } from "../../policy/settings.ts";
import { type Identity, requireAllDomains } from "../auth.ts";
import { json } from "../problem.ts";
import type { Call, Route } from "../route.ts";
import { groupPauseShape, pressureShape, settingsShape } from "../schemas.ts";

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
  { method: "POST", path: "/v1/groups/:group/pause", role: "operator", body: groupPauseShape, answer: pauseGroup },
  { method: "POST", path: "/v1/groups/:group/resume", role: "operator", answer: resumeGroup },
  { method: "PUT", path: "/v1/pressure/:name", role: "operator", body: pressureShape, answer: press },
];

/** Without the domains that a token may not see, and without groups where there are some: they reach over all domains. */
function show({ domains }: Identity, snapshot: CoordinatorSnapshot): Response {
  if (domains === null) return json(snapshot);
  const holders = snapshot.holders.filter(({ domain }) => domains.has(domain));
  return json({ ...snapshot, holders, groups: [], pausedGroups: [] });
}

async function pause({ identity, options }: Call): Promise<Response> {
  requireAllDomains(identity);
  return show(identity, await options.coordinator().pause());
}

async function resume({ identity, options }: Call): Promise<Response> {
  requireAllDomains(identity);
  return show(identity, await options.coordinator().resume());
}

async function pauseGroup({ identity, options, context, body }: Call): Promise<Response> {
  requireAllDomains(identity);
  const until = body.until === undefined ? undefined : parseInstant(body.until, "until");
  return json(await options.coordinator().pauseGroup(groupOf(context), until));
}

async function resumeGroup({ identity, options, context }: Call): Promise<Response> {
  requireAllDomains(identity);
  return json(await options.coordinator().resumeGroup(groupOf(context)));
}

const groupOf = (context: Call["context"]): string => checkGroupName(context.req.param("group"));

async function press({ identity, options, context, body }: Call): Promise<Response> {
  requireAllDomains(identity);
  return json(await options.coordinator().pressure(parsePressure(context.req.param("name"), body.value, body.ttl as Duration)));
}

async function change({ identity, options, body }: Call): Promise<Response> {
  requireAllDomains(identity);
  return show(identity, await options.coordinator().configure(parseSettings(body)));
}
