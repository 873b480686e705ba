import { json } from "../problem.ts";
import type { Description } from "../openapi/document.ts";
import type { Call, Route } from "../route.ts";

export const openapiRoutes: Route[] = [{ method: "GET", path: "/openapi.json", role: "viewer", answer: show }];

let made: { routes: readonly Route[]; description: Description } | undefined;

/** Made at the first request, then kept: it says nothing about domains or who asks. */
async function show({ routes, context }: Call): Promise<Response> {
  if (made?.routes !== routes) {
    // On demand: who never asks does not pay for it when the Worker starts.
    const { describe } = await import("../openapi/document.ts");
    made = { routes, description: describe(routes) };
  }
  const prefix = new URL(context.req.url).pathname.replace(/\/openapi\.json$/, "");
  return json({ ...made.description, servers: [{ url: prefix === "" ? "/" : prefix }] });
}
