import { constant, defineDomain, NonRetryableError } from "millrace";
import { z } from "zod";
import type { TypeDefinition } from "../../src/domains/definition.ts";

/** Every execution of a round, in order: looked at by the tests, which share the isolate. */
export const beats: { name: string; id: string; attempt: number }[] = [];
/** How many executions of each may go on; each takes one. Unnamed ones go on by themselves. */
export const permits: Record<string, number> = { always: 0 };
/** What an execution does instead of ending well. */
export const acts: Record<string, "fail" | "permanent" | "hold"> = {};

async function beat(name: string, ctx: { task: { id: string }; attempt: number; signal: AbortSignal }): Promise<string> {
  beats.push({ name, id: ctx.task.id, attempt: ctx.attempt });
  while (acts[name] === "hold" || permits[name] === 0) {
    ctx.signal.throwIfAborted();
    await scheduler.wait(2);
  }
  if (permits[name] !== undefined) permits[name] -= 1;
  if (acts[name] === "permanent") throw new NonRetryableError("never");
  if (acts[name] === "fail") throw new Error("not now");
  return name;
}

/** Singletons, and work beside them. The domain's defaults would end a round early, were they for rounds. */
export const rounds = defineDomain("rounds", { maxConcurrency: 3, defaults: { ttl: "1s", retry: constant(0, 0) } })
  .singleton("steady", {
    every: "1h",
    label: "steady as it goes",
    tags: { kind: "round" },
    result: z.string(),
    execute: (ctx) => beat("steady", ctx),
    onCancel: (ctx) => void beats.push({ name: "steady cancelled", id: ctx.task.id, attempt: ctx.attempt }),
  })
  .singleton("brisk", { every: "500ms", keep: false, execute: (ctx) => beat("brisk", ctx) })
  // A day at its gate is not too long, however far a test puts the clock forward.
  .singleton("always", { retry: constant(1, 0), timeout: "1000d", execute: (ctx) => beat("always", ctx) })
  .task("chore", {
    payload: z.object({ n: z.number() }),
    key: () => null,
    priority: "idle",
    ttl: "1d",
    execute: ({ n }, ctx) => void beats.push({ name: `chore ${n}`, id: ctx.task.id, attempt: ctx.attempt }),
  });

/** The code as a deploy may change it. */
export const code = rounds.types as Map<string, TypeDefinition>;
