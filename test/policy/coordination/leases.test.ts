import { describe, expect, test } from "vitest";
import { Holder } from "../../../src/policy/coordination/holder.ts";
import { Ledger } from "../../../src/policy/coordination/ledger.ts";
import type { SyncRequest } from "../../../src/policy/coordination/protocol.ts";

const HOUR = 3_600_000;
const sync = (holder: string, seq: number, more: Partial<SyncRequest> = {}): SyncRequest => ({
  holder,
  incarnation: `${holder}-1`,
  seq,
  version: 0,
  holding: 0,
  using: 0,
  cap: null,
  wanting: [],
  ...more,
});
const wanting = (count: number) => [{ group: null, priority: 128, count, oldestMs: 0 }];

describe("leases of pull workers", () => {
  test("the ledger takes no slot back before they are over, and then it does", () => {
    const ledger = new Ledger({ maxConcurrency: 4, marks: [], now: 0 });
    const { grant, leased } = ledger.sync(sync("a", 1, { wanting: wanting(4), leaseMs: 2 * HOUR }), 0);
    expect([grant.slots, leased]).toEqual([4, true]);
    expect(ledger.sync(sync("b", 1, { wanting: wanting(4) }), HOUR).grant.slots).toBe(0);
    expect(ledger.sync(sync("b", 2, { wanting: wanting(4) }), 2 * HOUR + 60_000).grant.slots).toBe(4);
  });

  test("a sync that names none gives them up: then the grant's own lease counts", () => {
    const ledger = new Ledger({ maxConcurrency: 4, marks: [], now: 0 });
    ledger.sync(sync("a", 1, { wanting: wanting(4), leaseMs: 2 * HOUR }), 0);
    expect(ledger.sync(sync("a", 2, { holding: 4 }), 1_000).leased).toBeUndefined();
    expect(ledger.sync(sync("b", 1, { wanting: wanting(4) }), 60_000).grant.slots).toBe(4);
  });

  test("they survive a restart of the coordinator, in the domain's row", () => {
    const ledger = new Ledger({ maxConcurrency: 4, marks: [], now: 0 });
    ledger.sync(sync("a", 1, { wanting: wanting(4) }), 0);
    const marks = ledger.takeMarks().put;
    ledger.sync(sync("a", 2, { holding: 4, using: 4, leaseMs: 2 * HOUR }), 1_000);
    const stored = [...marks, ...ledger.takeMarks().put].at(-1)!;
    expect(stored).toMatchObject({ mark: 4, leasedUntil: 2 * HOUR + 3_000 });
    // The same again writes nothing.
    ledger.sync(sync("a", 3, { holding: 4, using: 4, leaseMs: 2 * HOUR - 1_000 }), 2_000);
    expect(ledger.takeMarks().put).toEqual([]);
    const again = new Ledger({ maxConcurrency: 4, marks: [stored], now: HOUR });
    expect(again.sync(sync("b", 1, { wanting: wanting(4) }), 2 * HOUR).grant.slots).toBe(0);
    expect(again.sync(sync("b", 2, { wanting: wanting(4) }), 3 * HOUR).grant.slots).toBe(4);
  });

  test("the holder leases no further than what was answered, asks at once for more, and gives it up when none is out", () => {
    const holder = new Holder({ holder: "a", incarnation: "a-1" });
    expect(holder.mayLease(HOUR)).toBe(false);
    const first = holder.due(0, [])!;
    expect(first.leaseMs).toBe(HOUR + 600_000);
    holder.answered(first, { grant: { version: 1, slots: 1, leaseMs: 30_000 }, leased: true }, 0);
    expect([holder.mayLease(HOUR), holder.leaseLimit]).toEqual([true, HOUR + 600_000]);
    holder.occupy();
    holder.setLeases(HOUR);
    expect(holder.due(1_000, [])).toBeNull();
    // Renewal of the grant says how long they may still be out.
    const second = holder.due(15_000, [])!;
    expect(second.leaseMs).toBe(HOUR + 600_000 - 15_000);
    holder.answered(second, { grant: { version: 2, slots: 1, leaseMs: 30_000 }, leased: true }, 15_000);
    holder.vacate();
    holder.setLeases(null);
    expect(holder.mayLease(2 * HOUR)).toBe(false);
    const third = holder.due(16_000, [])!;
    expect(third.leaseMs).toBe(2 * HOUR - 16_000 + 600_000);
    holder.failed(third, 16_000);
    expect(holder.mayLease(2 * HOUR)).toBe(false);
  });

  test("an answer that does not confirm is none", () => {
    const holder = new Holder({ holder: "a", incarnation: "a-1" });
    holder.mayLease(HOUR);
    holder.answered(holder.due(0, [])!, { grant: { version: 1, slots: 1, leaseMs: 30_000 } }, 0);
    expect(holder.mayLease(HOUR)).toBe(false);
    expect(holder.due(10, [])).toBeNull();
  });
});
