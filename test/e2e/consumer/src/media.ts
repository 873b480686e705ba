import { defineDomain, exponential, NonRetryableError } from "millrace";
import { z } from "zod";

interface Env {
  GREETING?: string;
}

export const media = defineDomain("media", {
  state: (env: Env) => ({ greeting: env.GREETING ?? "hello" }),
  maxConcurrency: 4,
  defaults: { priority: "normal", retry: exponential(5, "50ms", "1s"), ttl: "1h", tags: { provider: "acme" } },
}).task("resize", {
  payload: z.object({ object: z.string(), width: z.number().int().positive() }),
  result: z.object({ object: z.string(), width: z.number(), greeting: z.string() }),
  key: (p) => `${p.object}@${p.width}`,
  label: (p) => `Resize ${p.object}`,
  async execute(payload, ctx) {
    if (payload.object === "") throw new NonRetryableError("no object");
    ctx.progress(0.5, "resizing");
    return { object: `thumbs/${payload.object}`, width: payload.width, greeting: ctx.state.greeting };
  },
});
