import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { reachCoordinator } from "../../src/durable/reach.ts";
import { clock } from "../worker/clock.ts";
import { crash, survive, Time } from "../worker/drive.ts";
import { otherQ as otherDomain, workQ } from "../worker/index.ts";
import { platform } from "../worker/lives.ts";
import { gate } from "../worker/script.ts";

const otherQ = otherDomain as unknown as typeof workQ;
const time = new Time(["work", "other"]);
const coordinator = reachCoordinator(clock);
const STEP_MS = 20;

beforeAll(() => {
  clock.takeOver();
  time.stepMs = STEP_MS;
  time.start();
});
beforeEach(async () => {
  await coordinator.configure({ maxConcurrency: 8 });
  await workQ.setMaxConcurrency(8);
  await otherQ.setMaxConcurrency(2);
});
afterAll(() => time.stop());

const running = async (handle: typeof workQ): Promise<number> => (await survive(() => handle.snapshot()))?.running.length ?? 0;
const runs = (count: number, handle = workQ) =>
  time.until(`${count} at once in ${handle.name}`, async () => (await running(handle)) === count);
const pass = async (ms: number, stepMs = 200): Promise<void> => {
  const end = clock.now() + ms;
  time.stepMs = stepMs;
  await time.until("the passing of time", () => clock.now() >= end);
  time.stepMs = STEP_MS;
};

let batches = 0;
/** Tasks that run until they are let go. */
async function hold(
  count: number,
  handle = workQ,
  options: object = {},
): Promise<{ names: string[]; ids: string[]; open(upTo?: number): void; ended(): Promise<void> }> {
  const batch = `batch ${(batches += 1)}`;
  const names = Array.from({ length: count }, (_, n) => `${batch} ${n}`);
  const answers = await handle.submitAll(
    names.map((name) => ({ type: "play" as const, payload: { do: "hold" as const, name }, ...options })),
  );
  const ids = answers.map(({ id }) => id);
  const isOver = async (id: string) => (await handle.task("play", id).get()).finishedAt !== null;
  return {
    names,
    ids,
    open: (upTo = count) => names.slice(0, upTo).forEach((name) => gate(name).open()),
    ended: async () => {
      time.stepMs = 200;
      for (const id of ids) await time.until(`the end of ${id}`, () => isOver(id));
      time.stepMs = STEP_MS;
    },
  };
}

describe("the mill's cap", { timeout: 180_000 }, () => {
  test("[caps] #25 lowered below what runs: nothing is killed, nothing starts; raised: the rest starts at once", async () => {
    const tasks = await hold(8);
    await runs(8);
    await coordinator.configure({ maxConcurrency: 3 });
    const more = await hold(4);
    tasks.open(4);
    await runs(4);
    await pass(3_000);
    expect(await running(workQ), "over the cap, nothing starts").toBe(4);
    tasks.open(6);
    await runs(3);
    await pass(3_000);
    expect(await running(workQ), "up to the cap").toBe(3);
    await coordinator.configure({ maxConcurrency: 8 });
    // Pushed, not found out at the next sync: within a second of the test's clock.
    const raisedAt = clock.now();
    await runs(6);
    expect(clock.now() - raisedAt).toBeLessThan(1_000);
    tasks.open();
    more.open();
    await tasks.ended();
    await more.ended();
  });

  test("[caps] #26 holds through restarts of the coordinator with slots out", async () => {
    const tasks = await hold(8);
    await runs(8);
    const others = await hold(2, otherQ);
    for (let restarts = 0; restarts < 3; restarts += 1) {
      await crash("mill");
      await pass(4_000);
      expect(await running(otherQ), "a slot that is in use elsewhere").toBe(0);
      expect((await coordinator.snapshot()).granted).toBeLessThanOrEqual(8);
    }
    tasks.open(2);
    await runs(2, otherQ);
    expect(await running(workQ)).toBe(6);
    tasks.open();
    others.open();
    await tasks.ended();
    await others.ended();
  });

  test("is shared: an idle domain gives its slots back, so that another can have all", async () => {
    await coordinator.configure({ maxConcurrency: 2 });
    const first = await hold(2, otherQ);
    await runs(2, otherQ);
    first.open();
    await first.ended();
    const all = await hold(2);
    await runs(2);
    expect(await running(workQ)).toBe(2);
    all.open();
    await all.ended();
  });

  test("[caps] #23 a permit of a domain that died comes back, never twice", async () => {
    const tasks = await hold(8);
    await runs(8);
    await crash("work");
    tasks.open();
    await pass(1_000);
    const others = await hold(2, otherQ);
    await pass(5_000);
    expect(await running(otherQ), "while its runs may still execute").toBe(0);
    await tasks.ended();
    await runs(2, otherQ);
    others.open();
    await others.ended();
    await pass(60_000, 500);
    expect((await coordinator.snapshot()).using).toBe(0);
  });
});

describe("a domain's cap", { timeout: 180_000 }, () => {
  test("[caps] #25 by setMaxConcurrency: lowered, raised, taken away, kept through a crash", async () => {
    await workQ.setMaxConcurrency(2);
    const tasks = await hold(8);
    await runs(2);
    await workQ.setMaxConcurrency(5);
    await runs(5);
    await workQ.setMaxConcurrency(1);
    tasks.open(3);
    await runs(2);
    await pass(2_000);
    expect(await running(workQ)).toBe(2);
    await crash("work");
    expect((await workQ.snapshot()).maxConcurrency).toBe(1);
    await pass(14_000);
    await runs(1);
    await workQ.setMaxConcurrency(null);
    await runs(5);
    tasks.open();
    await tasks.ended();
  });

  test("[caps] holds up its own work alone: what waits behind it takes no slot from another domain, however urgent it is", async () => {
    await coordinator.configure({ maxConcurrency: 2 });
    await workQ.setMaxConcurrency(1);
    const tasks = await hold(8, workQ, { priority: "high" });
    await runs(1);
    for (let n = 0; n < 5; n += 1) {
      const { id } = await otherQ.submit("play", { do: "ok", name: `goes on ${n}` }, { priority: "idle" });
      await time.until(`the end of ${id}`, async () => (await otherQ.task("play", id).get()).status === "completed");
    }
    expect(await running(workQ)).toBe(1);
    expect((await workQ.snapshot()).counts.pending).toBe(7);
    expect((await workQ.task("play", tasks.ids[7]!).why()).gates.map(({ gate: name }) => name)).toContain("domain_cap");
    tasks.open();
    await tasks.ended();
  });
});

describe("calls of the coordinator", { timeout: 180_000 }, () => {
  const calls = async () => (await workQ.snapshot()).cost.coordinatorCalls;

  test("under load: at most one for 20 tasks, and none per task", async () => {
    const before = await calls();
    let last = "";
    for (let batch = 0; batch < 30; batch += 1) {
      const answers = await workQ.submitAll(Array.from({ length: 100 }, (_, n) => ({ type: "plain" as const, payload: { n } })));
      last = answers.at(-1)!.id;
    }
    await time.until("the end of the load", async () => (await workQ.task("plain", last).get()).finishedAt !== null);
    await time.until("the end of every run", async () => (await workQ.snapshot()).slots.using === 0);
    expect(((await calls()) - before) / 3_000).toBeLessThanOrEqual(0.05);
  });

  test("one for the first task of an idle domain, none for the next ones, none while idle", async () => {
    await pass(120_000, 1_000);
    const idle = await calls();
    await pass(120_000, 1_000);
    expect(await calls()).toBe(idle);
    for (let n = 0; n < 5; n += 1) {
      const { id } = await workQ.submit("plain", { n });
      await time.until("its end", async () => (await workQ.task("plain", id).get()).finishedAt !== null);
    }
    expect(await calls()).toBe(idle + 1);
  });

  test("#7 #24 a wake hint that is lost costs time, never the task: who waits asks again", async () => {
    const tasks = await hold(8);
    await runs(8);
    const others = await hold(1, otherQ);
    await pass(2_000);
    // The coordinator forgets whom it wanted to tell.
    await crash("mill");
    platform.cutOff = "work";
    tasks.open();
    await tasks.ended();
    await pass(2_000);
    platform.cutOff = "";
    await runs(1, otherQ);
    others.open();
    await others.ended();
  });
});
