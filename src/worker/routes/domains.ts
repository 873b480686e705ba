import { fail } from "../../policy/errors.ts";
import type { Duration } from "../../policy/duration.ts";
import type { RateOptions } from "../../policy/group-rules.ts";
import { LIMITS } from "../../policy/limits.ts";
import { parseRates } from "../../policy/rate.ts";
import { parseDrain } from "../../policy/settings.ts";
import { json } from "../problem.ts";
import { type Call, type Route, visibleDomains } from "../route.ts";
import { domainChangeShape, drainShape } from "../schemas.ts";

export const domainRoutes: Route[] = [
  { method: "GET", path: "/v1/domains", role: "viewer", answer: list },
  { method: "GET", path: "/v1/domains/:domain", role: "viewer", answer: async ({ api }) => json(await api.snapshot()) },
  { method: "PATCH", path: "/v1/domains/:domain", role: "operator", body: domainChangeShape, answer: change },
  { method: "POST", path: "/v1/domains/:domain/pause", role: "operator", answer: async ({ api }) => json(await api.pause()) },
  { method: "POST", path: "/v1/domains/:domain/resume", role: "operator", answer: async ({ api }) => json(await api.resumeDomain()) },
  { method: "POST", path: "/v1/domains/:domain/drain", role: "operator", body: drainShape, answer: drain },
];

async function list(call: Call): Promise<Response> {
  const items = await Promise.all(visibleDomains(call).map(({ name }) => call.options.domain(name).snapshot()));
  return json({ items, next: null });
}

/** Holds the answer for a minute at most; the drain goes on by itself. */
async function drain({ api, body }: Call): Promise<Response> {
  const timeoutMs = parseDrain(body.timeout as Duration | undefined);
  return json(await api.drain(timeoutMs, Math.min(timeoutMs, LIMITS.waitMsMax)));
}

async function change({ api, body }: Call): Promise<Response> {
  const { maxConcurrency, rates } = body as { maxConcurrency?: number | null; rates?: Record<string, RateOptions | null> };
  if (maxConcurrency === undefined && Object.keys(rates ?? {}).length === 0) throw nothing("maxConcurrency or rates");
  return json(
    await api.configure({
      ...(maxConcurrency === undefined ? {} : { maxConcurrency }),
      ...(rates === undefined ? {} : { rates: parseRates(rates) }),
    }),
  );
}

function nothing(field: string): Error {
  return fail("invalid_request", `The body changes nothing; give ${field}.`, { issues: [{ path: "maxConcurrency", message: "missing" }] });
}
