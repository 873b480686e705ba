import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { clock } from "../worker/clock.ts";
import { crash, Time } from "../worker/drive.ts";
import { mill, otherQ, workQ } from "../worker/index.ts";
import { alarmAt } from "../worker/reach.ts";

const time = new Time(["work", "other"]);
beforeAll(async () => {
  clock.takeOver();
  time.stepMs = 50;
  time.start();
  // Both have spoken to the coordinator, so that it tells them of what changes.
  for (const one of [workQ, otherQ as never as typeof workQ]) await ended((await one.submit("play", { name: "first" })).id);
});
afterAll(() => time.stop());
afterEach(async () => {
  for (const name of ["quota", "memory"]) await mill.pressure(name, 0, "1s");
  await mill.settings({ aging: null });
});

const queue = (id: string): typeof workQ => (id.startsWith("work") ? workQ : (otherQ as never));
const statusOf = async (id: string): Promise<string> => (await queue(id).task("play", id).get()).status;
const ended = (id: string) => time.until(`${id} to end`, async () => (await statusOf(id)) === "completed");
const play = async (priority: string | number, one = workQ): Promise<string> =>
  (await one.submit("play", { name: `at ${priority}` }, { priority, key: null } as never)).id;
const pressures = async (id: string) => (await queue(id).task("play", id).why()).gates.filter(({ gate }) => gate === "pressure");

describe("[backpressure] the highest source decides", { timeout: 180_000 }, () => {
  test("above 0.5 background and idle tasks wait, in every domain; the others pass them", async () => {
    await mill.pressure("memory", 0.2, "1h");
    await mill.pressure("quota", 0.6, "1h");
    const waiting = [await play("background"), await play("idle"), await play("background", otherQ as never), await play(200)];
    for (const priority of ["normal", "high", "realtime", 191]) await ended(await play(priority));
    expect(await Promise.all(waiting.map(statusOf))).toEqual(["pending", "pending", "pending", "pending"]);
    expect(await pressures(waiting[0]!)).toEqual([
      {
        gate: "pressure",
        detail: "The pressure is 0.6, said by quota; tasks of its priority wait while it is above 0.5.",
        until: expect.any(String),
      },
    ]);
    expect((await mill.snapshot()).pressure).toMatchObject({ composite: 0.6, sources: { quota: { value: 0.6 }, memory: { value: 0.2 } } });
    await mill.pressure("quota", 0.5, "1h");
    for (const id of waiting) await ended(id);
  });

  test("above 0.75 normal ones wait, too; high and realtime ones never", async () => {
    await mill.pressure("quota", 1, "1h");
    const normal = await play("normal");
    await ended(await play("high"));
    await ended(await play("realtime"));
    expect(await statusOf(normal)).toBe("pending");
    await mill.pressure("quota", 0.75, "1h");
    await ended(normal);
  });

  test("what nobody repeats runs out: the work goes on by itself, though the object has slept meanwhile", async () => {
    await mill.pressure("memory", 0.6, "10s");
    await mill.pressure("quota", 0.9, "5s");
    const [normal, background] = [await play("normal"), await play("background")];
    const [first] = await pressures(normal);
    const [second] = await pressures(background);
    expect(Date.parse(second!.until!) - Date.parse(first!.until!)).toBeGreaterThan(4_000);
    await crash("work");
    // It has an alarm for the first of them: no longer than that.
    await workQ.snapshot();
    expect(await alarmAt("work")).toBeLessThanOrEqual(Date.parse(first!.until!));
    await ended(normal);
    expect(clock.now()).toBeGreaterThanOrEqual(Date.parse(first!.until!));
    expect(await statusOf(background)).toBe("pending");
    await ended(background);
    expect(clock.now()).toBeGreaterThanOrEqual(Date.parse(second!.until!));
  });

  test("[aging] whoever has become urgent enough by waiting goes", async () => {
    await mill.settings({ aging: { grace: "1s", interval: "1s", step: 64, ceiling: "high" } });
    await mill.pressure("quota", 0.6, "1h");
    const id = await play("background");
    expect(await pressures(id)).toHaveLength(1);
    time.stepMs = 1_000;
    await ended(id);
    time.stepMs = 50;
    expect((await mill.snapshot()).pressure.composite).toBe(0.6);
  });

  test("a task that is raised above it goes", async () => {
    await mill.pressure("quota", 0.6, "1h");
    const send = (priority: string) => workQ.submit("play", { name: "raised" }, { priority, key: "raised" } as never);
    const { id } = await send("background");
    expect(await statusOf(id)).toBe("pending");
    expect(await send("normal")).toMatchObject({ outcome: "upgraded", id });
    await ended(id);
  });

  test("pull workers are given what may go, and the rest when it may", async () => {
    await mill.pressure("quota", 0.6, "1h");
    const submit = async (priority: string) => (await workQ.submit("pulled", { name: priority }, { priority } as never)).id;
    const [background, normal] = [await submit("background"), await submit("normal")];
    const claims = await workQ.claim({ worker: "w", types: ["pulled"], max: 2, wait: "1s" });
    expect(claims.map(({ task }) => task.id)).toEqual([normal]);
    await claims[0]!.complete("done");
    expect(await workQ.claim({ worker: "w", types: ["pulled"], max: 2, wait: "100ms" })).toEqual([]);
    const asking = workQ.claim({ worker: "w", types: ["pulled"], wait: "20s" });
    await mill.pressure("quota", 0, "1s");
    const [claim] = await asking;
    expect(claim!.task.id).toBe(background);
    await claim!.complete("done");
  });
});
