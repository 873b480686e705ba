import type { AuthEnv } from "./auth.ts";

const ALLOWED = {
  "access-control-allow-headers": "authorization, content-type, idempotency-key, last-event-id",
  "access-control-max-age": "600",
};
const EXPOSED = "retry-after, location, idempotent-replayed";

/** The origin of a page of another site that `MILLRACE_CORS` lets in: whole origins, separated by commas; none by default. */
function allowedOrigin(request: Request, env: AuthEnv): string | undefined {
  const origin = request.headers.get("origin");
  if (origin === null || typeof env.MILLRACE_CORS !== "string") return undefined;
  const listed = env.MILLRACE_CORS.split(",").map((one) => one.trim());
  return listed.includes(origin) ? origin : undefined;
}

/** An answer as the page that asked may read it. */
export function share(response: Response, request: Request, env: AuthEnv): Response {
  const origin = allowedOrigin(request, env);
  if (origin === undefined) return response;
  response.headers.set("access-control-allow-origin", origin);
  response.headers.set("access-control-expose-headers", EXPOSED);
  response.headers.append("vary", "Origin");
  return response;
}

/** What a browser asks before it sends a token: answered without one, to pages that are let in. */
export function preflight(request: Request, env: AuthEnv, methods: readonly string[]): Response | undefined {
  if (request.method !== "OPTIONS" || !request.headers.has("access-control-request-method")) return undefined;
  if (allowedOrigin(request, env) === undefined) return undefined;
  const headers = { ...ALLOWED, "access-control-allow-methods": methods.join(", ") };
  return share(new Response(null, { status: 204, headers }), request, env);
}
