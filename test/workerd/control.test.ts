import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { clock } from "../worker/clock.ts";
import { crash } from "../worker/drive.ts";
import { work } from "../worker/domains.ts";
import { mill, otherQ, workQ } from "../worker/index.ts";
import { ring, rows, until } from "../worker/reach.ts";
import { gate, journal } from "../worker/script.ts";

interface View {
  id: string;
  status: string;
  attempt: number;
  executions: number;
  pausedBy: string[];
}
const get = (id: string): Promise<View> => (id.startsWith("work_") ? workQ : (otherQ as unknown as typeof workQ)).task("play", id).get();
const shows = (id: string, status: string) =>
  until(
    () => get(id),
    (task) => task.status === status,
  );
const play = async (script: object, options: object = {}) => (await workQ.submit("play", script, options)).id;

beforeEach(async () => {
  await mill.resume();
  await mill.group("g").resume();
  await workQ.resume();
  await mill.settings({ maxConcurrency: 8, defaultGroupMaxConcurrency: null, aging: null });
});
afterEach(() => {
  gate("all").open();
});

describe("[pause] a group", () => {
  test("is stopped in every domain; others go on; what arrives behind the flag shows paused, too", async () => {
    const running = await play({ do: "hold", name: "in g" }, { group: "g" });
    const elsewhere = (await otherQ.submit("play", { do: "hold", name: "in g" }, { group: "g" })).id;
    const free = await play({ do: "hold", name: "not in g" });
    for (const id of [running, elsewhere, free]) await shows(id, "running");
    expect(await mill.group("g").pause()).toMatchObject({ name: "g", paused: true, pausedUntil: null });
    for (const id of [running, elsewhere]) {
      expect(await shows(id, "paused")).toMatchObject({ pausedBy: ["group"], attempt: 0, executions: 1 });
    }
    const late = await play({ name: "late" }, { group: "g" });
    expect(await get(late)).toMatchObject({ status: "paused", pausedBy: ["group"] });
    expect(await get(free)).toMatchObject({ status: "running", executions: 1 });
    const { counts } = await workQ.snapshot();
    expect(counts).toMatchObject({ paused: 2, pending: 0, running: 1 });
    expect((await workQ.list({ status: "paused" })).items.map(({ id }: { id: string }) => id)).toEqual([late, running]);
    expect(await workQ.count({ status: "paused" })).toBe(2);
    await shows(await play({ name: "no group" }), "completed");
    expect((await mill.snapshot()).pausedGroups).toMatchObject([{ name: "g", paused: true }]);
    expect((await mill.snapshot()).groups).toEqual(await mill.groups());
    // Reasons are a set.
    await workQ.pause();
    expect((await get(late)).pausedBy).toEqual(["domain", "group"]);
    await mill.group("g").resume();
    expect((await get(late)).pausedBy).toEqual(["domain"]);
    await workQ.resume();
    gate("in g").open();
    gate("not in g").open();
    for (const id of [running, elsewhere, free, late]) await shows(id, "completed");
    expect(await get(running)).toMatchObject({ attempt: 1, executions: 2 });
  });

  test("with a deadline ends by itself, whatever sleeps; a past one is refused", async () => {
    const passed = await mill
      .group("g")
      .pause({ until: clock.now() - 1 })
      .catch((error: { code: string }) => error.code);
    expect(passed).toBe("invalid_request");
    const end = clock.now() + 60_000;
    expect(await mill.group("g").pause({ until: end })).toMatchObject({ pausedUntil: new Date(end).toISOString() });
    const id = await play({ name: "until" }, { group: "g" });
    await shows(id, "paused");
    await crash("mill");
    await crash("work");
    expect(await get(id)).toMatchObject({ status: "paused" });
    clock.advance(60_001);
    expect(await get(id)).toMatchObject({ status: "pending", pausedBy: [] });
    await ring("work");
    await shows(id, "completed");
    expect((await mill.snapshot()).pausedGroups).toEqual([]);
  });

  test("holds through the end of its domain, which is stopped before it could start anything", async () => {
    const id = await play({ do: "hold", name: "orphan of g" }, { group: "g" });
    await shows(id, "running");
    await mill.group("g").pause();
    await crash("work");
    await get(id);
    clock.advance(13_000);
    await ring("work");
    expect(await shows(id, "paused")).toMatchObject({ pausedBy: ["group"] });
    expect((await workQ.snapshot()).slots.using).toBe(0);
    gate("orphan of g").open();
    await mill.group("g").resume();
    await shows(id, "completed");
  });

  test("pull tasks of it are not claimed", async () => {
    await mill.group("g").pause();
    const { id } = await workQ.submit("pulled", { name: "p" }, { group: "g" });
    expect(await workQ.claim({ worker: "w", types: ["pulled"] })).toEqual([]);
    expect(await workQ.task("pulled", id).get()).toMatchObject({ status: "paused", pausedBy: ["group"] });
    const waiting = workQ.claim({ worker: "w", types: ["pulled"], wait: "20s" });
    await mill.group("g").resume();
    for (const held of await waiting) await held.complete("done");
    expect(await workQ.task("pulled", id).get()).toMatchObject({ status: "completed" });
  });

  test("paused time is kept: the mill's, the domain's, the group's", async () => {
    const state = async () =>
      JSON.parse((await rows<{ json: string }>("work", "SELECT json FROM state"))[0]!.json) as {
        pausedMs: number;
        flags: { pausedMs: { mill: number; groups: Record<string, number> } };
      };
    await shows(await play({ name: "known" }), "completed");
    const before = await state();
    clock.freeze();
    await mill.group("g").pause();
    clock.advance(1_000);
    await workQ.pause();
    clock.advance(10_000);
    // While the mill is paused, neither the domain's time goes on nor the group's.
    await mill.pause();
    clock.advance(100_000);
    await mill.resume();
    clock.advance(5_000);
    await workQ.resume();
    await mill.group("g").resume();
    clock.thaw();
    const after = await state();
    expect(after.flags.pausedMs.mill - before.flags.pausedMs.mill).toBe(100_000);
    expect(after.pausedMs - before.pausedMs).toBe(15_000);
    expect(after.flags.pausedMs.groups["g"]! - (before.flags.pausedMs.groups["g"] ?? 0)).toBe(16_000);
  });
});

describe("[shutdown] drain", () => {
  test("no new runs; what runs ends in peace; answers when nothing runs; ended by resume", async () => {
    const id = await play({ do: "hold", name: "peace" });
    await shows(id, "running");
    const draining = workQ.drain({ timeout: "10m" });
    const next = await play({ name: "after the drain" });
    expect(await shows(next, "paused")).toMatchObject({ pausedBy: ["domain"] });
    expect(await get(id)).toMatchObject({ status: "running" });
    gate("peace").open();
    expect(await draining).toMatchObject({ drained: true, returned: [], paused: true, pausedBy: ["domain"], running: [] });
    expect(await get(id)).toMatchObject({ status: "completed", executions: 1 });
    expect(await get(next)).toMatchObject({ status: "paused" });
    await workQ.resume();
    await shows(next, "completed");
  });

  test("what is not done in time is given back, uncharged, and named; so is one after a crash", async () => {
    const id = await play({ do: "hold", name: "given back" });
    await shows(id, "running");
    expect(await workQ.drain({ timeout: 30 })).toMatchObject({ drained: true, returned: [id], running: [] });
    expect(await get(id)).toMatchObject({ status: "paused", attempt: 0, executions: 1 });
    expect(journal.filter(({ name, run }) => name === "given back" && run === "aborted").length).toBe(1);
    // Once more: there is nothing to wait for.
    expect(await workQ.drain({ timeout: "10m" })).toMatchObject({ drained: true });
    await workQ.resume();
    await shows(id, "running");
    const draining = workQ.drain({ timeout: "1m" }).catch(() => undefined);
    await until(
      () => workQ.snapshot(),
      ({ paused }: { paused: boolean }) => paused,
    );
    await crash("work");
    await get(id);
    clock.advance(61_000);
    await ring("work");
    expect(await shows(id, "paused")).toMatchObject({ attempt: 0 });
    gate("given back").open();
    await workQ.resume();
    await shows(id, "completed");
    await draining;
  });

  test("a pause cuts a drain short", async () => {
    const id = await play({ do: "hold", name: "cut short" });
    await shows(id, "running");
    const draining = workQ.drain({ timeout: "10m" });
    await until(
      () => workQ.snapshot(),
      ({ paused }: { paused: boolean }) => paused,
    );
    await workQ.pause();
    expect(await draining).toMatchObject({ drained: true });
    expect(await get(id)).toMatchObject({ status: "paused", executions: 1 });
    gate("cut short").open();
    await workQ.resume();
    await shows(id, "completed");
  });
});

describe("live settings", () => {
  test("[caps] are stored, shown, and win over the code's; everything wrong is listed", async () => {
    const aging = { graceMs: 1_000, intervalMs: 2_000, step: 3, ceiling: 10 };
    const change = {
      maxConcurrency: 3,
      defaultGroupMaxConcurrency: 2,
      aging: { grace: "1s", interval: "2s", step: 3, ceiling: 10 },
    } as const;
    const settings = { maxConcurrency: 3, defaultGroupMaxConcurrency: 2, aging };
    expect(await mill.settings(change)).toEqual(settings);
    await crash("mill");
    expect(await mill.settings()).toEqual(settings);
    expect(await mill.snapshot()).toMatchObject(settings);
    const wrong = await mill
      .settings({ maxConcurrency: 0, defaultGroupMaxConcurrency: 1.5, aging: { interval: 0 }, more: 1 } as never)
      .catch((error: { facts: { issues: { path: string }[] } }) => error.facts.issues.map(({ path }) => path));
    expect(wrong).toEqual(["more", "maxConcurrency", "defaultGroupMaxConcurrency", "aging.interval"]);
  });

  test("pressure: a source counts for its ttl; repeating itself costs a write twice within it", async () => {
    clock.freeze();
    const versionOf = async () =>
      (JSON.parse((await rows<{ json: string }>("work", "SELECT json FROM state"))[0]!.json) as { flags: { version: number } }).flags
        .version;
    await play({ name: "known" });
    expect(await mill.pressure("queue", 0.401, "10s")).toEqual({ composite: 0.4, sources: { queue: { value: 0.4, remainingMs: 10_000 } } });
    await mill.pressure("api", 0.9, "1s");
    expect((await mill.snapshot()).pressure.composite).toBe(0.9);
    const version = await versionOf();
    for (let n = 0; n < 5; n += 1) await mill.pressure("queue", 0.4, "10s");
    expect(await versionOf()).toBe(version);
    clock.advance(1_000);
    expect((await mill.snapshot()).pressure).toEqual({ composite: 0.4, sources: { queue: { value: 0.4, remainingMs: 9_000 } } });
    clock.advance(5_000);
    await mill.pressure("queue", 0.4, "10s");
    expect(await versionOf()).toBeGreaterThan(version);
    clock.advance(10_000);
    expect((await mill.snapshot()).pressure).toEqual({ composite: 0, sources: {} });
    clock.thaw();
  });
});

describe("[type removed by a deploy] across deploys", () => {
  test("its tasks are held with their reasons, run on as they were, and go on with the deploy that brings it back", async () => {
    const types = work.types as unknown as Map<string, unknown>;
    const plain = types.get("plain");
    await workQ.pause();
    const { id: waiting } = await workQ.submit("plain", { n: 1 });
    const { id: delayed } = await workQ.submit("plain", { n: 2 }, { delay: "1h" });
    await workQ.resume();
    await until(
      () => get(waiting),
      ({ status }) => status === "completed",
    );
    await workQ.pause();
    const { id: held } = await workQ.submit("plain", { n: 3 });
    types.delete("plain");
    await crash("work");
    expect(await get(held)).toMatchObject({ status: "paused", pausedBy: ["domain", "unregistered"] });
    await workQ.resume();
    expect(await get(held)).toMatchObject({ status: "paused", pausedBy: ["unregistered"] });
    // What comes due behind it is held as well; others pass.
    clock.advance(3_600_000);
    await ring("work");
    expect(await get(delayed)).toMatchObject({ status: "paused", pausedBy: ["unregistered"] });
    expect((await workQ.list({ status: "paused" })).items.map(({ id }: { id: string }) => id)).toEqual([held, delayed]);
    expect((await workQ.snapshot()).counts).toMatchObject({ paused: 2, pending: 0 });
    await shows(await play({ name: "passes" }), "completed");
    types.set("plain", plain);
    await crash("work");
    await ring("work");
    for (const id of [held, delayed]) await shows(id, "completed");
  });

  test("one that fails after its type has gone is held like the others, whatever the attempts it has had", async () => {
    const types = work.types as unknown as Map<string, unknown>;
    const pulled = types.get("pulled");
    const { id } = await workQ.submit("pulled", { name: "fails without a type" });
    const [held] = await workQ.claim({ worker: "w", types: ["pulled"], wait: "20s" });
    types.delete("pulled");
    await crash("work");
    expect(await held!.fail("not now")).toMatchObject({ id, status: "paused", pausedBy: ["unregistered"], attempt: 1 });
    types.set("pulled", pulled);
    await crash("work");
    const [again] = await workQ.claim({ worker: "w", types: ["pulled"], wait: "20s" });
    expect(await again!.complete({ name: "back", attempt: 2 })).toMatchObject({ id, status: "completed", attempt: 2 });
  });
});
