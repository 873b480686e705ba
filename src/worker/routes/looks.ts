import { parseFailureType, parseSeries, parseTagPrefix } from "../../policy/look.ts";
import { json } from "../problem.ts";
import { first, type QueryShape, readInstant, readLimit } from "../query.ts";
import type { Call, Route } from "../route.ts";

const tagsQuery: QueryShape = { once: ["prefix"] };
const failuresQuery: QueryShape = { once: ["type", "since", "limit"] };
const seriesQuery: QueryShape = { once: ["step"], many: ["metric"] };

/** What a domain tells beside its tasks. */
export const lookRoutes: Route[] = [
  { method: "GET", path: "/v1/domains/:domain/failures", role: "viewer", query: failuresQuery, answer: failures },
  { method: "GET", path: "/v1/domains/:domain/series", role: "viewer", query: seriesQuery, answer: series },
  { method: "GET", path: "/v1/domains/:domain/tags", role: "viewer", query: tagsQuery, answer: tagKeys },
  { method: "GET", path: "/v1/domains/:domain/tags/:key", role: "viewer", answer: tagValues },
];

async function failures({ api, given }: Call): Promise<Response> {
  const [type, since] = [first(given, "type"), first(given, "since")];
  const query = {
    limit: readLimit(given),
    ...(type === undefined ? {} : { type: parseFailureType(type) }),
    ...(since === undefined ? {} : { since: readInstant(since, "since") }),
  };
  return json(await api.look("failures", query));
}

async function series({ api, given }: Call): Promise<Response> {
  return json(await api.look("series", parseSeries(given.get("metric"), first(given, "step"))));
}

async function tagKeys({ api, given }: Call): Promise<Response> {
  const prefix = first(given, "prefix");
  return json(await api.look("tagKeys", { prefix: prefix === undefined ? "" : parseTagPrefix(prefix, "prefix") }));
}

async function tagValues({ api, context }: Call): Promise<Response> {
  return json(await api.look("tagValues", { key: parseTagPrefix(context.req.param("key"), "key") }));
}
