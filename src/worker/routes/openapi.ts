import { describe, type Description } from "../openapi/document.ts";
import { page } from "../openapi/page.ts";
import { json } from "../problem.ts";
import type { Call, Route } from "../route.ts";

export const openapiRoutes: Route[] = [
  { method: "GET", path: "/openapi.json", role: "viewer", answer: show },
  {
    method: "GET",
    path: "/docs",
    role: "viewer",
    answer: ({ clock }) => page(clock.token(16), 200),
    unknown: (clock) => page(clock.token(16), 401),
  },
];

let made: { routes: readonly Route[]; description: Description } | undefined;

/** Made at the first request, then kept: it says nothing about domains or who asks. */
function show({ routes, context }: Call): Response {
  if (made?.routes !== routes) made = { routes, description: describe(routes) };
  const prefix = new URL(context.req.url).pathname.replace(/\/openapi\.json$/, "");
  return json({ ...made.description, servers: [{ url: prefix === "" ? "/" : prefix }] });
}
