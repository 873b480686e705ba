import { runInDurableObject } from "cloudflare:test";
import { RpcStub } from "cloudflare:workers";
import { afterEach, describe, expect, test } from "vitest";
import { Alarm } from "../../src/durable/domain/alarm.ts";
import type { Core } from "../../src/durable/domain/core.ts";
import { Link } from "../../src/durable/domain/run/conduct.ts";
import { onPoint } from "../../src/durable/point.ts";
import { reachDomain } from "../../src/durable/reach.ts";
import { otherQ, workQ } from "../worker/index.ts";
import { platform } from "../worker/lives.ts";
import { rows, stub, until } from "../worker/reach.ts";
import { gate } from "../worker/script.ts";

// In real time: what is under test is the platform's own alarm, and stubs of the platform's own RPC.

afterEach(() => onPoint(undefined));

/** How often a point is passed. */
function passes(name: string, domain: string): () => number {
  let count = 0;
  onPoint((point, object) => {
    if (point === name && object === domain) count += 1;
  });
  return () => count;
}

describe("the platform's alarm", { timeout: 180_000 }, () => {
  test("that is armed again for now from within itself rings every time, fifty times in a row", async () => {
    let rings = 0;
    const asked: number[] = [];
    platform.rings = (storage, { scheduledTime }) => {
      rings += 1;
      if (rings === 50) return;
      // As an object does whose slice of work took no time: its now is the very moment of the alarm that is ringing.
      const state = { agesAt: null, cost: { alarmsSet: 0, rowsWritten: 0 } };
      const core = {
        clock: { now: () => scheduledTime },
        state,
        runs: new Map(),
        lanes: { size: 0, readySize: 0 },
        pauses: { own: false, foreign: false },
      };
      const setAlarm = (at: number): Promise<void> => {
        asked.push(at - scheduledTime);
        return storage.setAlarm(at);
      };
      const alarm = new Alarm({ setAlarm } as DurableObjectStorage, core as unknown as Core);
      alarm.fired(scheduledTime);
      alarm.soon("kick", scheduledTime);
      alarm.arm();
    };
    await runInDurableObject(stub("other"), (_object, { storage }) => storage.setAlarm(Date.now() + 1));
    await until(
      () => rings,
      (count) => count === 50,
    );
    platform.rings = undefined;
    // A loaded machine rings a few milliseconds late, and so never falls into the trap: what is asked for must avoid it.
    expect(asked).toEqual(Array.from({ length: 49 }, () => 1));
  });

  test("#44 works off 25,000 tasks that are due at once, 500 at a ring", async () => {
    await otherQ.pause();
    const item = { type: "play" as const, payload: { do: "ok" as const, name: "due" }, delay: "1d" as const };
    for (let batch = 0; batch < 5; batch += 1) await otherQ.submitAll(Array.from({ length: 5_000 }, () => item));
    await rows("other", "UPDATE tasks SET run_at = 1 WHERE status = 1 RETURNING id");
    const rings = passes("alarm.call", "other");
    await reachDomain("other").poke();
    const pending = () => rows<{ n: number }>("other", "SELECT count(*) AS n FROM tasks WHERE status = 0").then(([row]) => row!.n);
    await until(pending, (count) => count === 25_000);
    expect(rings()).toBeGreaterThanOrEqual(49);
    // Each is a bounded slice, so that requests get a word in between.
    expect(rings()).toBeLessThan(70);
  });

  test("does not ring once more for what it has just done", async () => {
    const { id } = await workQ.submit("play", { name: "due soon" }, { delay: "200ms" });
    const rings = passes("alarm.call", "work");
    await until(
      () => workQ.task("play", id).get(),
      (task) => task.finishedAt !== null,
    );
    // The next ring of an alarm that had armed itself for nothing would have come before these calls are through.
    for (let n = 0; n < 20; n += 1) await workQ.submit("plain", { n });
    expect(rings()).toBe(1);
  });
});

describe("stubs", { timeout: 600_000 }, () => {
  test("after 10,000 runs none is held: neither the object's of runners, nor theirs of the object", async () => {
    const held = new Set<object>();
    let taken = 0;
    const stubs = RpcStub.prototype as unknown as { dup(): object; [Symbol.dispose](): void };
    const { dup, [Symbol.dispose]: dispose } = stubs;
    stubs.dup = function counted() {
      const stub = dup.call(this);
      held.add(stub);
      taken += 1;
      return stub;
    };
    stubs[Symbol.dispose] = function counted() {
      held.delete(this);
      dispose.call(this);
    };
    let links = 0;
    (Link.prototype as unknown as Disposable)[Symbol.dispose] = () => (links += 1);
    const runs = passes("dispatch.call", "work");
    // Some that go on for so long that they hand over their control; thousands that do not. A suspect is a run of its own.
    for (let wave = 0; wave < 8; wave += 1) {
      await workQ.pause();
      const slow = Array.from({ length: 8 }, (_, n) => ({
        type: "play" as const,
        payload: { do: "hold" as const, name: `wave ${wave} ${n}` },
      }));
      const quick = Array.from({ length: 1_250 }, (_, n) => ({ type: "plain" as const, payload: { n } }));
      await workQ.submitAll([...slow, ...quick]);
      await rows("work", "UPDATE tasks SET suspect = 1 WHERE status = 0 RETURNING id");
      await workQ.resume();
      await until(
        () => held.size,
        (count) => count === 8,
      );
      for (const { payload } of slow) gate(payload.name).open();
      await until(
        () => workQ.snapshot(),
        (snapshot) => snapshot.counts.pending === 0 && snapshot.slots.using === 0,
      );
    }
    await until(
      () => workQ.snapshot(),
      (snapshot) => snapshot.slots.using === 0,
    );
    await until(
      () => links,
      (count) => count === runs(),
    );
    expect(runs()).toBeGreaterThan(10_000);
    expect(taken, "runs that handed over their control").toBeGreaterThanOrEqual(64);
    expect(held.size).toBe(0);
  });
});
