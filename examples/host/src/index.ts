// An app with a mill inside: its own routes, its own domains, and one from a package.
import { ACME_GROUP } from "acme-cdn";
import { Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { timingSafeEqual } from "hono/utils/buffer";
import { createMill } from "millrace";
import { analytics } from "./analytics.ts";
import { cdn } from "./cdn.ts";
import type { Env } from "./env.ts";
import { site, SLUG } from "./site.ts";

const mill = createMill({
  domains: [site, cdn, analytics],
  groups: { [ACME_GROUP]: { maxConcurrency: 3 } },
  // What acme-cdn wants of ctx.app comes below.
  late: ["onCall"],
});
mill.provide("onCall", () => ({ tell: (message, facts) => console.warn(JSON.stringify({ onCall: message, ...facts })) }));
export const { MillDomain, MillCoordinator, MillRunner } = mill;

const app = new Hono<{ Bindings: Env }>();

app.get("/articles/:slug", async (context) => {
  const html = await context.env.ARTICLES.get(context.req.param("slug"));
  return html === null ? context.notFound() : context.html(html);
});

/** Closed until EDITOR_TOKEN is set. */
const editors = createMiddleware<{ Bindings: Env }>(async (context, next) => {
  const wanted = context.env.EDITOR_TOKEN;
  const given = context.req.header("authorization") ?? "";
  if (!wanted || !(await timingSafeEqual(given, `Bearer ${wanted}`))) return context.json({ error: "editors only" }, 401);
  await next();
});

app.put("/articles/:slug", editors, async (context) => {
  const slug = context.req.param("slug");
  if (!SLUG.test(slug)) return context.json({ error: "a slug is made of a-z, 0-9 and -" }, 400);
  const { id } = await mill.domain(site).submit("publish", { slug, html: await context.req.text() });
  return context.json({ task: id, follow: `/queue/v1/tasks/${id}` }, 202);
});

// The whole HTTP API of the mill: /queue/v1/…, /queue/healthz, /queue/docs.
app.route("/queue", mill.app);

export default { fetch: app.fetch, scheduled: mill.scheduled };
