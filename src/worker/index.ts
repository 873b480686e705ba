// The example Worker: three real domains, and a few routes of its own around the mill's. Put your domains next to them.
import { Hono } from "hono";
import { createMill } from "millrace";
import { systemClock } from "../clock.ts";
import type { Env } from "../domains/env.ts";
import { ingest } from "../domains/ingest.ts";
import { media } from "../domains/media.ts";
import { http } from "../domains/webhooks.ts";
import type { AuthEnv } from "./auth.ts";
import { fileRoutes } from "./files.ts";
import { problem } from "./problem.ts";
import { receiverRoutes } from "./receiver.ts";

const mill = createMill({ domains: [ingest, media, http], maxConcurrency: 16 });
export const { MillDomain, MillCoordinator, MillRunner, MillService } = mill;

const app = new Hono<{ Bindings: Env & AuthEnv & Cloudflare.Env }>();
app.onError((error, context) => problem(error, context.req.raw, systemClock, (entry) => console.error(JSON.stringify(entry))));
app.route("/", fileRoutes());
app.route("/", receiverRoutes());
app.all("*", (context) => mill.fetch(context.req.raw, context.env, context.executionCtx as ExecutionContext));

export default { fetch: app.fetch, scheduled: mill.scheduled };
