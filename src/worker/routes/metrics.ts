import { HEADERS } from "../problem.ts";
import { metricsText } from "../metrics.ts";
import type { Call, Route } from "../route.ts";

export const metricRoutes: Route[] = [{ method: "GET", path: "/metrics", role: "viewer", answer: metrics }];

/** From what the coordinator was last told: no domain is woken. A token for some domains sees those, and the whole mill's but its groups. */
async function metrics({ options, identity: { domains } }: Call): Promise<Response> {
  const mill = await options.coordinator().metrics();
  const may = ({ domain }: { domain: string }): boolean => domains === null || domains.has(domain);
  const text = metricsText({
    ...mill,
    domains: mill.domains.filter(may),
    holders: mill.holders.filter(may),
    ...(domains === null ? {} : { groups: [], groupPauses: {} }),
  });
  return new Response(text, { headers: { ...HEADERS, "content-type": "text/plain; version=0.0.4; charset=utf-8" } });
}
