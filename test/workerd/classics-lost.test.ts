import { createExecutionContext, env, runInDurableObject } from "cloudflare:test";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { onPoint } from "../../src/durable/point.ts";
import { clock } from "../worker/clock.ts";
import { crash, survive, Time } from "../worker/drive.ts";
import { failing } from "../worker/faults.ts";
import { mill, workQ } from "../worker/index.ts";
import { expectBalanced } from "../worker/laws.ts";
import { births, killSoon, platform } from "../worker/lives.ts";
import { alarmAt, ring, rows, stub } from "../worker/reach.ts";
import { gate, journal } from "../worker/script.ts";

// Bugs that other queues had, by their numbers in docs/features.md: work that is lost, stuck or done twice.

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
const counter = (id: string) => Number(id.slice(id.lastIndexOf("_") + 1));
const started = (id: string) => journal.filter((line) => line.id === id && line.run === "started").length;
const hasEnded = (id: string) => time.until(`the end of ${id}`, async () => (await get(id)).finishedAt !== null, 5_000);
const isRunning = (id: string) => time.until(`the start of ${id}`, async () => (await get(id)).status === "running", 5_000);
const hold = async (name: string, options: object = {}, script: object = {}): Promise<string> => {
  const { id } = await workQ.submit("play", { do: "hold", name, ...script }, options);
  await isRunning(id);
  return id;
};
const pass = async (ms: number, stepMs = 50): Promise<void> => {
  const end = clock.now() + ms;
  time.stepMs = stepMs;
  await time.until("the passing of time", () => clock.now() >= end, 10_000);
  time.stepMs = 50;
};

describe("work that would be lost or stuck", { timeout: 180_000 }, () => {
  test("#4 the platform has given up on the alarm: the sweeper's poke makes up for it, and the alarm stands again", async () => {
    const { id } = await workQ.submit("play", { name: "nobody rings" }, { delay: "1h" });
    const { id: later } = await workQ.submit("play", { name: "for the next alarm" }, { delay: "3h" });
    await time.stop();
    await runInDurableObject(stub("work"), (_object, { storage }) => storage.deleteAlarm());
    clock.advance(3_700_000);
    expect(await ring("work"), "no alarm is left").toBe(false);
    await mill.scheduled(
      { cron: "* * * * *", scheduledTime: clock.now() } as ScheduledController,
      env as Cloudflare.Env,
      createExecutionContext(),
    );
    expect(await alarmAt("work")).toBeGreaterThan(clock.now());
    time.start();
    await hasEnded(id);
    await pass(7_300_000, 200_000);
    await hasEnded(later);
  });

  test("[ttl] #9 one that goes back after its ttl has run out under way: it has started, so it runs", async () => {
    const id = await hold("older than its ttl", { ttl: "4s" });
    await pass(6_000, 100);
    await workQ.pause();
    await time.until("its way back", async () => (await get(id)).status === "paused");
    expect((await workQ.list({ status: "paused" })).items.map((task) => task.id)).toContain(id);
    await workQ.resume();
    await isRunning(id);
    gate("older than its ttl").open();
    await hasEnded(id);
    expect(await get(id)).toMatchObject({ status: "completed", executions: 2, attempt: 1 });
  });

  test("[ttl] #9 counted from its first start it expires when it runs out while it is paused", async () => {
    const id = await hold("paused over its ttl", { ttl: "1m", ttlFrom: "firstAttempt" });
    await workQ.pause();
    await time.until("its way back", async () => (await get(id)).status === "paused");
    await pass(90_000, 5_000);
    expect(await get(id)).toMatchObject({ status: "expired" });
    await workQ.resume();
  });

  test("#11 schedules go on after any number of errors of the storage, and make up for what they missed", async () => {
    const { id, nextRuns } = await workQ.schedule({ type: "plain", payload: { n: 1 }, every: "1m", overlap: "allow", catchUp: "1h" });
    const left = await failing("work", "SELECT * FROM schedules WHERE next_at", 20);
    const complaints = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await pass(600_000, 1_000);
    expect([left(), complaints.mock.calls.length]).toEqual([0, 20]);
    complaints.mockRestore();
    const after = await workQ.schedule(id).get();
    const planned = (Date.parse(after.nextRuns[0]!) - Date.parse(nextRuns[0]!)) / 60_000;
    expect(planned).toBeGreaterThanOrEqual(9);
    expect(after.runs).toBe(planned);
    await workQ.schedule(id).delete();
  });

  test("#13 an object whose start fails half way starts again, and so does a run", async () => {
    const { id } = await workQ.submit("play", { name: "behind a failing start" }, { delay: "2s" });
    await time.stop();
    await crash("work");
    let failures = 0;
    onPoint((point, object) => {
      if (object !== "work" || point !== "wake.written" || failures === 2) return;
      failures += 1;
      throw new Error("crashed half way");
    });
    const lives = births.length;
    platform.breaks = 1;
    time.start();
    await time.until("two failing starts", async () => (await survive(() => get(id))) !== undefined && failures === 2);
    onPoint(undefined);
    await hasEnded(id);
    expect(platform.breaks, "the run, too").toBe(0);
    expect(births.length - lives).toBeGreaterThanOrEqual(3);
    expect(await get(id)).toMatchObject({ status: "completed", attempt: 1 });
    await expectBalanced("work");
  });
});

test("#28 a group's settings go while its tasks wait behind them: they start, and nothing of it is left", async () => {
  const group = mill.group("short-lived");
  await group.set({ maxConcurrency: 1 });
  const first = await hold("first of its group", { group: group.name });
  const { id } = await workQ.submit("play", { do: "hold", name: "second of its group" }, { group: group.name });
  await time.until("its gate", async () => (await workQ.task("play", id).why()).gates.some(({ gate }) => gate === "group_cap"));
  await group.set({ maxConcurrency: null });
  await isRunning(id);
  expect(await get(first)).toMatchObject({ status: "running" });
  for (const name of ["first of its group", "second of its group"]) gate(name).open();
  for (const one of [first, id]) await hasEnded(one);
  await time.until("the end of the group", async () => (await mill.groups()).every(({ name }) => name !== group.name));
}, 180_000);

describe("work that would be done twice", { timeout: 180_000 }, () => {
  test("#17 recovery that comes minutes late, from two alarms and a poke: once", async () => {
    const id = await hold("recovered late");
    await time.stop();
    await crash("work");
    await get(id);
    clock.advance(300_000);
    await Promise.all([
      runInDurableObject(stub("work"), (object) => object.alarm()),
      runInDurableObject(stub("work"), (object) => object.alarm()),
      stub("work").poke(),
    ]);
    time.start();
    await isRunning(id);
    expect(await rows("work", "SELECT interruptions, executions FROM tasks WHERE id = ?", counter(id))).toEqual([
      { interruptions: 1, executions: 1 },
    ]);
    gate("recovered late").open();
    await hasEnded(id);
    expect(started(id)).toBe(2);
  });

  test("#18 whoever is told to stop is still renewed until it has: nobody takes its task meanwhile", async () => {
    const id = await hold("stops late", {}, { do: "deaf" });
    await workQ.pause();
    // Three times as long as a run's lease.
    await pass(36_000, 200);
    expect(await get(id)).toMatchObject({ status: "running", executions: 1 });
    expect((await workQ.snapshot()).slots.using).toBe(1);
    await workQ.resume();
    await pass(2_000);
    expect(started(id)).toBe(1);
    gate("stops late").open();
    await hasEnded(id);
    expect(await get(id)).toMatchObject({ status: "completed", executions: 1 });
  });

  test("#29 the answer to a renewal is lost: renewed again it is the same lease", async () => {
    await workQ.submit("pulled", { name: "renewed twice" });
    const [held] = await workQ.claim({ worker: "w", types: ["pulled"], lease: "1m", wait: "20s" });
    let deaths = 0;
    onPoint((point, object) => {
      if (object !== "work" || point !== "lease.renew.committed" || deaths === 1) return;
      deaths += 1;
      killSoon("work");
    });
    const { leaseUntil, cancelled } = await held!.renew();
    onPoint(undefined);
    expect([deaths, cancelled]).toEqual([1, false]);
    expect(await rows("work", "SELECT id, until FROM leases")).toEqual([{ id: held!.lease, until: Date.parse(leaseUntil) }]);
    expect(await held!.complete()).toMatchObject({ status: "completed", attempt: 1, executions: 1 });
  });

  test("[key] #32 a delayed task that becomes ready, and one that is retried, are no duplicates of themselves", async () => {
    const { id } = await workQ.submit("play", { do: "flaky", name: "unique" }, { key: "unique", delay: "5s" });
    expect(await workQ.submit("play", { do: "ok", name: "another" }, { key: "unique" })).toMatchObject({ outcome: "duplicate", id });
    await hasEnded(id);
    expect(await get(id)).toMatchObject({ status: "completed", attempt: 2 });
    const [found] = await rows<{ n: number }>("work", "SELECT count(*) AS n FROM tasks WHERE key = 'unique'");
    expect(found!.n).toBe(1);
    expect(await workQ.submit("play", { do: "ok", name: "another" }, { key: "unique" })).toMatchObject({ outcome: "inserted" });
  });

  test("#42 waits are not negative, though the clock steps back", async () => {
    await workQ.pause();
    const { id } = await workQ.submit("play", { do: "hold", name: "before its time" });
    await time.stop();
    clock.advance(-600_000);
    expect((await workQ.snapshot()).oldestPendingMs).toBeGreaterThanOrEqual(0);
    expect((await get(id)).waitMs).toBeGreaterThanOrEqual(0);
    time.start();
    await workQ.resume();
    await isRunning(id);
    await time.stop();
    clock.advance(-600_000);
    gate("before its time").open();
    time.start();
    await hasEnded(id);
    const task = await get(id);
    expect(task.waitMs).toBeGreaterThanOrEqual(0);
    expect(task.durationMs).toBeGreaterThanOrEqual(0);
    await pass(1_200_000, 20_000);
    await expectBalanced("work");
  });
});

describe("storage", { timeout: 180_000 }, () => {
  test("#56 is full: submits are refused with 503 and Retry-After, what is there goes on, and so do submits when there is room again", async () => {
    const id = await hold("while the disk is full");
    const send = () =>
      mill.fetch(
        new Request("http://mill/v1/domains/work/tasks", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ type: "plain", payload: { n: 1 } }),
        }),
        { ...env, MILLRACE_AUTH: "open" } as unknown as Cloudflare.Env,
        createExecutionContext(),
      );
    const { submitted } = (await workQ.snapshot()).totals;
    const left = await failing("work", "INSERT INTO tasks", 2, "database or disk is full: SQLITE_FULL");
    for (let n = 1; n >= 0; n -= 1) {
      const answer = await send();
      expect([answer.status, left()]).toEqual([503, n]);
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(await answer.json()).toMatchObject({ code: "storage_full" });
    }
    gate("while the disk is full").open();
    await hasEnded(id);
    expect(await get(id)).toMatchObject({ status: "completed" });
    expect((await send()).status).toBe(201);
    expect((await workQ.snapshot()).totals.submitted).toBe(submitted! + 1);
    await expectBalanced("work");
  });

  test("#14 has lost the row of a running task: its outcome is for nobody, its slot comes free, and the others go on", async () => {
    const id = await hold("without a row");
    await rows("work", "DELETE FROM tasks WHERE id = ? RETURNING id", counter(id));
    gate("without a row").open();
    await time.until("the return of the slot", async () => (await workQ.snapshot()).slots.using === 0);
    await expect(get(id)).rejects.toMatchObject({ code: "task_not_found" });
    const { id: next } = await workQ.submit("play", { name: "after it" });
    await hasEnded(next);
    await crash("work");
    const { id: last } = await workQ.submit("play", { name: "and after a crash" });
    await hasEnded(last);
  });
});
