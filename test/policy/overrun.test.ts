import { describe, expect, test } from "vitest";
import { noteOverrun } from "../../src/durable/domain/run/overrun.ts";
import type { Core } from "../../src/durable/domain/core.ts";
import type { Run } from "../../src/durable/domain/run/run.ts";
import type { AbortReason } from "../../src/durable/protocol.ts";
import { LIMITS } from "../../src/policy/limits.ts";

/** A run whose first task began at 0 and may take a second; what is told of it. */
function running() {
  const told: { event: string; task: number; facts: object }[] = [];
  const core = {
    events: { note: (event: string, { id }: { id: number }, facts: object) => void told.push({ event, task: id, facts }) },
  } as unknown as Core;
  const run = {
    current: 1,
    currentSince: 0,
    aborts: new Map<number, AbortReason>(),
    subjects: new Map([
      [1, { id: 1, timeoutMs: 1_000 }],
      [2, { id: 2, timeoutMs: 1_000 }],
    ]),
    overrun: undefined,
  } as unknown as { -readonly [Key in keyof Run]: Run[Key] };
  return { run, told, look: (now: number) => noteOverrun(core, run as Run, now) };
}

describe("[events] task.overrun", () => {
  test("of one whose time is over, once it has had time to heed that; and of each task of a run by itself", () => {
    const { run, told, look } = running();
    look(5_999);
    expect(told).toEqual([]);
    look(6_000);
    look(9_000);
    expect(told).toEqual([{ event: "task.overrun", task: 1, facts: { reason: "timeout", overdueMs: 5_000 } }]);
    Object.assign(run, { current: 2, currentSince: 9_000 });
    look(14_000);
    expect(told).toHaveLength(1);
    look(15_000);
    expect(told[1]).toMatchObject({ task: 2 });
    Object.assign(run, { current: undefined });
    look(99_000);
    expect(told).toHaveLength(2);
  });

  test.each([
    ["pause", 0],
    ["preempt", 0],
    ["cancel", LIMITS.cancelHookMs],
    ["supersede", LIMITS.cancelHookMs],
  ] as const)("of one that was told to stop (%s), reckoned from then, with the time that onCancel has", (reason, hookMs) => {
    const { run, told, look } = running();
    look(300);
    run.aborts.set(1, reason);
    look(400);
    look(400 + 4_999 + hookMs);
    expect(told).toEqual([]);
    look(400 + 5_000 + hookMs);
    expect(told).toMatchObject([{ facts: { reason, overdueMs: 5_000 + hookMs } }]);
  });
});
