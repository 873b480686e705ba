import type { DomainSnapshot } from "../../src/durable/protocol.ts";
import type { Burst, BurstAnswer, Cost } from "../protocol.ts";
import { started, watch } from "./domains.ts";

/** What the bench uses of a handle, whatever its types. */
export interface Handle {
  submit(type: string, payload: unknown, options?: object): Promise<{ id: string }>;
  submitAll(items: readonly object[]): Promise<{ id: string }[]>;
  task(type: string, id: string): { result(options: { timeout: string }): Promise<unknown> };
  claim(options: object): Promise<{ complete(): Promise<unknown> }[]>;
  schedule(options: object): Promise<{ id: string }>;
  schedule(id: string): { delete(): Promise<unknown> };
  snapshot(): Promise<DomainSnapshot>;
  pause(): Promise<DomainSnapshot>;
  resume(): Promise<DomainSnapshot>;
}

// Payloads are never the same twice, so that keyed tasks are no duplicates.
let serial = 0;

/** Submits `tasks` by `callers` at once, `batch` at a time; answers with the last id. */
async function submit(handle: Handle, { type, tasks, batch, callers, options, keys }: Burst): Promise<string> {
  let left = tasks;
  let last = "";
  const one = () => {
    const n = (serial += 1);
    return keys ? { ...options, type, payload: { n }, key: `k${n}` } : { ...options, type, payload: { n } };
  };
  const caller = async () => {
    while (left > 0) {
      const size = Math.min(batch, left);
      left -= size;
      if (batch === 1) last = (await handle.submit(type, { n: (serial += 1) }, options)).id;
      else last = (await handle.submitAll(Array.from({ length: size }, one))).at(-1)!.id;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return last;
}

/** Waits until so many more have completed than `before`; race-free: by the counter that the settling transaction writes. */
async function settled(handle: Handle, before: DomainSnapshot, tasks: number): Promise<DomainSnapshot> {
  const goal = (before.totals["completed"] ?? 0) + tasks;
  for (;;) {
    const now = await handle.snapshot();
    if ((now.totals["completed"] ?? 0) >= goal) return now;
    await scheduler.wait(2);
  }
}

/** Submits and waits for the durable completion of all. */
export async function burst(handle: Handle, order: Burst): Promise<BurstAnswer> {
  const before = await handle.snapshot();
  const begun = performance.now();
  const last = await submit(handle, order);
  const submitted = performance.now();
  // The last one's result first: one waiter in the object instead of many questions.
  if (!order.poll) await handle.task(order.type, last).result({ timeout: "10m" });
  const after = await settled(handle, before, order.tasks);
  const ended = performance.now();
  return {
    ms: ended - begun,
    submitMs: submitted - begun,
    ...costOf(before, after),
    ...workOf(before, after),
  };
}

/** Submits and leaves them: what a scenario has in its table before it begins. */
export async function fill(handle: Handle, order: Burst): Promise<{ ms: number; counts: Record<string, number> }> {
  const begun = performance.now();
  await submit(handle, order);
  return { ms: performance.now() - begun, counts: (await handle.snapshot()).counts };
}

/**
 * Everything is submitted while the domain is paused, then it goes: what is measured is dispatch and settle alone,
 * whatever waits behind. Paused again at the end.
 */
export async function drain(handle: Handle, order: Burst): Promise<BurstAnswer> {
  const before = await handle.snapshot();
  const begun = performance.now();
  await submit(handle, order);
  const submitted = performance.now();
  await handle.resume();
  const after = await settled(handle, before, order.tasks);
  const ended = performance.now();
  await handle.pause();
  return {
    ms: ended - begun,
    submitMs: submitted - begun,
    ...costOf(before, after),
    ...workOf(before, after),
  };
}

/** One task at a time on an idle domain: ms from before its submit to its start, and to its result. */
export async function alone(handle: Handle, times: number): Promise<{ start: number[]; answer: number[]; result: number[] } & Cost> {
  const before = await handle.snapshot();
  const found = { start: [] as number[], answer: [] as number[], result: [] as number[] };
  watch.on = true;
  for (let turn = 0; turn < times; turn += 1) {
    const n = (serial += 1);
    const asked = performance.now();
    const { id } = await handle.submit("plain", { n });
    found.answer.push(performance.now() - asked);
    await handle.task("plain", id).result({ timeout: "1m" });
    found.result.push(performance.now() - asked);
    found.start.push(started.get(n)! - asked);
    started.delete(n);
    // The run is closed after the result is there.
    while ((await handle.snapshot()).slots.using > 0) await scheduler.wait(1);
    await scheduler.wait(5);
  }
  watch.on = false;
  return { ...found, ...costOf(before, await handle.snapshot()) };
}

function workOf(before: DomainSnapshot, after: DomainSnapshot): Pick<BurstAnswer, "runs" | "completed"> {
  const grown = (total: string) => (after.totals[total] ?? 0) - (before.totals[total] ?? 0);
  return { runs: grown("started"), completed: grown("completed") };
}

function costOf(before: DomainSnapshot, after: DomainSnapshot): Cost {
  const statements: Cost["statements"] = {};
  for (const [kind, cost] of Object.entries(after.cost.statements)) {
    const known = before.cost.statements[kind] ?? { calls: 0, rowsRead: 0, rowsWritten: 0 };
    const calls = cost.calls - known.calls;
    if (calls > 0)
      statements[kind] = { calls, rowsRead: cost.rowsRead - known.rowsRead, rowsWritten: cost.rowsWritten - known.rowsWritten };
  }
  return {
    rowsRead: after.cost.rowsRead - before.cost.rowsRead,
    rowsWritten: after.cost.rowsWritten - before.cost.rowsWritten,
    alarmsSet: after.cost.alarmsSet - before.cost.alarmsSet,
    coordinatorCalls: after.cost.coordinatorCalls - before.cost.coordinatorCalls,
    statements,
  };
}
