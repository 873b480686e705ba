import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { crash } from "../worker/drive.ts";
import { mill, otherQ, workQ } from "../worker/index.ts";
import { platform } from "../worker/lives.ts";
import { ring, rows, stub, until } from "../worker/reach.ts";
import { gate, journal } from "../worker/script.ts";

const get = (id: string) => workQ.task("play", id).get();
const shows = (id: string, status: string) =>
  until(
    () => get(id),
    (task: { status: string }) => task.status === status,
  );
const play = async (script: object) => (await workQ.submit("play", script)).id;
const stateOf = async (domain: string) =>
  JSON.parse((await rows<{ json: string }>(domain, "SELECT json FROM state"))[0]!.json) as Record<string, never>;

beforeEach(async () => {
  await mill.resume();
  await workQ.resume();
});
afterEach(() => {
  platform.cutOff = "";
});

describe("[pause] the whole mill", () => {
  test("running work is aborted and goes back uncharged; ready work shows paused; resumed, all of it runs", async () => {
    const running = await play({ do: "hold", name: "mill pause" });
    const elsewhere = (await otherQ.submit("play", { do: "hold", name: "mill pause" })).id;
    await shows(running, "running");
    await until(
      () => otherQ.task("play", elsewhere).get(),
      (task: { status: string }) => task.status === "running",
    );
    expect(await mill.pause()).toMatchObject({ paused: true });
    const task = (await shows(running, "paused")) as { pausedBy: string[]; attempt: number; executions: number };
    expect(task).toMatchObject({ pausedBy: ["mill"], attempt: 0, executions: 1 });
    expect(journal.filter(({ name }) => name === "mill pause").map(({ run }) => run)).toContain("aborted");
    const ready = await play({ name: "behind" });
    expect(await get(ready)).toMatchObject({ status: "paused", pausedBy: ["mill"] });
    expect((await workQ.list({ status: "paused" })).items.map(({ id }: { id: string }) => id)).toEqual([ready, running]);
    expect(await workQ.snapshot()).toMatchObject({ paused: true, pausedBy: ["mill"], counts: { paused: 2, pending: 0, running: 0 } });
    // The pause is answered when the domains have heard of it; the executors answer later, in each of them.
    await until(
      () => otherQ.snapshot(),
      ({ counts }) => counts.running === 0,
    );
    expect(await otherQ.snapshot()).toMatchObject({ paused: true, pausedBy: ["mill"], counts: { pending: 0, running: 0 } });
    gate("mill pause").open();
    expect(await mill.resume()).toMatchObject({ paused: false, pausedAt: null });
    await shows(ready, "completed");
    expect(await shows(running, "completed")).toMatchObject({ attempt: 1, executions: 2 });
    await until(
      () => otherQ.task("play", elsewhere).get(),
      (one: { status: string }) => one.status === "completed",
    );
  });

  test("reasons are a set: it runs when the last one is gone", async () => {
    await mill.pause();
    await workQ.pause();
    const id = await play({ name: "both" });
    expect(await get(id)).toMatchObject({ status: "paused", pausedBy: ["mill", "domain"] });
    await mill.resume();
    expect(await get(id)).toMatchObject({ status: "paused", pausedBy: ["domain"] });
    await workQ.resume();
    await shows(id, "completed");
  });

  test("survives the end of everything: nothing starts after it, and the flag is where it was", async () => {
    await mill.pause();
    const id = await play({ name: "after the end" });
    await crash("work");
    await crash("mill");
    expect(await get(id)).toMatchObject({ status: "paused", pausedBy: ["mill"] });
    await ring("work");
    await scheduler.wait(50);
    expect(await get(id)).toMatchObject({ status: "paused" });
    expect(await mill.snapshot()).toMatchObject({ paused: true });
    await crash("mill");
    await mill.resume();
    await shows(id, "completed");
  });

  test("a domain that slept hears of a pause with its first sync, and of its end when it asks again", async () => {
    // Nobody reaches it: as if it had not synced within the hour.
    await crash("work");
    await crash("mill");
    const known = (await stateOf("work")).flags as unknown as { version: number };
    platform.cutOff = "work";
    await mill.pause();
    platform.cutOff = "";
    const id = await play({ name: "woken" });
    await shows(id, "paused");
    expect(((await stateOf("work")).flags as unknown as { version: number }).version).toBeGreaterThan(known.version);
    expect(journal.some(({ name }) => name === "woken")).toBe(false);
    await mill.resume();
    await shows(id, "completed");
  });

  test("older versions are passed over", async () => {
    await mill.pause();
    const id = await play({ name: "old word" });
    const current = (await stateOf("work")).flags as unknown as { version: number };
    expect(await stub("work").pushFlags({ ...current, version: current.version - 1, paused: null } as never)).toBe(current.version);
    expect(await get(id)).toMatchObject({ status: "paused" });
  });

  // The last one: what it leaves behind is taken down with its object.
  test("one row on either side, whatever waits behind it", async () => {
    await workQ.pause();
    for (let batch = 0; batch < 10; batch += 1) {
      await workQ.submitAll(Array.from({ length: 10_000 }, (_, n) => ({ type: "plain" as const, payload: { n } })));
    }
    const written = async () => (await workQ.snapshot()).cost.rowsWritten;
    const before = await written();
    for (let round = 0; round < 3; round += 1) {
      await mill.pause();
      await mill.resume();
    }
    await mill.pause();
    // A state row for each of the seven; the alarm that asks again for one.
    expect((await written()) - before).toBeLessThanOrEqual(10);
    expect((await workQ.snapshot()).counts).toMatchObject({ paused: 100_000, pending: 0 });
  }, 60_000);
});
