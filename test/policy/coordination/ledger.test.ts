import { describe, expect, test } from "vitest";
import { Ledger } from "../../../src/policy/coordination/ledger.ts";
import { type MarkRow, markFor } from "../../../src/policy/coordination/mark.ts";
import type { SyncRequest } from "../../../src/policy/coordination/protocol.ts";

const START = 1_000_000;
const make = (maxConcurrency = 8, marks: MarkRow[] = []) => new Ledger({ maxConcurrency, marks, now: START });
let seq = 0;
const ask = (holder: string, count: number, more: Partial<SyncRequest> = {}): SyncRequest => ({
  holder,
  incarnation: "i1",
  seq: (seq += 1),
  version: 0,
  holding: 0,
  using: 0,
  cap: null,
  wanting: count > 0 ? [{ group: null, priority: 128, count, oldestMs: 0 }] : [],
  ...more,
});

describe("the ledger", () => {
  test("a raise counts when it is sent, a cut when it is confirmed, and what comes free is pushed to those who wait", () => {
    const ledger = make();
    const first = ledger.sync(ask("a", 100), START).grant;
    expect([first.slots, ledger.counted]).toEqual([8, 8]);
    expect(ledger.sync(ask("b", 4), START + 10).grant.slots).toBe(0);
    const [cut, ...others] = ledger.takePushes(START + 10);
    expect([cut?.domain, cut?.grant.slots, cut?.grant.short, others]).toEqual(["a", 4, true, []]);
    expect(ledger.counted).toBe(8);
    ledger.confirmed(cut!, { version: cut!.grant.version, holding: 6 }, START + 20);
    const [raise] = ledger.takePushes(START + 20);
    expect([raise?.domain, raise?.grant.slots, ledger.counted]).toEqual(["b", 2, 8]);
  });

  test("of a grant, a cut and a grant again any may be in force until one is confirmed", () => {
    const ledger = make();
    const first = ledger.sync(ask("a", 8), START).grant;
    ledger.configure(2, START + 1);
    ledger.configure(4, START + 2);
    expect(ledger.counted).toBe(8);
    const late = { domain: "a", incarnation: "i1", grant: first };
    ledger.confirmed(late, { version: first.version, holding: 8 }, START + 3);
    expect(ledger.counted).toBe(8);
    const push = ledger.takePushes(START + 3).at(-1)!;
    ledger.confirmed(push, { version: push.grant.version, holding: 4 }, START + 4);
    expect(ledger.counted).toBe(4);
    ledger.confirmed(late, { version: first.version, holding: 8 }, START + 5);
    expect(ledger.counted, "an older report").toBe(4);
  });

  test("of two reports of one version that overtook each other the lower counts: a slot given back is not given back again", () => {
    const ledger = make(2);
    const first = ledger.sync(ask("a", 2), START).grant;
    const late = { domain: "a", incarnation: "i1", grant: first };
    ledger.sync(ask("a", 0, { version: first.version, holding: 0 }), START + 10);
    const { grant } = ledger.sync(ask("a", 0, { version: first.version, holding: 0 }), START + 11);
    ledger.confirmed(late, { version: grant.version, holding: 0 }, START + 12);
    ledger.confirmed(late, { version: grant.version, holding: 2 }, START + 13);
    expect(ledger.counted).toBe(0);
  });

  test("slots of one who is gone come back after grant lease, slack and run lease, not before", () => {
    const ledger = make();
    ledger.sync(ask("a", 8), START);
    ledger.sync(ask("b", 8), START + 1_000);
    expect(ledger.nextAt()).toBeLessThanOrEqual(START + 42_000);
    ledger.tick(START + 41_999);
    expect(ledger.counted).toBe(8);
    ledger.tick(START + 42_000);
    // Its own lease has lapsed meanwhile: b gets them when it asks.
    expect(ledger.sync(ask("b", 8), START + 42_001).grant.slots).toBe(8);
  });

  test("a new incarnation may use at once what the old one held; the rest is free when it has confirmed", () => {
    const ledger = make();
    ledger.sync(ask("a", 8), START);
    const reborn = ledger.sync(ask("a", 2, { incarnation: "i2", holding: 3, using: 3 }), START + 100).grant;
    expect([reborn.slots, ledger.counted]).toEqual([5, 8]);
    expect(ledger.sync(ask("a", 8, { incarnation: "i1", seq: 9_999 }), START + 110).stale, "not yet proven dead").toBeUndefined();
    const again = ledger.sync(ask("a", 0, { incarnation: "i2", holding: 3, using: 3 }), START + 120).grant;
    ledger.sync(ask("a", 0, { incarnation: "i2", holding: 3, using: 3, version: again.version }), START + 130);
    expect(ledger.sync(ask("a", 8, { incarnation: "i1", seq: 10_000 }), START + 140).stale).toBe(true);
    expect(ledger.sync(ask("b", 8), START + 150).grant.slots).toBe(5);
  });

  test("a new incarnation whose old slots others wait for is asked at once to confirm; they need not wait for a push to be due", () => {
    const ledger = make();
    const held = ledger.sync(ask("a", 100), START).grant;
    ledger.takePushes(START);
    expect(ledger.sync(ask("b", 1), START + 10).grant.slots).toBe(0);
    ledger.takePushes(START + 10);
    const { grant } = ledger.sync(ask("a", 0, { incarnation: "i2", version: held.version }), START + 20);
    const [asked] = ledger.takePushes(START + 20);
    expect([asked?.domain, asked?.incarnation]).toEqual(["a", "i2"]);
    ledger.confirmed(asked!, { version: grant.version, holding: 0 }, START + 21);
    const [raise] = ledger.takePushes(START + 21);
    expect([raise?.domain, raise?.grant.slots]).toEqual(["b", 1]);
  });

  test("after a restart a row counts until it means nothing; whoever waits has it asked", () => {
    const marks = [
      { domain: "a", mark: 6, until: START + 600_000 },
      { domain: "old", mark: 8, until: START },
    ];
    const ledger = make(8, marks);
    expect(ledger.counted).toBe(6);
    expect(ledger.sync(ask("b", 8), START + 10).grant.slots).toBe(2);
    expect(ledger.takePushes(START + 10)).toMatchObject([{ domain: "a", incarnation: "" }]);
    ledger.tick(START + 2_010);
    expect(ledger.takePushes(START + 2_010), "asked again").toMatchObject([{ domain: "a", incarnation: "" }]);
    ledger.tick(START + 42_000);
    expect(ledger.counted).toBe(2);
  });

  test("rows come before the grants they cover, and go when nothing is held", () => {
    const ledger = make();
    ledger.sync(ask("a", 0), START);
    expect(ledger.takeMarks()).toEqual({ put: [], remove: [] });
    ledger.sync(ask("a", 2), START + 1);
    expect(ledger.takeMarks().put).toMatchObject([{ domain: "a", mark: 2 }]);
    ledger.sync(ask("a", 4, { holding: 0, using: 0 }), START + 2);
    expect(ledger.takeMarks().put).toMatchObject([{ domain: "a", mark: 4 }]);
    ledger.tidy(START + 50_000);
    expect(ledger.takeMarks(), "it will soon mean nothing").toEqual({ put: [], remove: [] });
    ledger.sync(ask("a", 2), START + 60_000);
    expect(ledger.takeMarks().put, "on in steps of ten minutes").toMatchObject([{ domain: "a", mark: 4, until: START + 660_000 }]);
    ledger.tidy(START + 120_000);
    expect(ledger.takeMarks()).toEqual({ put: [], remove: ["a"] });
  });

  test("over a lowered cap nobody may begin while the others fill it", () => {
    const ledger = make(4);
    ledger.sync(ask("a", 2), START);
    ledger.sync(ask("b", 2), START);
    ledger.configure(2, START + 10);
    const slots = ledger.takePushes(START + 10).map((push) => push.grant.slots);
    expect(slots).toEqual([0, 0]);
  });
});

test("marks double, and their time moves in steps", () => {
  const row: MarkRow = { domain: "a", mark: 4, until: 50_000 };
  expect(markFor(undefined, { domain: "a", mark: 0, until: 9 }, 16, 0)).toBeNull();
  expect(markFor(undefined, { domain: "a", mark: 1, until: 42_000 }, 16, 0)).toEqual({ domain: "a", mark: 1, until: 72_000 });
  expect(markFor(row, { domain: "a", mark: 4, until: 50_000 }, 16, 0)).toBeNull();
  expect(markFor(row, { domain: "a", mark: 5, until: 42_000 }, 16, 0)).toEqual({ domain: "a", mark: 8, until: 50_000 });
  expect(markFor(row, { domain: "a", mark: 5, until: 42_000 }, 6, 0)).toMatchObject({ mark: 6 });
  expect(markFor(row, { domain: "a", mark: 2, until: 60_000 }, 16, 0)).toEqual({ domain: "a", mark: 4, until: 600_000 });
  expect(markFor(row, { domain: "a", mark: 2, until: 92_000 }, 16, 50_000), "its time is over").toMatchObject({ mark: 2 });
});
