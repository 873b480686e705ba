import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { MillEvent } from "../../src/policy/events/event.ts";
import { clock } from "../worker/clock.ts";
import { Time } from "../worker/drive.ts";
import { workQ } from "../worker/index.ts";
import { type Ear, listen } from "../worker/listen.ts";
import { gate, journal } from "../worker/script.ts";

const time = new Time(["work"]);
let ear: Ear;

beforeAll(() => {
  clock.takeOver();
  time.stepMs = 500;
  time.start();
});
afterAll(() => time.stop());
afterEach(() => ear.close());

const overruns = (): MillEvent[] => ear.heard.filter(({ event }) => event === "task.overrun");

async function pass(ms: number): Promise<void> {
  const end = clock.now() + ms;
  await time.until(`${ms} ms`, () => clock.now() >= end);
}

/** Submits one, and waits until it executes. */
async function begun(type: "play" | "slow", script: { do: "deaf" | "hold"; name: string }, options: object = {}): Promise<string> {
  const { id } = await workQ.submit(type, script, options);
  await time.until("its start", () => journal.some((one) => one.id === id && one.run === "started"));
  return id;
}

/** Opens its gate, waits for its end, and passes a while in which nothing more may be said. */
async function ended(type: "play" | "slow", id: string, name: string): Promise<string> {
  gate(name).open();
  await time.until("its end", async () => (await workQ.task(type, id).get()).finishedAt !== null);
  await pass(10_000);
  return (await workQ.task(type, id).get()).status;
}

describe("[events] task.overrun", () => {
  test("is told once of an executor that goes on when its time is over, 5 s after that", async () => {
    ear = await listen("?domain=work");
    const id = await begun("slow", { do: "deaf", name: "deaf to its timeout" }, { tags: { color: "red" } });
    await pass(4_000);
    expect(overruns()).toEqual([]);
    await time.until("the event", () => overruns().length > 0);
    const [told] = overruns();
    expect(told).toEqual({
      seq: expect.any(Number),
      at: expect.any(String),
      event: "task.overrun",
      domain: "work",
      task: id,
      type: "slow",
      attempt: 1,
      tags: { color: "red" },
      reason: "timeout",
      overdueMs: expect.any(Number),
    });
    // Looked at every 3 s.
    expect(told!.overdueMs).toBeGreaterThanOrEqual(5_000);
    expect(told!.overdueMs).toBeLessThan(9_000);
    await pass(30_000);
    await ended("slow", id, "deaf to its timeout");
    expect(overruns()).toHaveLength(1);
  });

  test("of one that was cancelled after its onCancel has had its time, too; with the reason", async () => {
    ear = await listen("?domain=work");
    const id = await begun("play", { do: "deaf", name: "deaf to its cancel" });
    await workQ.task("play", id).cancel();
    await pass(30_000);
    expect(overruns()).toEqual([]);
    await time.until("the event", () => overruns().length > 0);
    expect(overruns()).toMatchObject([{ task: id, type: "play", label: "play deaf to its cancel", reason: "cancel" }]);
    expect(overruns()[0]!.overdueMs).toBeGreaterThanOrEqual(35_000);
    await pass(30_000);
    expect(await ended("play", id, "deaf to its cancel")).toBe("cancelled");
    expect(overruns()).toHaveLength(1);
  });

  test("of one that a pause stops in vain; not of those that heed their signal, or have time left", async () => {
    ear = await listen("?domain=work");
    const heeds = await begun("slow", { do: "hold", name: "heeds" });
    const deaf = await begun("play", { do: "deaf", name: "deaf to a pause" });
    const late = await begun("play", { do: "hold", name: "heeds a pause" });
    await pass(20_000);
    expect([overruns(), (await workQ.task("slow", heeds).get()).finishedAt]).toEqual([[], expect.any(String)]);
    await workQ.pause();
    await time.until("the event", () => overruns().length > 0);
    await pass(30_000);
    expect(overruns()).toMatchObject([{ task: deaf, reason: "pause", overdueMs: expect.any(Number) }]);
    await workQ.resume();
    gate("heeds a pause").open();
    await ended("play", deaf, "deaf to a pause");
    expect(await ended("play", late, "heeds a pause")).toBe("completed");
    expect(overruns()).toHaveLength(1);
  });
});
