import { abortAllDurableObjects, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test } from "vitest";
import { reachCoordinator } from "../../src/durable/reach.ts";
import { clock } from "../worker/clock.ts";
import { crash } from "../worker/drive.ts";
import { otherQ, workQ } from "../worker/index.ts";
import { expectBalanced } from "../worker/laws.ts";
import { platform } from "../worker/lives.ts";
import { alarmAt, ring, rows, stub, until } from "../worker/reach.ts";
import { gate } from "../worker/script.ts";

const pulled = (name: string, options?: object) => workQ.submit("pulled", { name }, options);
const get = (id: string) => workQ.task("pulled", id).get();
const claim = (options: object = {}) => workQ.claim({ worker: "w1", types: ["pulled"], ...options });
const one = async (options: object = {}) => {
  const [first, ...others] = await claim({ wait: "20s", ...options });
  expect(others).toEqual([]);
  return first!;
};
const lost = { code: "lease_lost" };

/** Nothing of one test is left for the next. */
afterEach(async () => {
  platform.cutOff = "";
  await workQ.setMaxConcurrency(8);
  for (;;) {
    const { items } = await workQ.list({ status: ["pending", "scheduled", "running", "blocked"] });
    if (items.length === 0) break;
    for (const { id, status } of items) if (status !== "running") await workQ.task("pulled", id).cancel();
    clock.advance(13 * 3_600_000);
    await ring("work");
  }
  await expectBalanced("work");
});

describe("a pull type", () => {
  test("is never executed by the mill: its tasks wait for a worker", async () => {
    const { id } = await pulled("waits");
    const { id: pushed } = await workQ.submit("plain", { n: 1 });
    await workQ.task("plain", pushed).result({ timeout: "10s" });
    expect(await get(id)).toMatchObject({ status: "pending", executions: 0 });
    expect((await workQ.snapshot()).counts).toMatchObject({ pending: 1, paused: 0, running: 0 });
  });

  test("[pull leases] claimed, renewed with progress, completed: the same record as a pushed one", async () => {
    const { id } = await pulled("whole", { tags: { color: "red" } });
    const held = await one({ lease: "1m" });
    expect(held.lease).toMatch(/^work_l[0-9a-f]{24}$/);
    expect(held.task).toMatchObject({
      id,
      type: "pulled",
      status: "running",
      attempt: 1,
      executions: 1,
      payload: { name: "whole" },
      tags: { color: "red", team: "test" },
    });
    expect(Date.parse(held.leaseUntil) - clock.now()).toBeGreaterThan(50_000);
    expect((await workQ.snapshot()).running).toEqual([expect.objectContaining({ id, type: "pulled" })]);
    expect((await workQ.list({ status: "running" })).items.map((task: { id: string }) => task.id)).toEqual([id]);
    expect((await workQ.list({ status: ["running", "failed"], type: "pulled" })).items.map((task: { id: string }) => task.id)).toEqual([
      id,
    ]);
    clock.advance(30_000);
    const renewed = await held.renew({ progress: { fraction: 0.25, message: "a quarter" } });
    expect(renewed.cancelled).toBe(false);
    expect(Date.parse(renewed.leaseUntil)).toBeGreaterThan(Date.parse(held.leaseUntil));
    expect(await get(id)).toMatchObject({ status: "running", progress: { fraction: 0.25, message: "a quarter" } });
    expect(await held.complete({ done: true })).toMatchObject({
      id,
      status: "completed",
      result: { done: true },
      attempt: 1,
      executions: 1,
      progress: null,
    });
    expect(await workQ.task("pulled", id).result()).toEqual({ done: true });
    expect((await workQ.snapshot()).slots.using).toBe(0);
  });

  test("[order] claims go by type, priority and age", async () => {
    await workQ.submit("parsed", { n: 1 }, { priority: "realtime" });
    const { id: late } = await pulled("normal 1");
    const { id: urgent } = await pulled("urgent", { priority: "high" });
    const { id: last } = await pulled("normal 2");
    const ids = (await claim({ max: 10 })).map(({ task }) => task.id);
    expect(ids).toEqual([urgent, late, last]);
    const [any] = await workQ.claim({ worker: "w2" });
    expect(any!.task.type).toBe("parsed");
    expect(await workQ.claim({ worker: "w2" })).toEqual([]);
  });

  test("a result is parsed by the type's schema; one that does not fit fails the task for good", async () => {
    const { id } = await workQ.submit("parsed", { n: 1 });
    const [good] = await workQ.claim({ worker: "w", types: ["parsed"], wait: "20s" });
    expect(await good!.complete({ doubled: 2 })).toMatchObject({ id, status: "completed", result: { doubled: 2 } });
    await workQ.submit("parsed", { n: 1 });
    const [bad] = await workQ.claim({ worker: "w", types: ["parsed"], wait: "20s" });
    expect(await bad!.complete({ doubled: "two" } as never)).toMatchObject({ status: "failed", error: { code: "invalid_result" } });
    await pulled("too large");
    expect(await (await one()).complete("x".repeat(600_000))).toMatchObject({ status: "failed", error: { code: "result_too_large" } });
  });

  test("[validation] [poison input] a payload that its schema refuses by now fails for good, and goes to no worker", async () => {
    const { id: changed } = await workQ.submit("parsed", { n: 1 }, { priority: "high" });
    const { id: broken } = await workQ.submit("parsed", { n: 2 }, { priority: "high" });
    const { id: good } = await workQ.submit("parsed", { n: 3 });
    await runInDurableObject(stub("work"), (_object, { storage }) => {
      const write = (id: string, payload: string) =>
        storage.sql.exec("UPDATE tasks SET payload = ? WHERE id = ?", payload, Number(id.split("_")[1]));
      write(changed, '{"n":"one"}');
      write(broken, "{");
    });
    const claims = await workQ.claim({ worker: "w", types: ["parsed"], max: 3, wait: "20s" });
    expect(claims.map(({ task }) => task.id)).toEqual([good]);
    for (const id of [changed, broken])
      expect(await get(id)).toMatchObject({ status: "failed", attempt: 1, error: { code: "invalid_payload" } });
    await claims[0]!.release();
  });

  test("keep: false: gone with its end, which is still answered", async () => {
    const { id } = await workQ.submit("fleeting", { n: 1 });
    const [held] = await workQ.claim({ worker: "w", types: ["fleeting"], wait: "20s" });
    expect(await held!.complete()).toMatchObject({ id, status: "completed" });
    await expect(get(id)).rejects.toMatchObject({ code: "task_not_found" });
  });

  test("what is wrong with a claim is said", async () => {
    for (const [options, code] of [
      [{ types: ["plain"] }, "invalid_request"],
      [{ types: ["pulle"] }, "unknown_type"],
      [{ types: [] }, "invalid_request"],
      [{ worker: "" }, "invalid_request"],
      [{ max: 0 }, "invalid_request"],
      [{ max: 101 }, "invalid_request"],
      [{ lease: "4s" }, "invalid_request"],
      [{ lease: "13h" }, "invalid_request"],
      [{ wait: "31s" }, "invalid_request"],
    ] as const)
      await expect(claim(options), JSON.stringify(options)).rejects.toMatchObject({ code });
    await expect(otherQ.claim({ worker: "w" })).rejects.toMatchObject({
      code: "invalid_request",
      message: expect.stringContaining("pull: true"),
    });
    await expect(pulled("no timeout", { timeout: "1m" })).rejects.toMatchObject({ code: "invalid_request" });
  });
});

describe("waiting", () => {
  test("a claim that waits wakes with the first task that becomes ready", async () => {
    const waiting = claim({ wait: "30s" });
    await until(
      () => rows("work", "SELECT 1"),
      () => true,
    );
    const { id } = await pulled("at last");
    expect((await waiting).map(({ task }) => task.id)).toEqual([id]);
  });

  test("two that wait get one task each, and nobody gets one twice", async () => {
    const waiting = [claim({ wait: "30s" }), claim({ wait: "30s", worker: "w2" })];
    const ids = [(await pulled("a")).id, (await pulled("b")).id];
    expect((await Promise.all(waiting)).map(([held]) => held!.task.id).sort()).toEqual(ids.sort());
  });
});

describe("caps", () => {
  test("[pull leases] [caps] a lease takes a slot: of the domain's cap, beside what the runner has", async () => {
    await workQ.setMaxConcurrency(3);
    const { id: running } = await workQ.submit("play", { do: "hold", name: "beside leases" });
    await until(
      () => workQ.task("play", running).get(),
      (seen: { status: string }) => seen.status === "running",
    );
    for (let n = 0; n < 4; n += 1) await pulled(`capped ${n}`);
    const held = await claim({ max: 10, wait: "20s" });
    let leased = held.length;
    while (leased < 2) leased += (await claim({ max: 10, wait: "20s" })).length;
    expect(leased).toBe(2);
    expect(await claim()).toEqual([]);
    expect((await workQ.snapshot()).slots.using).toBe(3);
    const waiting = claim({ wait: "30s" });
    gate("beside leases").open();
    expect(await waiting).toHaveLength(1);
  });

  test("[pull leases] [caps] of the mill's cap: what is leased in one domain the other cannot run", async () => {
    for (let n = 0; n < 9; n += 1) await pulled(`mill ${n}`);
    const held = [];
    while (held.length < 8) held.push(...(await claim({ max: 10, lease: "12h", wait: "20s" })));
    expect(await claim()).toEqual([]);
    const { id } = await otherQ.submit("play", { name: "left out" });
    await until(
      () => reachCoordinator(clock).snapshot(),
      ({ holders }) => holders.some(({ domain, wanting }) => domain === "other" && wanting > 0),
    );
    expect(await otherQ.task("play", id).get()).toMatchObject({ status: "pending" });
    await held[0]!.release();
    await held[1]!.complete();
    for (const one of [...(await claim({ wait: "20s", max: 2 })), ...held.slice(2)]) await one.complete();
    await until(
      () => otherQ.task("play", id).get(),
      ({ status }) => status === "completed",
    );
  });

  test("while the domain sleeps, its coordinator restarts and hours pass, leased slots stay taken", async () => {
    for (let n = 0; n < 8; n += 1) await pulled(`asleep ${n}`);
    const held = [];
    while (held.length < 8) held.push(...(await claim({ max: 8, lease: "2h", wait: "20s" })));
    await abortAllDurableObjects();
    clock.advance(3_600_000);
    const incarnation = "somebody else";
    const ask = (seq: number) =>
      reachCoordinator(clock).sync({
        holder: "other",
        incarnation,
        seq,
        version: 0,
        holding: 0,
        using: 0,
        cap: null,
        wanting: [{ group: null, priority: 0, count: 8, oldestMs: 0 }],
      });
    expect((await ask(1)).grant.slots).toBe(0);
    // The leases are still good: their workers complete them, and then the slots come free.
    expect(await held[0]!.complete()).toMatchObject({ status: "completed" });
    for (const one of held.slice(1)) await one.complete();
    let seq = 1;
    let granted = await ask((seq += 1));
    while (granted.grant.slots < 8) {
      await scheduler.wait(5);
      granted = await ask((seq += 1));
    }
    // Somebody else's grant runs out.
    clock.advance(60_000);
  });

  test("what the coordinator has not confirmed is not leased, and not renewed", async () => {
    await pulled("confirmed");
    const held = await one({ lease: "1h" });
    // From here on it is out of reach.
    platform.cutOff = "work";
    clock.advance(3_590_000);
    const { leaseUntil } = await held.renew();
    const [row] = await rows<{ until: number }>("work", "SELECT until FROM leases");
    expect(leaseUntil).toBe(new Date(row!.until).toISOString());
    expect(row!.until).toBeLessThanOrEqual(Date.parse(held.leaseUntil) + 600_000);
    await pulled("not without it");
    expect(await claim()).toEqual([]);
    platform.cutOff = "";
  });
});

describe("fencing", () => {
  test("[fencing] #16 #57 A's lease ends, B takes over and completes; whatever A says then changes nothing", async () => {
    const { id } = await pulled("zombie");
    const a = await one({ worker: "a", lease: "10s" });
    clock.advance(10_001);
    // Over by time, though no alarm has rung.
    await expect(a.renew()).rejects.toMatchObject(lost);
    await expect(a.complete("late")).rejects.toMatchObject(lost);
    await ring("work");
    expect(await get(id)).toMatchObject({
      status: "pending",
      attempt: 1,
      executions: 1,
      errors: [{ attempt: 1, message: expect.stringContaining("worker a") }],
      error: { code: "lease_expired" },
    });
    const b = await one({ worker: "b" });
    expect(b.task).toMatchObject({ id, attempt: 2 });
    for (const late of [() => a.renew(), () => a.complete("A"), () => a.fail("A"), () => a.release()])
      await expect(late()).rejects.toMatchObject(lost);
    expect(await b.complete("B")).toMatchObject({ status: "completed", result: "B", attempt: 2, executions: 2 });
    for (const late of [() => a.complete("A"), () => a.fail("A"), () => b.complete("again"), () => b.release(), () => b.renew()])
      await expect(late()).rejects.toMatchObject(lost);
    expect(await get(id)).toMatchObject({ status: "completed", result: "B" });
    expect((await workQ.snapshot()).slots.using).toBe(0);
  });

  test("[timeouts] a lease that runs out again and again ends as a dead letter", async () => {
    const { id } = await pulled("abandoned");
    for (let n = 0; n < 2; n += 1) {
      await one({ lease: "5s" });
      expect(await alarmAt("work")).toBeLessThanOrEqual(clock.now() + 5_001);
      clock.advance(5_001);
      await ring("work");
    }
    expect(await get(id)).toMatchObject({ status: "dead_letter", attempt: 2, error: { code: "lease_expired" } });
    expect(await rows("work", "SELECT * FROM leases")).toEqual([]);
  });

  test("#21 a renewed lease does not end at its first moment", async () => {
    const { id } = await pulled("renewed");
    const held = await one({ lease: "10s" });
    clock.advance(6_000);
    await held.renew();
    clock.advance(6_000);
    await ring("work");
    expect(await get(id)).toMatchObject({ status: "running" });
    await held.complete();
  });

  test("[fencing] #58 an id that was never given out is refused like a lost one", async () => {
    await expect(runInDurableObject(stub("work"), async (object) => object.leasedType(`work_l${"0".repeat(24)}`))).resolves.toMatchObject({
      "~refused": lost,
    });
  });
});

describe("ends", () => {
  test("a failed attempt says how long it was held; one written by an older version says null", async () => {
    clock.freeze();
    const { id } = await pulled("held", { retry: { kind: "constant", attempts: 5, initial: "0s" } });
    const first = await one();
    clock.advance(3_000);
    await first.fail("slow");
    await (await one()).fail("fast");
    clock.thaw();
    const { errors } = await get(id);
    expect(errors.map(({ attempt, durationMs }) => [attempt, durationMs])).toEqual([
      [1, 3_000],
      [2, 0],
    ]);
    const old = JSON.stringify([{ attempt: 1, at: 0, message: "old" }]);
    await rows("work", "UPDATE tasks SET errors = ? WHERE id = ? RETURNING id", old, Number(id.slice(id.lastIndexOf("_") + 1)));
    expect((await get(id)).errors).toEqual([{ attempt: 1, at: "1970-01-01T00:00:00.000Z", message: "old", durationMs: null }]);
  });

  test("fail: retried by the policy, then a dead letter; not retryable: failed; retryAfter decides when", async () => {
    const { id } = await pulled("fails");
    const first = await one();
    expect(await first.fail("broken", { retryAfter: "1h" })).toMatchObject({ status: "scheduled", attempt: 1 });
    await workQ.task("pulled", id).runNow();
    expect(await (await one()).fail(new TypeError("again"))).toMatchObject({
      status: "dead_letter",
      attempt: 2,
      error: { name: "TypeError", message: "again" },
    });
    await pulled("never");
    expect(await (await one()).fail({ message: "no", code: "gone" }, { retryable: false })).toMatchObject({
      status: "failed",
      error: { message: "no", code: "gone" },
    });
  });

  test("[not charged] release: back to the front, not charged", async () => {
    const { id } = await pulled("given back");
    const held = await one();
    expect(await held.release()).toMatchObject({ status: "pending", attempt: 0, executions: 1 });
    expect((await one()).task).toMatchObject({ id, attempt: 1, executions: 2 });
  });

  test("cancel: seen at renew; whatever the worker says, it ends cancelled", async () => {
    const { id } = await pulled("unwanted");
    const held = await one();
    expect(await workQ.task("pulled", id).cancel()).toMatchObject({ status: "running" });
    expect(await held.renew()).toMatchObject({ cancelled: true });
    expect(await held.complete("done anyway")).toMatchObject({ status: "cancelled", result: null });
  });

  test("[timeouts] [ttl] a deadline is seen at renew and ends it expired; a ttl leaves what is leased alone", async () => {
    await pulled("overdue", { deadline: "10m" });
    const held = await one({ lease: "1h" });
    clock.advance(601_000);
    await ring("work");
    expect(await held.renew()).toMatchObject({ cancelled: true });
    expect(await held.complete("late")).toMatchObject({ status: "expired" });
    const { id } = await pulled("old", { ttl: "10m" });
    const other = await one({ lease: "1h" });
    clock.advance(601_000);
    await ring("work");
    expect(await get(id)).toMatchObject({ status: "running" });
    expect(await other.complete()).toMatchObject({ status: "completed" });
  });

  test("a key that is leased has begun: the next of its key is its successor", async () => {
    const { id } = await pulled("begun", { key: "the key" });
    const held = await one();
    const next = await pulled("next", { key: "the key" });
    expect(next.outcome).toBe("requeued");
    expect(await get(next.id)).toMatchObject({ status: "blocked" });
    await held.complete();
    expect(await get(next.id)).toMatchObject({ status: "pending" });
    expect(next.id).not.toBe(id);
  });

  test("[pause] a pause stops claims; what is done all the same counts", async () => {
    await pulled("before the pause");
    const held = await one();
    const { id } = await pulled("behind the pause");
    await workQ.pause();
    expect(await claim()).toEqual([]);
    expect(await get(id)).toMatchObject({ status: "paused", pausedBy: ["domain"] });
    expect(await held.complete()).toMatchObject({ status: "completed" });
    const waiting = claim({ wait: "20s" });
    await workQ.resume();
    expect((await waiting).map(({ task }) => task.id)).toEqual([id]);
  });

  test("[pause] a paused worker is told to stop when it renews, its lease holds no longer, and nothing is charged", async () => {
    const { id: failing } = await pulled("told to stop");
    const told = await one();
    const { id: silent } = await pulled("never asks");
    const mute = await one();
    await workQ.pause();
    expect(await told.renew()).toEqual({ leaseUntil: told.leaseUntil, cancelled: true });
    // Told once is told, whatever holds by now.
    await workQ.resume();
    expect(await told.renew()).toMatchObject({ leaseUntil: told.leaseUntil, cancelled: true });
    expect(await told.fail("stopped")).toMatchObject({ id: failing, status: "pending", attempt: 0, executions: 1, error: null });
    await workQ.pause();
    clock.advance(21_000);
    await ring("work");
    expect(await get(silent)).toMatchObject({ status: "paused", attempt: 0, errors: [] });
    await expect(mute.complete()).rejects.toMatchObject({ code: "lease_lost" });
    await workQ.resume();
    const both = await claim({ max: 2 });
    expect(both.map(({ task }) => task.id)).toEqual([failing, silent]);
    for (const one of both) await one.complete();
  });
});

describe("restarts", () => {
  test("[pull leases] leases are rows: after a crash they hold, take their slots, and end as they would have", async () => {
    const { id } = await pulled("survives");
    const { id: lostId } = await pulled("runs out");
    const held = await one({ lease: "10m" });
    const other = await one({ lease: "1m" });
    await crash("work");
    expect((await workQ.snapshot()).slots.using).toBe(2);
    expect(await get(id)).toMatchObject({ status: "running" });
    expect(await claim()).toEqual([]);
    expect(await held.renew()).toMatchObject({ cancelled: false });
    await crash("work");
    clock.advance(60_001);
    await ring("work");
    expect(await get(lostId)).toMatchObject({ status: "pending", error: { code: "lease_expired" } });
    await expect(other.complete()).rejects.toMatchObject(lost);
    expect(await held.complete("after two crashes")).toMatchObject({ status: "completed", result: "after two crashes" });
  });
});

describe("cost", () => {
  test("a lease writes the task's row and its own; a settle the same two", async () => {
    const written = async (...kinds: string[]) => {
      await workQ.resume();
      const { statements } = (await workQ.snapshot()).cost;
      return kinds.reduce((sum, kind) => sum + (statements[kind]?.rowsWritten ?? 0), 0);
    };
    const kinds = ["update tasks", "insert leases", "delete leases", "update leases"];
    await pulled("metered");
    const before = await written(...kinds);
    const held = await one();
    const leased = await written(...kinds);
    expect(leased - before).toBe(2);
    await held.complete();
    expect((await written(...kinds)) - leased).toBe(2);
  });
});

describe("a schedule of a pull type", () => {
  const tick = async () => {
    clock.advance(600_000);
    await ring("work");
  };
  const scheduled = (overlap: "queue" | "cancelOther") =>
    workQ.schedule({ type: "pulled", payload: { name: overlap }, every: "10m", overlap, maxRuns: 2 });
  const blocked = async () => (await workQ.list({ status: "blocked", type: "pulled" })).items.map((task: { id: string }) => task.id);

  test("cancelOther: the leased one is told to stop, and the new one waits until its worker has answered", async () => {
    const { id } = await scheduled("cancelOther");
    await tick();
    const held = await one({ lease: "1h" });
    await tick();
    expect(await get(held.task.id)).toMatchObject({ status: "running" });
    const [next] = await blocked();
    expect(await claim()).toEqual([]);
    expect(await held.renew()).toMatchObject({ cancelled: true });
    await held.complete({ done: true });
    expect(await get(held.task.id)).toMatchObject({ status: "cancelled" });
    const after = await one();
    expect(after.task.id).toBe(next);
    await after.complete({ done: true });
    await workQ.schedule(id).delete();
  });

  test("queue: the next one waits for the end of the leased one", async () => {
    const { id } = await scheduled("queue");
    await tick();
    const held = await one({ lease: "1h" });
    await tick();
    const [next] = await blocked();
    expect(await claim()).toEqual([]);
    await held.complete({ done: true });
    const after = await one();
    expect(after.task.id).toBe(next);
    await after.complete({ done: true });
    await workQ.schedule(id).delete();
  });
});
