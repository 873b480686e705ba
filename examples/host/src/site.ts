import { defineDomain } from "millrace";
import { z } from "zod";
import { cdn } from "./cdn.ts";
import type { Env } from "./env.ts";

export const SLUG = /^[a-z0-9][a-z0-9-]{0,63}$/;

/** Publishes articles: stores them, then has the CDN forget what it knows. */
export const site = defineDomain("site", { state: (env: Env) => ({ articles: env.ARTICLES }) }).task("publish", {
  payload: z.object({ slug: z.string().regex(SLUG), html: z.string().max(500_000) }),
  result: z.object({ path: z.string(), refresh: z.string() }),
  key: ({ slug }) => slug,
  // An editor who saves three times in a row publishes the last version, once.
  onDuplicate: "supersede",
  label: ({ slug }) => `Publish ${slug}`,
  async execute({ slug, html }, ctx) {
    await ctx.state.articles.put(slug, html);
    const path = `/articles/${slug}`;
    // Required: without this domain the task fails, and says so. Under this task's id, so that a retry finds the first one.
    const { id } = await ctx.domain(cdn).submit("refresh", { paths: [path, "/articles"] }, { idempotencyKey: `${ctx.task.id}/refresh` });
    return { path, refresh: id };
  },
});
