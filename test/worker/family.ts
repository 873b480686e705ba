import { z } from "zod";
import type { Child } from "../../src/domains/task.ts";
import { act, journal, Script } from "./script.ts";

/** What a scripted parent does: spawns, then acts as its script says; and at its end, as `finale` says. */
export const Family = z.object({
  name: z.string().default(""),
  children: z
    .array(z.object({ type: z.string().default("play"), payload: z.unknown(), options: z.record(z.string(), z.unknown()).default({}) }))
    .default([]),
  /** In one transaction, or one after another. */
  together: z.boolean().default(false),
  siblings: z.boolean().default(false),
  script: Script.prefault({}),
  finale: Script.prefault({}),
});
export type Family = z.infer<typeof Family>;

interface Spawn {
  (type: never, payload: never, options: never): Promise<{ id: string; outcome: string }>;
}
interface SpawnAll {
  (items: never): Promise<readonly { id: string; outcome: string }[]>;
}
interface FamilyContext {
  task: { id: string };
  attempt: number;
  signal: AbortSignal;
  children: readonly Child[];
  child(id: string): Promise<Child>;
  domain(definition: never): { spawn: Spawn; spawnAll: SpawnAll; spawnSibling: Spawn; spawnSiblings: SpawnAll };
}

const note = (ctx: FamilyContext, name: string, run: (typeof journal)[number]["run"]) =>
  journal.push({ id: ctx.task.id, name, attempt: ctx.attempt, run });

export interface Memo {
  ids: string[];
  outcomes: string[];
  attempt: number;
}

/** Answers with what was spawned. */
export async function beget(family: Family, context: unknown): Promise<Memo> {
  const ctx = context as FamilyContext;
  note(ctx, family.name, "started");
  const handles = new Map<string, ReturnType<FamilyContext["domain"]>>();
  const inDomain = (type: string) => {
    const [domain, name] = type.includes("::") ? (type.split("::") as [string, string]) : [ctx.task.id.split("_")[0]!, type];
    const handle = handles.get(domain) ?? ctx.domain({ name: domain } as never);
    handles.set(domain, handle);
    return { handle, name };
  };
  const spawned: { id: string; outcome: string }[] = [];
  if (family.together && family.children.length > 0) {
    const { handle } = inDomain(family.children[0]!.type);
    const items = family.children.map(({ type, payload, options }) => ({ ...options, type: inDomain(type).name, payload })) as never;
    spawned.push(...(family.siblings ? await handle.spawnSiblings(items) : await handle.spawnAll(items)));
  } else {
    for (const { type, payload, options } of family.children) {
      const { handle, name } = inDomain(type);
      const spawn = family.siblings ? handle.spawnSibling : handle.spawn;
      spawned.push(await spawn(name as never, payload as never, options as never));
    }
  }
  await act(family.script, ctx as never);
  note(ctx, family.name, "ended");
  return { ids: spawned.map(({ id }) => id), outcomes: spawned.map(({ outcome }) => outcome), attempt: ctx.attempt };
}

/** Answers with what it was handed; one that reads, with how long the results are that did not fit. */
export async function conclude(
  family: Family,
  memo: unknown,
  context: unknown,
): Promise<{ memo: Memo; children: unknown[]; attempt: number; read?: number[] }> {
  const ctx = context as FamilyContext;
  note(ctx, family.name, "finalized");
  await act(family.finale, ctx as never);
  const children = ctx.children.map(({ id, type, status, result, error, truncated }) => [
    id,
    type,
    status,
    typeof result === "string" ? result.length : result,
    error?.code ?? error?.name ?? null,
    truncated ?? false,
  ]);
  if (family.finale.do !== "read") return { memo: memo as Memo, children, attempt: ctx.attempt };
  const whole = await Promise.all(ctx.children.filter((one) => one.truncated).map((one) => ctx.child(one.id)));
  return { memo: memo as Memo, children, attempt: ctx.attempt, read: whole.map(({ result }) => String(result).length) };
}
