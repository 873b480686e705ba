import { defineDomain } from "millrace";
import { z } from "zod";

/** This app's own: `acme-cdn` finds it by its name and tells it of every purge. Take it out of the mill, and it does not. */
export const analytics = defineDomain("analytics", { defaults: { priority: "idle" } }).task("track", {
  payload: z.object({ event: z.string().max(64), facts: z.record(z.string(), z.json()) }),
  key: () => null,
  tags: ({ event }) => ({ event }),
  execute: ({ event, facts }, ctx) => ctx.log.info(event, { facts }),
});
