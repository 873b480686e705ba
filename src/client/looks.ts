import { parseInstant } from "../domains/instant.ts";
import type { DomainLooks, FailuresQuery } from "../domains/looks.ts";
import type { DomainApi, Failures, Looks } from "../durable/protocol.ts";
import { search } from "./search.ts";
import { segment } from "./segment.ts";
import { parseFailureType, parseLimit, parseSeries, parseTagPrefix } from "../policy/look.ts";

/** What a domain tells beside its tasks, over RPC to its object. */
export function localLooks(api: () => Pick<DomainApi, "look">): DomainLooks {
  return {
    tags: async ({ prefix } = {}) => api().look("tagKeys", { prefix: prefix === undefined ? "" : parseTagPrefix(prefix, "prefix") }),
    tagValues: async (key) => api().look("tagValues", { key: parseTagPrefix(key, "key") }),
    failures: async (query) => api().look("failures", readFailures(query)),
    series: async ({ metrics, step } = {}) => api().look("series", parseSeries(metrics, step)),
  };
}

function readFailures({ type, since, limit }: FailuresQuery = {}): Looks["failures"]["body"] {
  return {
    limit: parseLimit(limit),
    ...(type === undefined ? {} : { type: parseFailureType(type) }),
    ...(since === undefined ? {} : { since: parseInstant(since, "since") }),
  };
}

/** The same over HTTP: `get` asks for a path below the domain's. */
export function httpLooks(get: <Answer>(path: string, query: URLSearchParams) => Promise<Answer>): DomainLooks {
  return {
    tags: ({ prefix } = {}) => get("/tags", search({ prefix })),
    tagValues: async (key) => get(`/tags/${segment(key, "invalid_request")}`, search({})),
    failures: async (query = {}) => get<Failures>("/failures", search(query)),
    series: ({ metrics, step } = {}) => {
      const query = search({ step });
      for (const name of metrics ?? []) query.append("metric", name);
      return get("/series", query);
    },
  };
}
