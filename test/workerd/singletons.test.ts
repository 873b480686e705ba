import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { reachDomain } from "../../src/durable/reach.ts";
import { clock } from "../worker/clock.ts";
import { crash, survive, Time } from "../worker/drive.ts";
import { roundsQ } from "../worker/index.ts";
import { expectBalanced } from "../worker/laws.ts";
import { rows } from "../worker/reach.ts";
import { acts, beats, code, deploy, permits } from "../worker/singletons.ts";

const time = new Time(["rounds"]);
const poke = () => reachDomain("rounds").poke();

interface Row {
  id: number;
  status: number;
  run_at: number | null;
}
const live = (type: string) =>
  rows<Row & Record<string, SqlStorageValue>>(
    "rounds",
    "SELECT id, status, run_at FROM tasks WHERE type = ? AND status < 10 ORDER BY id",
    type,
  );
const round = async (type: string): Promise<Row & { task: string }> => {
  const all = await live(type);
  expect(all, `live rounds of ${type}`).toHaveLength(1);
  return { ...all[0]!, task: `rounds_${all[0]!.id}` };
};
const beatsOf = (name: string) => beats.filter((beat) => beat.name === name);
const pass = async (ms: number, stepMs = 200): Promise<void> => {
  const end = clock.now() + ms;
  time.stepMs = stepMs;
  await time.until("the passing of time", () => clock.now() >= end, 20_000);
  time.stepMs = 20;
};
/** The next round of a type that begins, whatever it is. */
const beaten = async (name: string): Promise<void> => {
  const before = beatsOf(name).length;
  await time.until(`a beat of ${name}`, () => beatsOf(name).length > before, 20_000);
};
/** Waits until the one round of a type is delayed; answers with it and how long it rests from now. */
const resting = async (type: string): Promise<{ task: string; ms: number }> => {
  await time.until(`${type} at rest`, async () => (await live(type))[0]?.status === 1, 20_000);
  const { task, run_at } = await round(type);
  return { task, ms: run_at! - clock.now() };
};

beforeAll(async () => {
  clock.takeOver();
  time.stepMs = 20;
  time.start();
  deploy();
  await poke();
});
beforeEach(() => {
  for (const name of Object.keys(acts)) Reflect.deleteProperty(acts, name);
});
afterAll(async () => {
  await time.stop();
});

describe("[singleton] exactly one live instance", { timeout: 180_000 }, () => {
  test("it runs at once, and again after every; each round is a task with an id of its own", async () => {
    const { task, ms } = await resting("steady");
    expect(ms).toBeGreaterThan(3_500_000);
    expect(ms).toBeLessThanOrEqual(3_600_000);
    const [first] = beatsOf("steady");
    expect(first!.id).not.toBe(task);
    const done = await roundsQ.task("steady", first!.id).get();
    expect(done).toMatchObject({ status: "completed", result: "steady", payload: null, label: "steady as it goes", key: null });
    expect(done.tags).toEqual({ kind: "round", _domain: "rounds" });
    // The domain's ttl is not for rounds: it would end them at rest.
    expect(done.expiresAt).toBeNull();
    expect((await roundsQ.list({ tags: { kind: "round" } })).items).toHaveLength(2);
    await pass(3_600_000, 120_000);
    await time.until("the second round", () => beatsOf("steady").length === 2);
    expect(beatsOf("steady")[1]!.id).toBe(task);
    expect((await resting("steady")).task).not.toBe(task);
  });

  test("also below a minute, and without a trace where it keeps none", async () => {
    const before = beatsOf("brisk").length;
    const start = clock.now();
    await time.until("ten rounds", () => beatsOf("brisk").length >= before + 10, 20_000);
    expect(clock.now() - start).toBeGreaterThanOrEqual(4_500);
    await time.until("rest", async () => (await live("brisk"))[0]?.status === 1);
    expect(await rows("rounds", "SELECT id FROM tasks WHERE type = 'brisk'")).toHaveLength(1);
    expect(new Set(beatsOf("brisk").map(({ id }) => id)).size, "every round an id of its own").toBe(beatsOf("brisk").length);
  });

  test("not submittable, anywhere: 400", async () => {
    const refusal = { code: "not_submittable", status: 400 };
    await expect(roundsQ.submit("steady", null as never)).rejects.toMatchObject(refusal);
    await expect(roundsQ.submitAll([{ type: "steady", payload: null as never }])).rejects.toMatchObject(refusal);
    await expect(roundsQ.schedule({ type: "steady", payload: null as never, every: "1h" })).rejects.toMatchObject(refusal);
    await round("steady");
  });

  test("failed rounds are followed later and later, at most 5 minutes; a success begins anew", async () => {
    acts["brisk"] = "permanent";
    const rests: number[] = [];
    for (let n = 0; n < 11; n += 1) {
      const { task, ms } = await resting("brisk");
      rests.push(ms);
      await pass(Math.max(0, ms), Math.max(50, ms / 10));
      await time.until("its end", async () => (await roundsQ.task("brisk", task).get()).status === "failed", 5_000);
    }
    // The first one rested as after a success.
    expect(rests[0]).toBeLessThanOrEqual(500);
    for (const [n, most] of [1, 2, 4, 8, 16, 32, 64, 128, 256, 300].entries()) {
      expect(rests[n + 1], `after ${n + 1} failures`).toBeLessThanOrEqual(most * 1_000);
      expect(rests[n + 1], `after ${n + 1} failures`).toBeGreaterThan(most * 900 - 300);
    }
    Reflect.deleteProperty(acts, "brisk");
    await roundsQ.task("brisk", (await resting("brisk")).task).runNow();
    await beaten("brisk");
    await beaten("brisk");
    expect((await resting("brisk")).ms).toBeLessThanOrEqual(500);
  });

  test("runNow brings its round forward; cancel ends it, at rest or running, and the next one still comes", async () => {
    const { task } = await resting("steady");
    await roundsQ.task("steady", task).runNow();
    await time.until("its run", () => beatsOf("steady").some(({ id }) => id === task));
    const { task: next } = await resting("steady");
    expect((await roundsQ.task("steady", next).cancel()).status).toBe("cancelled");
    const after = await resting("steady");
    expect(after.task).not.toBe(next);
    expect(after.ms).toBeGreaterThan(3_500_000);
    acts["steady"] = "hold";
    await roundsQ.task("steady", after.task).runNow();
    await time.until("its start", async () => (await roundsQ.task("steady", after.task).get()).status === "running");
    await round("steady");
    await pass(100, 20);
    await roundsQ.task("steady", after.task).cancel();
    await time.until("its end", async () => (await roundsQ.task("steady", after.task).get()).status === "cancelled");
    expect(beatsOf("steady cancelled")).toHaveLength(1);
    expect((await resting("steady")).task).not.toBe(after.task);
  });

  test("a round that has ended is not retried: 409 names the one that lives", async () => {
    acts["steady"] = "permanent";
    const { task } = await resting("steady");
    await roundsQ.task("steady", task).runNow();
    const { task: next } = await resting("steady");
    await expect(roundsQ.task("steady", task).retry()).rejects.toMatchObject({
      code: "invalid_state",
      status: 409,
      facts: { id: task, heldBy: next },
    });
    await expect(roundsQ.task("steady", task).backfill()).rejects.toMatchObject({ code: "invalid_state", facts: { heldBy: next } });
    await round("steady");
    await expectBalanced("rounds");
  });

  test("attempts within a round go by its retry policy", async () => {
    acts["always"] = "fail";
    const before = beatsOf("always").length;
    permits["always"] = 2;
    await time.until("the round after it", () => beatsOf("always").length >= before + 2);
    permits["always"] = 0;
    const dead = await roundsQ.deadLetters({ type: "always" });
    expect(dead.items[0]).toMatchObject({ attempt: 2, maxAttempts: 2, error: { message: "not now" } });
    expect((await round("always")).task).not.toBe(dead.items[0]!.id);
  });

  test("a pause holds it back like any task, and lets it go on", async () => {
    await roundsQ.pause();
    const { task } = await resting("brisk");
    await pass(2_000, 100);
    expect((await roundsQ.task("brisk", task).get()).status).toBe("paused");
    const before = beatsOf("brisk").length;
    await roundsQ.resume();
    await time.until("its run", () => beatsOf("brisk").length > before);
  });

  test("without a rest it starves nobody: less urgent work runs in turn, also with one slot", async () => {
    await roundsQ.setMaxConcurrency(1);
    permits["always"] = 300;
    const { items } = await roundsQ.list({ type: "always", limit: 1 });
    if (items[0]!.status === "scheduled") await roundsQ.task("always", items[0]!.id).runNow();
    await beaten("always");
    const from = beats.length;
    await roundsQ.submitAll(Array.from({ length: 3 }, (_, n) => ({ type: "chore" as const, payload: { n } })));
    await time.until("all chores", () => beats.slice(from).filter(({ name }) => name.startsWith("chore")).length === 3, 5_000);
    const after = beatsOf("always").length;
    await time.until("many more rounds", () => beatsOf("always").length > after + 20, 5_000);
    permits["always"] = 0;
    await roundsQ.setMaxConcurrency(3);
    await round("always");
  });

  test("gone from the code: its round is cancelled, none follows; back again: one round", async () => {
    const steady = code.get("steady")!;
    const { task } = await resting("steady");
    code.delete("steady");
    await crash("rounds");
    await survive(poke);
    expect(await live("steady")).toEqual([]);
    await pass(7_200_000, 240_000);
    expect(await live("steady")).toEqual([]);
    code.set("steady", steady);
    await crash("rounds");
    await survive(poke);
    expect((await roundsQ.task("steady", task).get()).status).toBe("cancelled");
    await beaten("steady");
    await resting("steady");
  });

  test("gone while its round runs: that one is stopped and cancelled, none follows", async () => {
    const steady = code.get("steady")!;
    acts["steady"] = "hold";
    const { task } = await resting("steady");
    await roundsQ.task("steady", task).runNow();
    await time.until("its start", async () => (await roundsQ.task("steady", task).get()).status === "running");
    await pass(100, 20);
    code.delete("steady");
    await survive(poke);
    await time.until("its end", async () => (await roundsQ.task("steady", task).get()).status === "cancelled", 10_000);
    expect(await live("steady")).toEqual([]);
    code.set("steady", steady);
    Reflect.deleteProperty(acts, "steady");
    await survive(poke);
    await resting("steady");
  });

  test("a changed every counts from the next round", async () => {
    const steady = code.get("steady")!;
    const { task, ms } = await resting("steady");
    code.set("steady", { ...steady, singleton: { every: "2h" } });
    await crash("rounds");
    await survive(poke);
    const same = await resting("steady");
    expect(same.task).toBe(task);
    expect(same.ms).toBeLessThanOrEqual(ms);
    await roundsQ.task("steady", task).runNow();
    await beaten("steady");
    await time.until("the next", async () => (await live("steady"))[0]?.id !== Number(task.split("_")[1]));
    expect((await resting("steady")).ms).toBeGreaterThan(7_000_000);
    code.set("steady", steady);
  });

  test("a shorter every counts at once: a round at rest comes no later than it says", async () => {
    const steady = code.get("steady")!;
    const { task } = await resting("steady");
    code.set("steady", { ...steady, singleton: { every: "10m" } });
    await survive(poke);
    const same = await resting("steady");
    expect(same.task).toBe(task);
    expect(same.ms).toBeLessThanOrEqual(600_000);
    await pass(600_000, 30_000);
    await time.until("its end", async () => (await roundsQ.task("steady", task).get()).status === "completed");
    code.set("steady", steady);
  });

  test("tasks that were submitted before the type became a singleton end, and it has its one round", async () => {
    const [chore, steady] = [code.get("chore")!, code.get("steady")!];
    const { id } = await roundsQ.submit("chore", { n: 99 }, { delay: "10s" });
    const { id: other } = await roundsQ.submit("chore", { n: 98 }, { delay: "10s" });
    code.set("chore", { ...steady, name: "chore" });
    await crash("rounds");
    await survive(poke);
    await pass(11_000, 500);
    for (const old of [id, other]) {
      await time.until("its end", async () => (await roundsQ.task("chore", old).get()).finishedAt !== null);
      expect(await roundsQ.task("chore", old).get()).toMatchObject({
        status: "cancelled",
        error: { message: expect.stringContaining("has become a singleton") },
      });
    }
    await round("chore");
    code.set("chore", chore);
    await survive(poke);
    expect(await live("chore")).toEqual([]);
    await expectBalanced("rounds");
  });

  test("a round that ends its isolate three times is poison; the next one still comes", async () => {
    acts["steady"] = "hold";
    const { task } = await resting("steady");
    await roundsQ.task("steady", task).runNow();
    const isRunning = () => time.until("its run", async () => (await roundsQ.task("steady", task).get()).status === "running", 20_000);
    const interruptions = async () =>
      (await rows<{ interruptions: number }>("rounds", "SELECT interruptions FROM tasks WHERE id = ?", Number(task.split("_")[1])))[0]!
        .interruptions;
    await isRunning();
    time.stepMs = 200;
    for (const count of [1, 2]) {
      await crash("rounds");
      await time.until("the interruption", async () => (await interruptions()) === count, 20_000);
      await isRunning();
    }
    await crash("rounds");
    await time.until("its end", async () => (await roundsQ.task("steady", task).get()).status === "dead_letter", 20_000);
    expect(await roundsQ.task("steady", task).get()).toMatchObject({ error: { code: "poison" } });
    time.stepMs = 20;
    Reflect.deleteProperty(acts, "steady");
    expect((await resting("steady")).task).not.toBe(task);
    await expectBalanced("rounds");
  });

  test("what a round costs: rows", async () => {
    permits["always"] = 0;
    await time.until("always at its gate", async () => (await live("always"))[0]?.status === 0);
    const cost = async () => {
      await roundsQ.resume();
      return (await roundsQ.snapshot()).cost;
    };
    await resting("brisk");
    const [before, beats0] = [await cost(), beatsOf("brisk").length];
    await time.until("twenty rounds", () => beatsOf("brisk").length >= beats0 + 20, 20_000);
    await resting("brisk");
    const [after, beats1] = [await cost(), beatsOf("brisk").length];
    // Inserted 2 (it has a due time), made ready 1, deleted 1; the state row 3 (due, claimed and settled with the next), the alarm 1 or 2.
    const rested = (after.rowsWritten - before.rowsWritten - 1) / (beats1 - beats0);
    permits["brisk"] = 0;
    await time.until("brisk at its gate", async () => (await live("brisk"))[0]?.status === 0);
    permits["always"] = 60;
    const [start, always0] = [await cost(), beatsOf("always").length];
    await time.until("sixty rounds", () => permits["always"] === 0 && beatsOf("always").length > always0 + 59, 20_000);
    const end = await cost();
    // Inserted 1, completed 1; the state row when it is claimed, and when it is settled and the next one inserted.
    const atOnce = (end.rowsWritten - start.rowsWritten - 1) / 60;
    console.info(
      `rows written per round of a singleton: ${rested.toFixed(2)} with a rest and keep: false, ${atOnce.toFixed(2)} at once and kept`,
    );
    expect(rested).toBeLessThanOrEqual(8);
    expect(atOnce).toBeLessThanOrEqual(4.2);
    Reflect.deleteProperty(permits, "brisk");
  });
});
