import { type } from "arktype";
import { defineDomain, type Domain, type MillApp, type TaskType } from "millrace";
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
  .schedule("nightly", {
    type: "resize",
    payload: { object: "logo" },
    cron: "30 2 * * *",
    timezone: "Europe/Berlin",
    priority: "idle",
    overlap: "queue",
    catchUp: "1h",
    jitter: "5m",
    maxRuns: 9,
    deadline: "1h",
  });

// What a hover shows: named types, one object a task type, nothing to expand by hand. (A handle's are one flat object.)
type Resize = {
  resize: TaskType<{ object: string; width?: number | undefined }, { object: string; width: number }, { object: string; bytes: number }>;
};
type Probe = {
  probe: TaskType<
    { object: string; depth?: number | undefined },
    { object: string; depth?: number | undefined },
    { width: number; height: number; taken: string; note?: string }
  >;
};
type Purge = {
  purge: TaskType<{ prefix: string; limit?: number }, { prefix: string; limit?: number }, null>;
};
type TypesIn<Definition> = Definition extends { readonly "~types"?: infer Types } ? NonNullable<Types> : never;
expectType<Equal<typeof media, Domain<"media", Resize & Probe & Purge, { bucket: Bindings["MEDIA"] }, MillApp, Bindings>>>();

// A result schema decides the result; without one, what execute returns does, also a literal.
const results = defineDomain("results")
  .task("union", {
    payload: z.null(),
    result: z.union([z.object({ kind: z.literal("a"), at: z.date() }), z.object({ kind: z.literal("b") })]),
    execute: (_payload, ctx) => (ctx.attempt > 1 ? { kind: "a" as const, at: new Date() } : { kind: "b" as const }),
  })
  .task("literal", { payload: z.null(), result: z.object({ kind: z.enum(["a", "b"]) }), execute: async () => ({ kind: "a" as const }) })
  .task("list", { payload: z.null(), execute: async () => [{ id: 1, tags: ["x"] }] })
  .task("nothing", { payload: z.null(), execute: () => {} })
  .task("deep", {
    payload: z.null(),
    execute: () => ({ at: { when: new Date(), who: null as string | null }, f: new Map<string, number>().size }),
  });
type Results = TypesIn<typeof results>;
expectType<Equal<Results["union"]["result"], { kind: "a"; at: string } | { kind: "b" }>>();
expectType<Equal<Results["literal"]["result"], { kind: "a" | "b" }>>();
expectType<Equal<Results["list"]["result"], { id: number; tags: string[] }[]>>();
expectType<Equal<Results["nothing"]["result"], null>>();
expectType<Equal<Results["deep"]["result"], { at: { when: string; who: string | null }; f: number }>>();

const refusals = defineDomain("refusals");
// @ts-expect-error A result that does not fit its schema.
refusals.task("t", { payload: z.null(), result: z.object({ bytes: z.number() }), execute: () => ({ bytes: "many" }) });
// @ts-expect-error The payload that execute sees is the schema's.
refusals.task("t", { payload: z.object({ n: z.number() }), execute: (payload: { n: string }) => payload.n });
// @ts-expect-error A key is text or null.
refusals.task("t", { payload: z.object({ n: z.number() }), key: (payload) => payload.n, execute: () => 1 });
// @ts-expect-error A payload's schema is needed.
refusals.task("t", { execute: () => 1 });
// @ts-expect-error Names are taken once.
media.task("resize", { payload: z.null(), execute: () => 1 });
// @ts-expect-error No such member to redact.
refusals.task("t", { payload: z.object({ n: z.number() }), redact: ["m"], execute: () => 1 });
// @ts-expect-error A pull type has no execute.
refusals.task("t", { payload: z.null(), pull: true, execute: () => 1 });
// @ts-expect-error Nor a timeout: the lease is it.
refusals.task("t", { payload: z.null(), pull: true, timeout: "1m" });
const lonely = refusals
  .singleton("gc", {
    every: "1h",
    result: z.object({ freed: z.number() }),
    execute: (ctx) => {
      expectType<Equal<typeof ctx.attempt, number>>();
      return { freed: 1 };
    },
  })
  .task("warm", { payload: z.object({ region: z.string() }), execute: () => 1 })
  .onStart((jobs, mode) => {
    expectType<Equal<typeof mode, "local" | "production">>();
    jobs.submit("warm", { region: "eu" }, { key: "sentinel" });
    // @ts-expect-error Nobody submits a singleton.
    jobs.submit("gc", null);
    // @ts-expect-error That type's payload.
    jobs.submit("warm", { region: 1 });
  });
expectType<Equal<TypesIn<typeof lonely>["gc"], TaskType<never, null, { freed: number }>>>();
// @ts-expect-error Nobody submits a singleton, a schedule neither.
lonely.schedule("s", { type: "gc", payload: null, every: "1h" });
// @ts-expect-error Its result does not fit its schema.
refusals.singleton("s", { result: z.object({ freed: z.number() }), execute: () => ({ freed: "all" }) });
// @ts-expect-error A singleton has no payload.
refusals.singleton("s", { payload: z.null(), execute: () => 1 });
// @ts-expect-error Names are taken once.
lonely.singleton("warm", { execute: () => 1 });
// @ts-expect-error The state is what state() returns.
defineDomain("s", { state: () => ({ a: 1 }) }).task("t", { payload: z.null(), execute: (_payload, ctx) => ctx.state.b });
// @ts-expect-error Durations have a unit.
refusals.task("t", { payload: z.null(), ttl: "5 minutes", execute: () => 1 });
// @ts-expect-error A schedule's type is one of the domain's.
media.schedule("s", { type: "rotate", payload: { object: "x" }, every: "1h" });
// @ts-expect-error An instance's key is its planned time.
media.schedule("s", { type: "purge", payload: { prefix: "x" }, every: "1h", key: "k" });
// @ts-expect-error There is no such overlap policy.
media.schedule("s", { type: "purge", payload: { prefix: "x" }, every: "1h", overlap: "some" });
// @ts-expect-error A schedule's payload is that type's.
media.schedule("s", { type: "purge", payload: { object: "x" }, every: "1h" });
// @ts-expect-error Every or cron, not both.
media.schedule("s", { type: "purge", payload: { prefix: "x" }, every: "1h", cron: "* * * * *" });
// @ts-expect-error Nor neither.
media.schedule("s", { type: "purge", payload: { prefix: "x" } });
