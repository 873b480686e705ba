import { expect, test } from "vitest";
import { describeGate, explain, GATES, type GateName, type Hold } from "../../src/policy/why.ts";

const at = Date.UTC(2026, 10, 21, 12);
const ids = (count: number) => Array.from({ length: count }, (_, n) => `media_${n + 1}`);

/** Every gate, and a piece of what is said of it. */
const CASES: { [Name in GateName]: [Extract<Hold, { gate: Name }>, string][] } = {
  scheduled: [[{ gate: "scheduled", until: at }, "has not come"]],
  retry: [[{ gate: "retry", until: at, attempt: 2, message: "503 from S3" }, "Attempt 2 failed (503 from S3)"]],
  dependencies: [
    [{ gate: "dependencies", tasks: [{ id: "media_1", status: "running" }] }, "1 task that it depends on: media_1 (running)."],
    [{ gate: "dependencies", tasks: ids(7).map((id) => ({ id, status: "pending" })) }, "media_5 (pending) and 2 more."],
  ],
  backfill: [[{ gate: "backfill" }, "in other domains is still being told"]],
  successor: [[{ gate: "successor", of: "media_1" }, "follows media_1"]],
  children: [
    [{ gate: "children", active: 1, total: 1, some: ids(1) }, "1 of its 1 child: media_1."],
    [
      { gate: "children", active: 7, total: 9, some: ids(5) },
      "7 of its 9 children: media_1, media_2, media_3, media_4, media_5 and 2 more.",
    ],
  ],
  mill_paused: [
    [{ gate: "mill_paused" }, "whole mill is paused; it goes on when somebody resumes it"],
    [{ gate: "mill_paused", until: at }, "by itself"],
  ],
  domain_paused: [[{ gate: "domain_paused" }, "domain is paused"]],
  group_paused: [[{ gate: "group_paused", group: "sync", until: at }, "group sync is paused; it goes on by itself"]],
  unregistered: [[{ gate: "unregistered", type: "resize", domain: "media" }, "no type resize in domain media"]],
  claimers: [
    [{ gate: "claimers", type: "transcode", asking: 0 }, "none is asking"],
    [{ gate: "claimers", type: "transcode", asking: 3 }, "3 are asking"],
  ],
  suspect: [[{ gate: "suspect" }, "runs alone"]],
  pressure: [
    [
      { gate: "pressure", pressure: 0.8, limit: 0.75, source: "quota", until: at },
      "is 0.8, said by quota; tasks of its priority wait while it is above 0.75",
    ],
  ],
  gate: [
    [
      { gate: "gate", domain: "media", reason: "closed on Sundays" },
      "The gate of domain media holds it: closed on Sundays; it is asked again in turn.",
    ],
    [{ gate: "gate", domain: "media", reason: "", until: at }, "The gate of domain media holds it; it is asked again then."],
  ],
  gate_error: [[{ gate: "gate_error", domain: "media", reason: "TypeError: no shop" }, "failed, which holds it (TypeError: no shop)"]],
  io: [
    [
      { gate: "io", type: "resize", axis: "net.rx", running: 900, own: 200, limit: 1_000, rate: 625 },
      "IO budget of net.rx: what runs expects 900 bytes, one of type resize 200 more; at 625 bytes a second",
    ],
  ],
  mill_cap: [[{ gate: "mill_cap", taken: 16, cap: 16 }, "16 of 16 slots are taken"]],
  domain_cap: [[{ gate: "domain_cap", taken: 1, cap: 1 }, "1 of 1 slots are taken"]],
  group_cap: [
    [{ gate: "group_cap", group: "sync", taken: 1, cap: 1 }, "1 of the 1 slot that it may have in this domain are taken."],
    [{ gate: "group_cap", group: "sync", taken: 1, cap: 2, running: 5, of: 5 }, "taken, 5 of 5 in the whole mill."],
  ],
  group_rate: [
    [{ gate: "group_rate", group: "sync", until: at }, "rate limit of group sync: no token is left."],
    [{ gate: "group_rate", group: "sync" }, "has been asked for the next"],
  ],
  type_rate: [[{ gate: "type_rate", type: "resize", until: at }, "rate limit of type resize: no token is left."]],
  slot: [
    [{ gate: "slot", granted: 2, reached: true }, "has asked for more"],
    [{ gate: "slot", granted: 0, reached: false }, "does not answer"],
  ],
  order: [
    [{ gate: "order", ahead: 1 }, "1 ready task of this domain is more urgent"],
    [{ gate: "order", ahead: 12 }, "12 ready tasks of this domain are more urgent"],
  ],
  run: [[{ gate: "run", before: ids(2) }, "media_1, media_2 come first"]],
  orphaned: [[{ gate: "orphaned", until: at }, "has restarted"]],
  stopping: [
    [{ gate: "stopping", reason: "cancel" }, "It was cancelled, and its executor has not answered"],
    [{ gate: "stopping", reason: "deadline", worker: "w1", until: at }, "and worker w1 has not answered"],
  ],
};

test.each(GATES)("[why] the gate %s in words, and when it opens", (name) => {
  for (const [hold, words] of CASES[name]) {
    const { gate, detail, until } = describeGate(hold);
    expect(gate).toBe(name);
    expect(detail).toContain(words);
    expect(detail).toMatch(/^[A-Z0-9][^]*\.$/);
    expect(detail).not.toMatch(/undefined|null|NaN|\[object/);
    expect(until).toBe("until" in hold ? "2026-11-21T12:00:00.000Z" : undefined);
  }
});

test("a task is runnable when nothing holds it and it has not ended", () => {
  expect(explain([], false)).toEqual({ runnable: true, gates: [] });
  expect(explain([], true)).toEqual({ runnable: false, gates: [] });
  expect(explain([{ gate: "suspect" }, { gate: "order", ahead: 1 }], false)).toMatchObject({
    runnable: false,
    gates: [{ gate: "suspect" }, { gate: "order" }],
  });
});
