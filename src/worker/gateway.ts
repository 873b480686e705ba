import { Hono } from "hono";
import { systemClock } from "../clock.ts";
import type { Registry } from "../domains/definition.ts";
import { findDomain } from "../domains/find.ts";
import { fail } from "../policy/errors.ts";
import { parseBulkId, parseLeaseId, parseScheduleId, parseTaskId } from "../policy/ids.ts";
import { didYouMean } from "../policy/names.ts";
import { admittedAs, authenticate, type AuthEnv, type Identity, readAuth, requireDomain, requireRole } from "./auth.ts";
import { readBody } from "./body.ts";
import { preflight, share } from "./cors.ts";
import { noted } from "./note.ts";
import { HEADERS, type LogEntry, problem } from "./problem.ts";
import { readParameters } from "./query.ts";
import { type Call, type GatewayContext, type GatewayOptions, type Route } from "./route.ts";
import { auditRoutes } from "./routes/audit.ts";
import { bulkRoutes } from "./routes/bulk.ts";
import { claimRoutes } from "./routes/claims.ts";
import { domainRoutes } from "./routes/domains.ts";
import { health, healthRoutes } from "./routes/health.ts";
import { lookRoutes } from "./routes/looks.ts";
import { openapiRoutes } from "./routes/openapi.ts";
import { registryRoutes } from "./routes/registry.ts";
import { resultRoutes } from "./routes/results.ts";
import { scheduleRoutes } from "./routes/schedules.ts";
import { eventRoutes } from "./routes/events.ts";
import { metricRoutes } from "./routes/metrics.ts";
import { groupRoutes } from "./routes/groups.ts";
import { snapshotRoutes } from "./routes/snapshot.ts";
import { submitRoutes } from "./routes/submits.ts";
import { taskRoutes } from "./routes/tasks.ts";
import { throttle } from "./throttle.ts";
import { emptyShape } from "./schemas.ts";

/** Every request of the contract but `/healthz`. */
export const ROUTES: readonly Route[] = [
  ...submitRoutes,
  ...taskRoutes,
  ...bulkRoutes,
  ...resultRoutes,
  ...claimRoutes,
  ...domainRoutes,
  ...lookRoutes,
  ...scheduleRoutes,
  ...registryRoutes,
  ...snapshotRoutes,
  ...groupRoutes,
  ...eventRoutes,
  ...metricRoutes,
  ...healthRoutes,
  ...auditRoutes,
  ...openapiRoutes,
];

/**
 * The HTTP API as a Hono app; stateless: it authorises, validates and asks the object that owns the id. Its tokens come
 * from the environment of each request.
 *
 * @example `host.route("/queue", createGateway(registry, { domain: reachDomain, coordinator: reachCoordinator }))`
 */
export function createGateway(registry: Registry, options: GatewayOptions): Hono<{ Bindings: AuthEnv }> {
  const app = new Hono<{ Bindings: AuthEnv }>();
  const log = options.log ?? logLine;
  const clock = options.clock ?? systemClock;
  const shared = (response: Response, context: GatewayContext) => share(response, context.req.raw, environment(context));
  app.onError((error, context) => shared(problem(error, context.req.raw, clock, log), context));
  app.get("/healthz", (context) =>
    health(
      environment(context),
      [...registry.domains.values()].some(({ startup }) => startup !== undefined),
    ),
  );
  for (const route of ROUTES)
    app.on(route.method, route.path, async (context) => shared(await answer(registry, options, route, context), context));
  for (const [path, methods] of methodsByPath()) {
    app.all(path, async (context) => {
      const asked = preflight(context.req.raw, environment(context), methods);
      if (asked) return asked;
      if (path !== "/healthz") await identify(context, log);
      if (context.req.method === "OPTIONS") return new Response(null, { status: 204, headers: { ...HEADERS, allow: methods.join(", ") } });
      throw fail("method_not_allowed", `${path.replaceAll(/:(\w+)/g, "{$1}")} takes ${methods.join(", ")}.`, { allow: methods.join(", ") });
    });
  }
  // As a route, too: under a prefix the host's own notFound is asked.
  app.all("/v1/*", (context) => unknownRoute(context, log));
  app.notFound(async (context) => {
    try {
      return await unknownRoute(context, log);
    } catch (error) {
      return shared(problem(error, context.req.raw, clock, log), context);
    }
  });
  return app;
}

async function answer(registry: Registry, options: GatewayOptions, route: Route, context: GatewayContext): Promise<Response> {
  const clock = options.clock ?? systemClock;
  const identity = await identify(context, options.log ?? logLine).catch((error: unknown) => {
    if (route.unknown && wantsPage(context)) return route.unknown(clock);
    throw error;
  });
  if (identity instanceof Response) return identity;
  options.onRequest?.();
  await throttle(environment(context), identity);
  requireRole(identity, route.role);
  const owner = ownerOf(registry, route, context, identity);
  const given = readParameters(context.req.url, route.query ?? {});
  const body = route.method === "GET" ? {} : await readBody(context.req.raw, route.body ?? emptyShape);
  const ways = noted(options, route, { context, identity, body });
  // Owner fields are only read by routes whose path names one.
  return route.answer({
    registry,
    options: ways,
    routes: ROUTES,
    clock,
    context,
    identity,
    given,
    body,
    ...(owner as Owner),
    ...reach(ways, owner),
  } as Call);
}

type Owner = Pick<Call, "definition" | "id">;

/** The domain that the path is about, when the token covers it; whether it exists is told to nobody else. */
function ownerOf(registry: Registry, route: Route, context: GatewayContext, identity: Identity): Owner | undefined {
  const names = context.req.param() as Record<string, string | undefined>;
  if (route.path.includes("/:domain")) return { definition: domainOf(registry, identity, names.domain ?? ""), id: "" };
  if (route.path.includes("/:task")) {
    const id = names.task ?? "";
    const parsed = parseTaskId(id);
    if (!parsed)
      throw fail("task_not_found", `${quote(id)} is not the id of a task; those look like media_4217.`, { id: id.slice(0, 100) });
    return { definition: domainOf(registry, identity, parsed.domain), id };
  }
  if (route.path.includes("/:schedule")) {
    const id = names.schedule ?? "";
    const parsed = parseScheduleId(id);
    if (!parsed)
      throw fail("schedule_not_found", `${quote(id)} is not the id of a schedule; those look like media_s3.`, { id: id.slice(0, 100) });
    return { definition: domainOf(registry, identity, parsed.domain), id };
  }
  if (route.path.includes("/:bulk")) {
    const id = names.bulk ?? "";
    const parsed = parseBulkId(id);
    if (!parsed)
      throw fail("bulk_not_found", `${quote(id)} is not the id of a bulk job; those look like media_b2.`, { id: id.slice(0, 100) });
    return { definition: domainOf(registry, identity, parsed.domain), id };
  }
  if (route.path.includes("/:lease")) {
    const id = names.lease ?? "";
    const domain = parseLeaseId(id);
    if (domain === null)
      throw fail("lease_lost", `${quote(id)} is not the id of a lease; claim tasks to get one.`, { lease: id.slice(0, 100) });
    return { definition: domainOf(registry, identity, domain), id };
  }
  return undefined;
}

function domainOf(registry: Registry, identity: Identity, name: string) {
  requireDomain(identity, name.slice(0, 100));
  return findDomain(registry, name);
}

function reach(options: GatewayOptions, owner: Owner | undefined): Pick<Call, "api"> | undefined {
  return owner && { api: options.domain(owner.definition.name) };
}

async function identify(context: GatewayContext, log: (entry: LogEntry) => void): Promise<Identity> {
  const admitted = admittedAs(context.req.raw);
  if (admitted) return admitted;
  return authenticate(environment(context), context.req.raw.headers, (message) => log({ level: "error", message }));
}

/** A browser that follows a link, and a mill that has tokens to ask for. */
function wantsPage(context: GatewayContext): boolean {
  return readAuth(environment(context)).kind === "tokens" && (context.req.header("accept") ?? "").includes("text/html");
}

/** Hono leaves it undefined where `app.request` is called without one. */
function environment(context: GatewayContext): AuthEnv & Record<string, unknown> {
  return (context.env ?? {}) as AuthEnv & Record<string, unknown>;
}

/** Which methods each path takes; HEAD goes with GET. */
function methodsByPath(): Map<string, string[]> {
  const paths = new Map<string, string[]>([["/healthz", ["GET", "HEAD"]]]);
  for (const { method, path } of ROUTES) paths.set(path, [...(paths.get(path) ?? []), ...(method === "GET" ? ["GET", "HEAD"] : [method])]);
  return paths;
}

async function unknownRoute(context: GatewayContext, log: (entry: LogEntry) => void): Promise<Response> {
  await identify(context, log);
  const { method } = context.req;
  const path = new URL(context.req.url).pathname;
  const hint = closestRoute(path);
  throw fail(
    "not_found",
    `There is no ${method} ${quote(path)}${hint === undefined ? "; the routes begin with /v1, such as GET /v1/domains." : `; did you mean ${hint}?`}`,
    hint === undefined ? {} : { didYouMean: hint },
  );
}

/** The path that was most likely meant: each route's own words compared, its names taken from what was asked. */
function closestRoute(path: string): string | undefined {
  const start = path.indexOf("/v1/");
  const asked = (start < 0 ? `/v1${path}` : path.slice(start)).replace(/\/+$/, "");
  const words = asked.split("/");
  const candidates = new Set<string>();
  for (const route of ROUTES) {
    const pattern = route.path.split("/");
    if (pattern.length === words.length) candidates.add(pattern.map((word, at) => (word.startsWith(":") ? words[at] : word)).join("/"));
  }
  return candidates.has(asked) ? asked : didYouMean(asked, candidates);
}

function quote(text: string): string {
  const quoted = JSON.stringify(text);
  return quoted.length > 80 ? `${quoted.slice(0, 77)}…` : quoted;
}

function logLine(entry: LogEntry): void {
  console.error(JSON.stringify(entry));
}
