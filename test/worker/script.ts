import { NonRetryableError, RetryAfterError } from "millrace";
import { z } from "zod";
import { probe } from "./probe.ts";
import type { Dependency } from "../../src/domains/task.ts";

/**
 * What one scripted task does, so that one type can play every part. Executions are written down in `journal`, which
 * lives in the test's isolate: the objects under test share it.
 */
export const Script = z.object({
  do: z.enum(["ok", "fail", "permanent", "later", "hold", "break", "flaky", "progress", "deaf", "big", "spin", "read"]).default("ok"),
  name: z.string().default(""),
  ms: z.number().optional(),
  times: z.number().optional(),
  deaf: z.boolean().optional(),
  /** Bytes that it says it has read. */
  io: z.number().optional(),
});
export type Script = z.infer<typeof Script>;

export interface Execution {
  id: string;
  name: string;
  attempt: number;
  run: "started" | "ended" | "aborted" | "cancelled" | "finalized";
}

export const journal: Execution[] = [];
const opened = new Set<string>();

/**
 * A gate that `hold`, `break`, `deaf` and `progress` tasks of that name wait at until the test opens it. They look at a flag:
 * the runtime lets no promise of one request be resolved by another.
 */
export const gate = (name: string) => ({ open: () => void opened.add(name) });

async function passed(name: string, signal?: AbortSignal): Promise<void> {
  while (!opened.has(name)) {
    signal?.throwIfAborted();
    await scheduler.wait(2);
  }
}

interface ScriptContext {
  task: { id: string };
  attempt: number;
  signal: AbortSignal;
  dependencies: readonly Dependency[];
  dependency(id: string): Promise<Dependency>;
  progress(fraction: number, message?: string): void;
  recordIo(io: { disk: { read: number } }): void;
}

export async function play(script: Script, ctx: ScriptContext): Promise<{ name: string; attempt: number } | string> {
  const note = (run: Execution["run"]) => journal.push({ id: ctx.task.id, name: script.name, attempt: ctx.attempt, run });
  note("started");
  try {
    return await act(script, ctx);
  } finally {
    note(ctx.signal.aborted ? "aborted" : "ended");
  }
}

/** For so many ticks of the probe's time, showing itself at each; a deaf one whatever its signal says. */
async function spin(script: Script, ctx: ScriptContext): Promise<void> {
  const execution = probe.enter(ctx.task.id);
  try {
    for (const end = probe.tick + (script.times ?? 1); probe.tick < end; execution.seen = probe.tick) {
      if (script.deaf !== true) ctx.signal.throwIfAborted();
      await scheduler.wait(1);
    }
  } finally {
    probe.leave(execution);
  }
}

const sizeOf = (result: unknown): unknown => (typeof result === "string" && result.length > 100 ? result.length : result);

export async function act(script: Script, ctx: ScriptContext): Promise<{ name: string; attempt: number } | string> {
  if (script.io !== undefined) ctx.recordIo({ disk: { read: script.io } });
  switch (script.do) {
    case "fail":
      throw new Error(`failed ${script.name}`);
    case "permanent":
      throw new NonRetryableError(`never ${script.name}`, { code: "never" });
    case "later":
      if (ctx.attempt === 1) throw new RetryAfterError(script.ms ?? 3_600_000);
      break;
    case "flaky":
      if (ctx.attempt <= (script.times ?? 1)) throw new Error(`flaky ${script.name}`);
      break;
    case "hold":
      await passed(script.name, ctx.signal);
      break;
    case "break":
      await passed(script.name, ctx.signal);
      throw new Error(`broke ${script.name}`);
    case "deaf":
      await passed(script.name);
      break;
    case "progress":
      ctx.progress(0.5, "half");
      await passed(script.name);
      break;
    case "read": {
      const whole = await Promise.all(ctx.dependencies.map((one) => ctx.dependency(one.id)));
      return JSON.stringify({
        dependencies: ctx.dependencies.map(({ id, status, result, truncated }) => [id, status, sizeOf(result), truncated ?? false]),
        whole: whole.map((one) => sizeOf(one.result)),
      });
    }
    case "big":
      return "x".repeat(script.ms ?? 600_000);
    case "spin":
      await spin(script, ctx);
      break;
    case "ok":
      break;
  }
  return { name: script.name, attempt: ctx.attempt };
}
