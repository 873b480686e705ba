import type { AuditPage } from "../../policy/audit.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { mergeNewest, type Positions } from "../merge.ts";
import { json } from "../problem.ts";
import { first, pageQuery, readLimit } from "../query.ts";
import { type Call, type Route, visibleDomains } from "../route.ts";

export const auditRoutes: Route[] = [{ method: "GET", path: "/v1/audit", role: "operator", query: pageQuery, answer: list }];

/** The mill's own log among the positions: no domain has such a name. */
const MILL = "";
const SCOPE = "audit";

/** Changes by operators in all domains that the token may see, newest first; a token for some domains does not see the mill's. */
async function list(call: Call): Promise<Response> {
  const { given, identity, options } = call;
  const limit = readLimit(given);
  const cursor = first(given, "cursor");
  const positions = (cursor === undefined ? {} : decodeCursor(SCOPE, cursor)) as Positions;
  const sources = visibleDomains(call).map(({ name }) => name);
  if (identity.domains === null) sources.push(MILL);
  const pages = await Promise.all(
    sources
      .filter((name) => positions[name] !== null)
      .map(async (name): Promise<[string, AuditPage]> => {
        const before = positions[name];
        const object = name === MILL ? options.coordinator() : options.domain(name);
        return [name, await object.auditLog({ limit, ...(before === undefined || before === null ? {} : { before }) })];
      }),
  );
  const { items, next } = mergeNewest(Object.fromEntries(pages), positions, limit, { at: ({ at }) => at, number: ({ seq }) => seq });
  return json({ items: items.map(({ seq: _seq, ...entry }) => entry), next: next === null ? null : encodeCursor(SCOPE, next) });
}
