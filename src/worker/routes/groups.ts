import type { GroupChange } from "../../policy/group-rules.ts";
import { requireAllDomains } from "../auth.ts";
import { json } from "../problem.ts";
import type { Call, Route } from "../route.ts";
import { groupShape } from "../schemas.ts";

/** A group belongs to the whole mill, so a token that is limited to some domains has nothing to say or to see here. */
export const groupRoutes: Route[] = [
  { method: "GET", path: "/v1/groups", role: "viewer", answer: list },
  { method: "PATCH", path: "/v1/groups/:group", role: "operator", body: groupShape, answer: change },
];

async function list({ identity, options }: Call): Promise<Response> {
  requireAllDomains(identity);
  return json({ items: await options.coordinator().groups(), next: null });
}

async function change({ identity, options, context, body }: Call): Promise<Response> {
  requireAllDomains(identity);
  return json(await options.coordinator().setGroup(context.req.param("group") ?? "", body as GroupChange));
}
