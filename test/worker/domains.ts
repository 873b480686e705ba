import { constant, defineDomain } from "millrace";
import { z } from "zod";
import { beget, conclude, Family } from "./family.ts";
import { journal, play, Script } from "./script.ts";

export const work = defineDomain("work", { maxConcurrency: 8, defaults: { tags: { team: "test" } } })
  .task("play", {
    payload: Script,
    result: z.union([z.object({ name: z.string(), attempt: z.number() }), z.string()]),
    retry: constant(2, 0),
    label: (script) => `play ${script.name}`,
    execute: (script, ctx) => play(script, ctx),
    onCancel: (script, ctx) => {
      journal.push({ id: ctx.task.id, name: script.name, attempt: ctx.attempt, run: "cancelled" });
    },
  })
  .task("plain", { payload: z.object({ n: z.number() }), key: () => null, execute: ({ n }) => n })
  .task("fair", {
    payload: z.object({ tenant: z.string(), n: z.number() }),
    key: () => null,
    fairKey: ({ tenant }) => tenant,
    execute: ({ n }) => n,
  })
  .task("forgotten", { payload: z.object({ n: z.number() }), key: () => null, keep: false, execute: () => undefined })
  .task("slow", { payload: Script, key: () => null, timeout: "1s", retry: constant(0, 0), execute: (script, ctx) => play(script, ctx) })
  .task("pulled", { payload: Script, key: () => null, retry: constant(1, 0), pull: true })
  .task("parsed", { payload: z.object({ n: z.number() }), result: z.object({ doubled: z.number() }), key: () => null, pull: true })
  .task("fleeting", { payload: z.object({ n: z.number() }), key: () => null, keep: false, pull: true })
  .task("parent", { payload: Family, key: () => null, retry: constant(2, 0), execute: beget, finalize: conclude })
  .task("lone", { payload: Family, key: () => null, retry: constant(2, 0), execute: beget })
  .task("brief", { payload: Family, key: () => null, keep: false, execute: beget, finalize: conclude })
  .task("limited", { payload: z.object({ n: z.number() }), key: () => null, rate: { permits: 4, per: "10s" }, execute: ({ n }) => n })
  .task("hidden", { payload: z.object({ secret: z.string() }), submittable: false, execute: () => undefined });

export const other = defineDomain("other", { maxConcurrency: 2, preemptAt: "high", history: { keep: 500, maxAge: "2d" } })
  .task("play", { payload: Script, key: () => null, execute: (script, ctx) => play(script, ctx) })
  .task("parent", { payload: Family, key: () => null, retry: constant(2, 0), execute: beget, finalize: conclude })
  .task("lone", { payload: Family, key: () => null, retry: constant(2, 0), execute: beget })
  .schedule("tick", { type: "play", payload: { do: "ok", name: "tick" }, every: "1h", overlap: "skip", maxRuns: 1_000_000 });
