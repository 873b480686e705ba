import { runInDurableObject } from "cloudflare:test";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { onPoint } from "../../src/durable/point.ts";
import { reachDomain } from "../../src/durable/reach.ts";
import type { State } from "../../src/durable/domain/state.ts";
import { clock } from "../worker/clock.ts";
import { crash, Time } from "../worker/drive.ts";
import { failing, found } from "../worker/faults.ts";
import { workQ } from "../worker/index.ts";
import { expectBalanced } from "../worker/laws.ts";
import { births, killSoon } from "../worker/lives.ts";
import { stub } from "../worker/reach.ts";
import { gate, journal } from "../worker/script.ts";

// Bugs that other queues had; the numbers are those of the project's list of classic queue bugs.

const time = new Time(["work"]);

beforeAll(() => {
  clock.takeOver();
  time.stepMs = 50;
  time.start();
});
afterAll(async () => {
  onPoint(undefined);
  await time.stop();
});

const get = (id: string) => workQ.task("play", id).get();
const counter = (id: string) => Number(id.split("_")[1]);
const started = (id: string) => journal.filter((line) => line.id === id && line.run === "started").length;
const hasEnded = (id: string) => time.until(`the end of ${id}`, async () => (await get(id)).finishedAt !== null, 5_000);
const isRunning = (id: string) => time.until(`the start of ${id}`, async () => (await get(id)).status === "running", 5_000);
const pass = async (ms: number): Promise<void> => {
  const end = clock.now() + ms;
  await time.until("the passing of time", () => clock.now() >= end, 10_000);
};

describe("lost or stuck work", { timeout: 180_000 }, () => {
  test("[idempotency key] #1 the answer to a submit is lost after its commit; repeated with its idempotency key it is one task", async () => {
    let deaths = 0;
    onPoint((point, object) => {
      if (deaths > 0 || point !== "submit.committed" || object !== "work") return;
      deaths += 1;
      killSoon("work");
    });
    const before = (await workQ.snapshot()).totals["submitted"]!;
    const first = await workQ.submit("plain", { n: 1 }, { idempotencyKey: "lost answer" });
    const again = await workQ.submit("plain", { n: 1 }, { idempotencyKey: "lost answer" });
    onPoint(undefined);
    expect(deaths).toBe(1);
    expect(again).toEqual(first);
    expect((await workQ.snapshot()).totals["submitted"]).toBe(before + 1);
  });

  test("#3 the write that completes a task fails: it is not done, and runs again; its slot is neither lost nor doubled", async () => {
    const { id } = await workQ.submit("play", { do: "hold", name: "unwritten" });
    await isRunning(id);
    const left = await failing("work", "UPDATE tasks SET status = 10");
    gate("unwritten").open();
    await time.until("the failure", () => left() === 0);
    expect(await get(id)).toMatchObject({ finishedAt: null });
    expect((await workQ.snapshot()).slots.using, "its run is still open in storage").toBe(1);
    await hasEnded(id);
    expect(await get(id)).toMatchObject({ status: "completed" });
    await time.until("the return of the slot", async () => (await workQ.snapshot()).slots.using === 0);
    const answers = await workQ.submitAll(
      Array.from({ length: 9 }, (_, n) => ({ type: "play" as const, payload: { do: "hold" as const, name: `slot ${n}` } })),
    );
    await isRunning(answers[7]!.id);
    await pass(1_000);
    expect((await workQ.snapshot()).running).toHaveLength(8);
    for (let n = 0; n < 9; n += 1) gate(`slot ${n}`).open();
    for (const answer of answers) await hasEnded(answer.id);
    await expectBalanced("work");
  });

  test("#5 #6 an alarm that fails, or that stands in the past, keeps nobody from working", async () => {
    const left = await failing("work", "SELECT * FROM schedules", 3);
    const { id } = await workQ.submit("play", { name: "behind a failing alarm" }, { delay: "1s" });
    await hasEnded(id);
    expect(left()).toBe(0);
    const { id: late } = await workQ.submit("play", { name: "left in the past" }, { delay: "1m" });
    await runInDurableObject(stub("work"), (_object, { storage }) => storage.setAlarm(clock.now() - 1_000_000));
    await crash("work");
    const { id: next } = await workQ.submit("play", { name: "after it" });
    await hasEnded(next);
    await pass(61_000);
    await hasEnded(late);
  });

  test("[poison input] #15 a stored payload that cannot be decoded fails its task, and holds up nobody", async () => {
    await workQ.pause();
    const answers = await workQ.submitAll(
      Array.from({ length: 3 }, (_, n) => ({ type: "play" as const, payload: { name: `decoded ${n}` } })),
    );
    const [, broken] = answers;
    await found("work", (sql) => sql.exec("UPDATE tasks SET payload = '{\"name\": ' WHERE id = ?", counter(broken!.id)));
    await workQ.resume();
    for (const { id } of answers) await hasEnded(id);
    expect(await get(broken!.id)).toMatchObject({ status: "failed", error: { code: "invalid_payload" }, payload: null });
    expect(await get(answers[2]!.id)).toMatchObject({ status: "completed" });
  });
});

describe("double runs", { timeout: 180_000 }, () => {
  test("#19 #20 the alarm rings twice, beside requests, on an object that has just woken: one claim", async () => {
    const { id } = await workQ.submit("play", { do: "hold", name: "claimed once" }, { delay: "1h" });
    await time.stop();
    await crash("work");
    clock.advance(3_700_000);
    const lives = births.length;
    await Promise.all([
      runInDurableObject(stub("work"), (object) => object.alarm()),
      runInDurableObject(stub("work"), (object) => object.alarm()),
      workQ.submit("plain", { n: 1 }),
      reachDomain("work", clock).poke(),
      runInDurableObject(stub("work"), (object) => object.alarm()),
    ]);
    expect(births.slice(lives).map(({ name }) => name)).toContain("work");
    time.start();
    await isRunning(id);
    gate("claimed once").open();
    await hasEnded(id);
    expect(started(id)).toBe(1);
    expect(await get(id)).toMatchObject({ executions: 1, attempt: 1 });
  });

  test("#22 cancel and complete race: one terminal state, and the second is reported", async () => {
    const answers = await workQ.submitAll(
      Array.from({ length: 40 }, (_, n) => ({ type: "play" as const, payload: { name: `raced ${n}` } })),
    );
    const cancels = await Promise.all(
      answers.map(({ id }) =>
        workQ
          .task("play", id)
          .cancel()
          .then(
            (task) => task.status as string,
            (error: { code: string }) => error.code,
          ),
      ),
    );
    for (const [n, { id }] of answers.entries()) {
      await hasEnded(id);
      const { status } = await get(id);
      expect(["completed", "cancelled"]).toContain(status);
      if (cancels[n] === "invalid_state") expect(status).toBe("completed");
      if (cancels[n] === "cancelled") expect(status).toBe("cancelled");
    }
    await expectBalanced("work");
  });
});

describe("load, growth and deploys", { timeout: 180_000 }, () => {
  test("#48 no transaction and no call is made while nothing changes, with one task that cannot start", async () => {
    const answers = await workQ.submitAll(
      Array.from({ length: 9 }, (_, n) => ({ type: "play" as const, payload: { do: "hold" as const, name: `full ${n}` } })),
    );
    await isRunning(answers[7]!.id);
    await pass(5_000);
    let passes = 0;
    onPoint((point) => {
      if (point.endsWith(".begin") || point === "sync.call") passes += 1;
    });
    await pass(10_000);
    onPoint(undefined);
    // One sync that renews the grant, in the domain and in the coordinator; an alarm at most.
    expect(passes).toBeLessThanOrEqual(6);
    for (let n = 0; n < 9; n += 1) gate(`full ${n}`).open();
    for (const { id } of answers) await hasEnded(id);
  });

  test("#53 ids beyond 2^31", async () => {
    await found("work", (sql) => {
      const state = JSON.parse(sql.exec<{ json: string }>("SELECT json FROM state").one().json) as State;
      state.nextId = 2 ** 40;
      sql.exec("UPDATE state SET json = ?", JSON.stringify(state));
    });
    const answers = await workQ.submitAll(
      Array.from({ length: 20 }, (_, n) => ({
        type: "play" as const,
        payload: { name: `large id ${n}`, ...(n === 3 ? { do: "flaky" as const } : {}) },
      })),
    );
    expect(answers[0]!.id).toBe(`work_${2 ** 40}`);
    for (const { id } of answers) await hasEnded(id);
    expect((await workQ.list({ limit: 1 })).items[0]!.id).toBe(`work_${2 ** 40 + 19}`);
    await expectBalanced("work");
  });

  test("[type removed by a deploy] #55 a type taken away by a deploy while its task waits or runs: held, with the reason, and not lost", async () => {
    await workQ.pause();
    const { id } = await workQ.submit("play", { name: "of a type that goes" });
    const { id: other } = await workQ.submit("play", { name: "of a type that stays" });
    await found("work", (sql) => sql.exec("UPDATE tasks SET type = 'gone' WHERE id = ?", counter(id)));
    await workQ.resume();
    await hasEnded(other);
    expect(await get(id)).toMatchObject({ status: "paused", pausedBy: ["unregistered"] });
    await found("work", (sql) => sql.exec("UPDATE tasks SET type = 'play' WHERE id = ?", counter(id)));
    await hasEnded(id);
    const { id: under } = await workQ.submit("play", { do: "hold", name: "while it runs" });
    await isRunning(under);
    await found("work", (sql) => sql.exec("UPDATE tasks SET type = 'gone' WHERE id = ?", counter(under)));
    await pass(14_000);
    expect(await get(under)).toMatchObject({ status: "paused", pausedBy: ["unregistered"] });
    await found("work", (sql) => sql.exec("UPDATE tasks SET type = 'play' WHERE id = ?", counter(under)));
    gate("while it runs").open();
    await hasEnded(under);
    await expectBalanced("work");
  });
});
