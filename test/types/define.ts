import { type } from "arktype";
import { defineDomain, type DomainHandle, type Json, type TaskType } from "millrace";
import * as v from "valibot";
import { z } from "zod";
import { type Equal, expectType } from "./expect.ts";

interface Bindings {
  MEDIA: { put(key: string): Promise<void> };
}

export const media = defineDomain("media", { state: (env: Bindings) => ({ bucket: env.MEDIA }), maxConcurrency: 4 })
  .task("resize", {
    payload: z.object({ object: z.string(), width: z.number().default(320) }),
    result: z.object({ object: z.string(), bytes: z.number() }),
    key: (payload) => {
      expectType<Equal<typeof payload, { object: string; width: number }>>();
      return `${payload.object}@${payload.width}`;
    },
    label: (payload) => payload.object,
    tags: (payload) => ({ "media.object": payload.object }),
    redact: ["object"],
    async execute(payload, ctx) {
      expectType<Equal<typeof payload, { object: string; width: number }>>();
      expectType<Equal<typeof ctx.state, { bucket: Bindings["MEDIA"] }>>();
      expectType<Equal<typeof ctx.env, Bindings>>();
      await ctx.state.bucket.put(payload.object);
      return { object: payload.object, bytes: 1 };
    },
  })
  .task("probe", {
    payload: v.object({ object: v.string(), depth: v.optional(v.number()) }),
    execute: async (payload) => ({ width: 1, height: 2, taken: new Date(), note: payload.depth === 1 ? "flat" : undefined }),
  })
  .task("purge", {
    payload: type({ prefix: "string", "limit?": "number" }),
    execute: async (payload) => {
      expectType<Equal<typeof payload, { prefix: string; limit?: number }>>();
    },
  })
  .schedule("nightly", { type: "resize", payload: { object: "logo" }, cron: "30 2 * * *", timezone: "Europe/Berlin", priority: "idle" });

// What a hover shows: flat, named, nothing to expand by hand.
expectType<
  Equal<
    typeof media extends { readonly "~types"?: infer Types } ? Types : never,
    | {
        resize: TaskType<{ object: string; width?: number | undefined }, { object: string; width: number }, { object: string; bytes: number }>;
        probe: TaskType<
          { object: string; depth?: number | undefined },
          { object: string; depth?: number | undefined },
          { width: number; height: number; taken: string; note?: "flat" }
        >;
        purge: TaskType<{ prefix: string; limit?: number }, { prefix: string; limit?: number }, null>;
      }
    | undefined
  >
>();
