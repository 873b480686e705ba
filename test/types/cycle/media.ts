import { defineDomain, ref } from "millrace";
import { z } from "zod";
import { type Equal, expectType } from "../expect.ts";
// At run time the two files know nothing of each other.
import type { analytics } from "./analytics.ts";

export const media = defineDomain("media")
  .task("resize", {
    payload: z.object({ object: z.string() }),
    async execute(payload, ctx) {
      const tracked = await ctx.domain(ref<typeof analytics>("analytics")).submit("track", { event: payload.object });
      expectType<Equal<typeof tracked.type, "track">>();
      await ctx.tryDomain(ref<typeof analytics>("analytics"))?.submit("track", { event: "again" });
      // @ts-expect-error Wrong payload, across the circle.
      await ctx.domain(ref<typeof analytics>("analytics")).submit("track", { event: 7 });
      return { bytes: 1 };
    },
  })
  .task("again", {
    payload: z.object({ object: z.string() }),
    // What is returned comes out of the circle, so its type is said.
    async execute(payload, ctx): Promise<{ next: string }> {
      const { id } = await ctx.domain(ref<typeof media>("media")).submit("resize", { object: payload.object });
      return { next: id };
    },
  });
