import { MILL, pageOfAudit } from "../lists.ts";
import { json } from "../problem.ts";
import { first, pageQuery, readLimit } from "../query.ts";
import { type Call, type Route, visibleDomains } from "../route.ts";

export const auditRoutes: Route[] = [{ method: "GET", path: "/v1/audit", role: "operator", query: pageQuery, answer: list }];

/** Changes by operators in all domains that the token may see, newest first; a token for some domains does not see the mill's. */
async function list(call: Call): Promise<Response> {
  const { given, identity, options } = call;
  const sources = visibleDomains(call).map(({ name }) => name);
  if (identity.domains === null) sources.push(MILL);
  const ask = (name: string) => (name === MILL ? options.coordinator() : options.domain(name));
  return json(await pageOfAudit(sources, ask, { limit: readLimit(given), cursor: first(given, "cursor") }));
}
