import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { State } from "../../src/durable/domain/state.ts";
import { clock } from "../worker/clock.ts";
import { crash, Time } from "../worker/drive.ts";
import { workQ } from "../worker/index.ts";
import { books, expectBalanced } from "../worker/laws.ts";
import { births, platform } from "../worker/lives.ts";
import { alarmAt, rows, stub } from "../worker/reach.ts";
import { gate, journal } from "../worker/script.ts";

const time = new Time(["work", "other"]);
const STEP_MS = 100;

beforeAll(() => {
  clock.takeOver();
  time.start();
});
beforeEach(() => {
  time.stepMs = STEP_MS;
  platform.outlive = false;
  platform.takes = undefined;
});
afterAll(() => time.stop());

interface Seen {
  status: string;
  finishedAt: string | null;
  executions: number;
  attempt: number;
}

const get = (id: string): Promise<Seen> => workQ.task("play", id).get();
const counter = (id: string): number => Number(id.split("_")[1]);
const row = async (id: string) =>
  (
    await rows<{ interruptions: number; suspect: number; executions: number; attempt: number }>(
      "work",
      "SELECT * FROM tasks WHERE id = ?",
      counter(id),
    )
  )[0]!;
const isRunning = (id: string) => time.until(`the start of ${id}`, async () => (await get(id)).status === "running", 20_000);
const hasEnded = (id: string) => time.until(`the end of ${id}`, async () => (await get(id)).finishedAt !== null, 20_000);
const pass = async (ms: number, stepMs = 200): Promise<void> => {
  const [before, end] = [time.stepMs, clock.now() + ms];
  time.stepMs = stepMs;
  await time.until("the passing of time", () => clock.now() >= end);
  time.stepMs = before;
};
const hold = async (name: string, options: object = {}): Promise<string> => {
  const { id } = await workQ.submit("play", { do: "hold", name }, options);
  await isRunning(id);
  return id;
};
const runsOf = (id: string) => platform.runs.filter((ids) => ids.includes(counter(id)));

/** Enough short tasks that the domain puts many into one run. */
async function learn(): Promise<void> {
  time.stepMs = 1;
  // However slow the machine: until the domain puts several of them into one run.
  for (let most = 0; most < 3;) {
    const before = platform.runs.length;
    const answers = await workQ.submitAll(
      Array.from({ length: 24 }, (_, n) => ({ type: "play" as const, payload: { name: `learn ${before} ${clock.now()} ${n}` } })),
    );
    for (const { id } of answers) await hasEnded(id);
    most = Math.max(...platform.runs.slice(before).map((run) => run.length));
  }
  time.stepMs = STEP_MS;
}

/** Several tasks in one run, which goes on until its object dies. */
async function together(name: string, count: number): Promise<string[]> {
  await learn();
  await workQ.setMaxConcurrency(1);
  platform.takes = async () => {
    for (;;) await scheduler.wait(1);
  };
  const answers = await workQ.submitAll(
    Array.from({ length: count }, (_, n) => ({ type: "play" as const, payload: { name: `${name} ${n}` } })),
  );
  const ids = answers.map(({ id }) => id);
  await isRunning(ids[0]!);
  platform.takes = undefined;
  expect(runsOf(ids[0]!).at(-1)!.length, "tasks in one run").toBeGreaterThan(1);
  return ids;
}

describe("a run whose object died, and its runner with it", { timeout: 180_000 }, () => {
  test("[not charged] #2 #43 of one task: an interruption, no attempt; three in a row are poison", async () => {
    const id = await hold("poisonous");
    for (const interruptions of [1, 2]) {
      await crash("work");
      expect((await get(id)).status, "its slot and its task are kept until its lease is over").toBe("running");
      await pass(9_000);
      expect(await row(id)).toMatchObject({ interruptions: interruptions - 1 });
      await time.until("the interruption", async () => (await row(id)).interruptions === interruptions, 20_000);
      await isRunning(id);
      expect(await row(id)).toMatchObject({ interruptions, executions: interruptions, attempt: 0, suspect: 0 });
    }
    await crash("work");
    await hasEnded(id);
    expect(await get(id)).toMatchObject({ status: "dead_letter", error: { code: "poison" }, executions: 3, attempt: 0 });
    expect(journal.filter((line) => line.id === id && line.run === "started")).toHaveLength(3);
    await expectBalanced("work");
  });

  test("a settled attempt in between starts the count anew", async () => {
    const id = await hold("flaky isolate");
    for (let crashes = 0; crashes < 2; crashes += 1) {
      await crash("work");
      await time.until("the interruption", async () => (await row(id)).interruptions === crashes + 1, 20_000);
      await isRunning(id);
    }
    gate("flaky isolate").open();
    await hasEnded(id);
    expect(await row(id)).toMatchObject({ interruptions: 0, attempt: 1, executions: 3 });
  });

  test("[not charged] #43 of several: nobody is charged, all are suspect, and run alone until they settle", async () => {
    const ids = await together("suspect", 6);
    const shared = runsOf(ids[0]!).at(-1)!;
    const seen = platform.runs.length;
    await crash("work");
    await hasEnded(ids.at(-1)!);
    for (const id of ids.filter((one) => shared.includes(counter(one)))) {
      await hasEnded(id);
      expect(platform.runs.slice(seen).filter((run) => run.includes(counter(id)))).toEqual([[counter(id)]]);
      expect(await row(id)).toMatchObject({ interruptions: 0, suspect: 0, executions: 1, attempt: 1 });
    }
    await workQ.setMaxConcurrency(8);
    await expectBalanced("work");
  });

  test("[not charged] of another version of the code: a deploy is nobody's fault", async () => {
    const id = await hold("deployed over");
    await runInDurableObject(stub("work"), async (_object, { storage }) => {
      const state = JSON.parse(storage.sql.exec<{ json: string }>("SELECT json FROM state").one().json) as State;
      for (const run of Object.values(state.runs)) run.version = "the version before";
      storage.sql.exec("UPDATE state SET json = ?", JSON.stringify(state));
      await storage.sync();
    });
    await crash("work");
    await pass(13_000);
    await isRunning(id);
    expect(await row(id)).toMatchObject({ interruptions: 0, executions: 0, attempt: 0, suspect: 0 });
    gate("deployed over").open();
    await hasEnded(id);
  });

  test("a cancelled one ends cancelled, one past its deadline expires", async () => {
    const cancelled = await hold("cancelled, then orphaned");
    const late = await hold("overdue, then orphaned", { deadline: "3s" });
    platform.cutOff = "";
    await workQ.task("play", cancelled).cancel();
    await crash("work");
    await pass(13_000);
    await Promise.all([hasEnded(cancelled), hasEnded(late)]);
    expect(await get(cancelled)).toMatchObject({ status: "cancelled" });
    expect(await get(late)).toMatchObject({ status: "expired" });
    await expectBalanced("work");
  });
});

describe("a run that outlives its object", { timeout: 180_000 }, () => {
  beforeEach(() => {
    platform.outlive = true;
  });

  test("calls in by name, hands over its work, and was executed once", async () => {
    const id = await hold("survivor");
    await crash("work");
    // An answer within half a second of the last word from the object goes out unproved, and is lost here: then it runs again.
    await pass(1_000);
    gate("survivor").open();
    await hasEnded(id);
    expect(await get(id)).toMatchObject({ status: "completed", executions: 1, attempt: 1, result: { name: "survivor", attempt: 1 } });
    expect(journal.filter((line) => line.id === id && line.run === "started")).toHaveLength(1);
  });

  test("#21 is found again under a long task too, renewed, and goes on beyond its lease", async () => {
    const id = await hold("long survivor");
    await crash("work");
    await pass(30_000, 100);
    expect(await get(id)).toMatchObject({ status: "running", executions: 1 });
    gate("long survivor").open();
    await hasEnded(id);
    expect(journal.filter((line) => line.id === id && line.run === "started")).toHaveLength(1);
  });

  test("#22 a cancel that was acknowledged before the crash holds, whatever the runner brings", async () => {
    const { id } = await workQ.submit("play", { do: "deaf", name: "deaf survivor" });
    await isRunning(id);
    await pass(30, 5);
    await workQ.task("play", id).cancel();
    await crash("work");
    gate("deaf survivor").open();
    await hasEnded(id);
    expect(await get(id)).toMatchObject({ status: "cancelled" });
  });

  test("is told again what it was to be told before: one whose abort was lost stops", async () => {
    const id = await hold("unreached");
    // The cancel is durable, the message is not sent: the row alone knows of it.
    await rows("work", "UPDATE tasks SET cancelling = 1 WHERE id = ? RETURNING id", counter(id));
    await runInDurableObject(stub("work"), (_object, { storage }) => storage.sync());
    await crash("work");
    await pass(10_000, 100);
    expect(await get(id)).toMatchObject({ status: "cancelled" });
    expect(journal.filter((line) => line.id === id).map((line) => line.run)).toEqual(["started", "aborted", "cancelled"]);
  });

  test("a type with keep: false is forgotten when a resumed run completes it", async () => {
    platform.takes = async () => {
      for (;;) await scheduler.wait(1);
    };
    const { id } = await workQ.submit("forgotten", { n: 1 });
    await time.until("the run", () => runsOf(id).length === 1);
    platform.takes = undefined;
    await crash("work");
    const { state } = await books("work");
    const [run] = Object.entries(state.runs).find(([, { ids }]) => ids.some(([first]) => first === counter(id)))!;
    await runInDurableObject(stub("work"), (object) =>
      object.resumeRun({ run, outcomes: [{ id: counter(id), ok: true }], unstarted: [], finished: true }),
    );
    expect(await rows("work", "SELECT id FROM tasks WHERE id = ?", counter(id))).toEqual([]);
    await expectBalanced("work");
  });
});

describe("between runs", { timeout: 180_000 }, () => {
  test("[delay, runAt] an eviction loses nothing: backlog, delays, schedules, outcomes under an idempotency key, counters", async () => {
    await workQ.pause();
    const submitted = [];
    for (let n = 0; n < 5; n += 1)
      submitted.push(
        await workQ.submit("play", { name: `backlog ${n}` }, { idempotencyKey: `backlog ${n}`, priority: n * 40, tags: { n: String(n) } }),
      );
    const delayed = await workQ.submit("play", { name: "delayed" }, { delay: "1m" });
    await time.until("the end of every run", async () => (await workQ.snapshot()).slots.using === 0);
    const before = await workQ.snapshot();
    await time.stop();
    const lives = births.length;
    await evictDurableObject(stub("work"));
    time.start();
    const after = await workQ.snapshot();
    expect(births.slice(lives).map(({ name }) => name)).toEqual(["work"]);
    expect({ counts: after.counts, totals: after.totals, paused: after.paused }).toEqual({
      counts: before.counts,
      totals: before.totals,
      paused: true,
    });
    for (let n = 0; n < 5; n += 1) {
      const again = await workQ.submit(
        "play",
        { name: `backlog ${n}` },
        { idempotencyKey: `backlog ${n}`, priority: n * 40, tags: { n: String(n) } },
      );
      expect(again).toEqual(submitted[n]);
    }
    await workQ.resume();
    for (const { id } of [...submitted, delayed]) await hasEnded(id);
    await expectBalanced("work");
  });

  test("[not charged] recalled tasks are not attempted: one execution each, in another run", async () => {
    await learn();
    const answers = await workQ.submitAll([
      { type: "play", payload: { do: "hold", name: "in the way" } },
      ...Array.from({ length: 40 }, (_, n) => ({ type: "play" as const, payload: { name: `recalled ${n}` } })),
    ]);
    const [blocker, ...rest] = answers.map(({ id }) => id);
    const behind = runsOf(blocker!)[0];
    for (const id of rest) await hasEnded(id);
    expect((await get(blocker!)).status).toBe("running");
    gate("in the way").open();
    await hasEnded(blocker!);
    const companions = rest.filter((id) => (behind ?? runsOf(blocker!)[0]!).includes(counter(id)));
    expect(companions.length, "tasks behind the long one").toBeGreaterThan(0);
    for (const id of companions) {
      // Where the machine is slow it may be recalled from the next run, too.
      expect(runsOf(id).length).toBeGreaterThanOrEqual(2);
      expect(await get(id)).toMatchObject({ executions: 1, attempt: 1 });
      expect(journal.filter((line) => line.id === id && line.run === "started")).toHaveLength(1);
    }
  });
});

describe("the dead man's switch", { timeout: 180_000 }, () => {
  test("stands at most a minute ahead while anything runs, and moves only when it rings", async () => {
    await pass(61_000, 1_000);
    const id = await hold("under the switch");
    const stands = await alarmAt("work");
    expect(stands! - clock.now()).toBeGreaterThan(0);
    expect(stands! - clock.now()).toBeLessThanOrEqual(60_000);
    const set = (await workQ.snapshot()).cost.alarmsSet;
    for (let n = 0; n < 10; n += 1) await hasEnded((await workQ.submit("play", { name: `beside ${n}` })).id);
    expect(await alarmAt("work")).toBe(stands);
    expect((await workQ.snapshot()).cost.alarmsSet).toBe(set);
    await pass(stands! - clock.now() + 1_000, 500);
    const next = await alarmAt("work");
    expect(next!).toBeGreaterThan(stands!);
    expect(next! - clock.now()).toBeLessThanOrEqual(60_000);
    expect((await workQ.snapshot()).cost.alarmsSet).toBe(set + 1);
    gate("under the switch").open();
    await hasEnded(id);
  });
});
