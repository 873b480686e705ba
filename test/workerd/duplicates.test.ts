import { describe, expect, test } from "vitest";
import { workQ } from "../worker/index.ts";
import { until } from "../worker/reach.ts";
import { gate } from "../worker/script.ts";

const play = (name: string, options?: object, script: object = {}) => workQ.submit("play", { ...script, name }, options);
const get = (id: string) => workQ.task("play", id).get();
const shows = (id: string, status: string) =>
  until(
    () => get(id),
    (task) => task.status === status,
  );

/** A key's task in a status, and how it got there. */
const SETUPS: Record<string, (name: string) => Promise<string>> = {
  scheduled: async (name) => (await play(name, { delay: "1h", priority: "normal" })).id,
  running: async (name) => {
    const { id } = await play(name, {}, { do: "hold" });
    await shows(id, "running");
    return id;
  },
  blocked: async (name) => {
    await SETUPS.running!(name);
    return (await play(name, {}, { do: "hold" })).id;
  },
  completed: async (name) => {
    const { id } = await play(name);
    await shows(id, "completed");
    return id;
  },
  failed: async (name) => {
    const { id } = await play(name, {}, { do: "permanent" });
    await shows(id, "failed");
    return id;
  },
  dead_letter: async (name) => {
    const { id } = await play(name, {}, { do: "fail" });
    await shows(id, "dead_letter");
    return id;
  },
  cancelled: async (name) => {
    const { id } = await play(name, { delay: "1h" });
    await workQ.task("play", id).cancel();
    return id;
  },
};
const SCRIPT: Record<string, object> = {
  running: { do: "hold" },
  blocked: { do: "hold" },
  failed: { do: "permanent" },
  dead_letter: { do: "fail" },
};

describe("[skip] #31 onDuplicate skip, for every status that the key's task can have", () => {
  test.each([
    ["scheduled", "normal", "duplicate", "same"],
    ["scheduled", "high", "upgraded", "same"],
    ["running", "normal", "requeued", "new"],
    ["running", "high", "requeued", "new"],
    ["blocked", "normal", "duplicate", "same"],
    ["blocked", "high", "upgraded", "same"],
    ["completed", "normal", "inserted", "new"],
    ["failed", "normal", "inserted", "new"],
    ["dead_letter", "normal", "inserted", "new"],
    ["cancelled", "normal", "inserted", "new"],
  ])("%s, another at %s: %s, id %s", async (status, priority, outcome, identity) => {
    const name = `${status}-${priority}`;
    const id = await SETUPS[status]!(name);
    const answer = await play(name, { priority }, SCRIPT[status]);
    expect(answer.outcome).toBe(outcome);
    expect(answer.id === id).toBe(identity === "same");
    expect((await get(answer.id)).priority).toBe(outcome === "upgraded" || (identity === "new" && priority === "high") ? 64 : 128);
    if (status === "running") {
      expect(await get(answer.id)).toMatchObject({ status: "blocked" });
      gate(name).open();
      expect(await shows(answer.id, "completed")).toBeTruthy();
      expect(await get(id)).toMatchObject({ status: "completed" });
    }
    gate(name).open();
  });

  test("paused: not begun", async () => {
    await workQ.pause();
    const { id } = await play("behind a pause");
    expect(await get(id)).toMatchObject({ status: "paused" });
    expect(await play("behind a pause")).toMatchObject({ outcome: "duplicate", id });
    expect(await play("behind a pause", { priority: "realtime" })).toMatchObject({ outcome: "upgraded", id });
    await workQ.resume();
    await shows(id, "completed");
  });

  test("a successor runs when the begun one ends in whatever way: cancelled here", async () => {
    const id = await SETUPS.running!("in whatever way");
    const next = await play("in whatever way", {}, { do: "hold" });
    await workQ.task("play", id).cancel();
    await shows(id, "cancelled");
    gate("in whatever way").open();
    await shows(next.id, "completed");
  });

  test("#30 100 submits at once with one key: one inserted, 99 duplicates with its id", async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => play("at once", { delay: "1h" })));
    expect(new Set(answers.map((answer) => answer.id)).size).toBe(1);
    expect(answers.filter((answer) => answer.outcome === "inserted")).toHaveLength(1);
    expect(answers.filter((answer) => answer.outcome === "duplicate")).toHaveLength(99);
  });

  test("[batch] within a batch the last of equal keys counts, earlier ones answer duplicate with its id", async () => {
    const item = (label: string) => ({ type: "play", payload: { name: "in a batch" }, label, delay: "1h" }) as const;
    const answers = await workQ.submitAll([item("one"), item("two"), item("three")]);
    expect(answers.map((answer) => answer.outcome)).toEqual(["duplicate", "duplicate", "inserted"]);
    expect(new Set(answers.map((answer) => answer.id)).size).toBe(1);
    expect(await get(answers[2].id)).toMatchObject({ label: "three" });
  });

  test("[key] #34 an explicit key beats the payload; member order makes no difference; another type never meets", async () => {
    const one = await workQ.submit("play", { do: "ok", name: "order" }, { delay: "1h" });
    const two = await workQ.submit("play", { name: "order", do: "ok" }, { delay: "1h" });
    expect(two).toMatchObject({ outcome: "duplicate", id: one.id });
    const keyed = await play("keyed one", { key: "k", delay: "1h" });
    expect(await play("keyed two", { key: "k", delay: "1h" })).toMatchObject({ outcome: "duplicate", id: keyed.id });
    expect((await get(keyed.id)).key).toBe("k");
    expect((await get(one.id)).key).toBeNull();
    expect(await workQ.submit("slow", { name: "order", do: "ok" }, { key: "k", delay: "1h" })).toMatchObject({ outcome: "inserted" });
  });

  test("[dead letters] #33 a retry takes its key back, or is refused while another holds it", async () => {
    const { id } = await play("taken", {}, { do: "permanent" });
    await shows(id, "failed");
    const holder = await play("taken", { delay: "1h" }, { do: "permanent" });
    await expect(workQ.task("play", id).retry()).rejects.toMatchObject({ code: "invalid_state", facts: { heldBy: holder.id } });
    await workQ.task("play", holder.id).cancel();
    await workQ.task("play", id).retry();
    await until(
      () => get(id),
      (task) => task.finishedAt !== null && task.errors.length === 2,
    );
  });
});

describe("Idempotency-Key", () => {
  test("[idempotency key] a repeat answers with the stored outcome; another body is a conflict", async () => {
    const first = await workQ.submit("plain", { n: 1 }, { idempotencyKey: "once" });
    const again = await workQ.submit("plain", { n: 1 }, { idempotencyKey: "once" });
    expect(again).toMatchObject({ outcome: "inserted", id: first.id });
    await expect(workQ.submit("plain", { n: 2 }, { idempotencyKey: "once" })).rejects.toMatchObject({ code: "idempotency_conflict" });
  });
});
