import { defineDomain, ref } from "millrace";
import { z } from "zod";
import { type Equal, expectType } from "../expect.ts";
import type { media } from "./media.ts";

export const analytics = defineDomain("analytics").task("track", {
  payload: z.object({ event: z.string() }),
  async execute(payload, ctx) {
    const mediaQ = ctx.domain(ref<typeof media>("media"));
    const again = await mediaQ.submit("again", { object: payload.event });
    expectType<Equal<typeof again.domain, "media">>();
    // @ts-expect-error Wrong type, across the circle.
    await mediaQ.submit("rotate", { object: payload.event });
  },
});
