// In a program of its own: an augmentation holds for every file of a program.
import { Hono } from "hono";
import { createMill, defineDomain } from "millrace";
import { z } from "zod";
import { type Equal, expectType } from "../expect.ts";

// What `wrangler types` writes: bindings, of which Millrace knows none.
declare global {
  namespace Cloudflare {
    interface Env {
      PICTURES: R2Bucket;
    }
  }
}

declare module "millrace" {
  interface MillApp {
    db: { name: string };
  }
}

const media = defineDomain("media").task("t", {
  payload: z.null(),
  execute: (_payload, ctx) => {
    expectType<Equal<typeof ctx.app.db.name, string>>();
    // @ts-expect-error Nothing else is there.
    void ctx.app.cache;
    return 1;
  },
});
createMill({ domains: [media], app: () => ({ db: { name: "main" } }) });
// @ts-expect-error The app state is missing.
createMill({ domains: [media] });

// It may come late, when that is said.
const mill = createMill({ domains: [media], late: ["db"] });
mill.provide("db", () => ({ name: "late" }));
// @ts-expect-error Not its type.
mill.provide("db", () => ({ name: 1 }));
// @ts-expect-error No domain asks for it.
mill.provide("cache", () => 1);
// @ts-expect-error Nor is it late.
createMill({ domains: [media], late: ["cache"] });

// The app takes the bindings that there are, by itself and inside another one.
declare const bindings: Cloudflare.Env;
void mill.app.fetch(new Request("https://mill.test/healthz"), bindings);
new Hono<{ Bindings: Cloudflare.Env }>().route("/queue", mill.app);
mill.provide("db", (env) => ({ name: String(env.PICTURES) }));
