// The mill of the dashboard's tests: the example domains, at `/` as in the example Worker and under `/queue` as in a host's app.
import { Hono } from "hono";
import { createMill } from "millrace";
import type { Env } from "../../../src/domains/env.ts";
import { ingest } from "../../../src/domains/ingest.ts";
import { media } from "../../../src/domains/media.ts";
import { http } from "../../../src/domains/webhooks.ts";

const mill = createMill({ domains: [ingest, media, http], maxConcurrency: 16 });
export const { MillDomain, MillCoordinator, MillRunner } = mill;

const app = new Hono<{ Bindings: Env }>();
app.route("/queue", mill.app);
app.route("/", mill.app);

export default { fetch: app.fetch, scheduled: mill.scheduled };
