import { afterEach, describe, expect, test } from "vitest";
import type { MillEvent } from "../../src/policy/events/event.ts";
import { workQ } from "../worker/index.ts";
import { type Ear, listen } from "../worker/listen.ts";

const ears: Ear[] = [];
const ear = async <E extends Ear>(opened: Promise<E>): Promise<E> => {
  const one = await opened;
  ears.push(one);
  return one;
};
afterEach(() => {
  for (const one of ears.splice(0)) one.close();
});

const names = (events: readonly MillEvent[]) => events.map(({ event }) => event);
const named = (name: string) => (event: MillEvent) => event.event === name;
const about = (id: string) => (event: MillEvent) => event.task === id;
const seqs = (events: readonly MillEvent[]) => events.map(({ seq }) => seq);
const sorted = (numbers: readonly number[]) => numbers.toSorted((one, other) => one - other);
const later = { delay: "1h" } as const;
const play = (name: string, options?: object) => workQ.submit("play", { do: "ok", name }, options);

describe("[events] a domain's stream", () => {
  test("tells what happens to a task, in order, with numbers that grow", async () => {
    const { hears, heard, response } = await ear(listen("?domain=work"));
    expect(response.status).toBe(101);
    const { id } = await play("told", { tags: { color: "red" } });
    const end = await hears(named("task.completed"));
    expect(names(heard)).toEqual(["task.submitted", "task.started", "task.completed"]);
    expect(heard[0]).toEqual({
      seq: expect.any(Number),
      at: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
      event: "task.submitted",
      domain: "work",
      task: id,
      type: "play",
      label: "play told",
      tags: { color: "red" },
      priority: 128,
    });
    expect(end).toMatchObject({ task: id, type: "play", attempt: 1, durationMs: expect.any(Number) });
    expect(seqs(heard)).toEqual(sorted(seqs(heard)));
    expect(heard[0]!.seq).toBeGreaterThan((Date.now() - 60_000) * 4_096);
  });

  test("each failed attempt, and the end", async () => {
    const { heard, hears } = await ear(listen("?domain=work&event=task.failed&event=task.dead_lettered"));
    const { id } = await workQ.submit("play", { do: "fail", name: "bad" } as never);
    await hears(named("task.dead_lettered"));
    expect(heard).toMatchObject([
      {
        event: "task.failed",
        task: id,
        attempt: 1,
        willRetry: true,
        retryAfterMs: 0,
        error: { name: expect.any(String), message: expect.any(String) },
      },
      { event: "task.failed", task: id, attempt: 2, willRetry: true },
      { event: "task.dead_lettered", task: id, attempt: 3 },
    ]);
    expect(heard[0]!.error).not.toHaveProperty("stack");
  });

  test("a batch is one event, whatever its size; duplicates are none", async () => {
    const { heard, hears } = await ear(listen("?domain=work&event=task.submitted&event=batch.submitted&event=task.cancelled"));
    const items = Array.from(
      { length: 20 },
      (_, n) => ({ type: "plain", payload: { n }, tags: { job: "7", n: String(n) }, ...later }) as const,
    );
    const submitted = await workQ.submitAll(items);
    await play("key", { key: "one", ...later });
    await play("key", { key: "one", ...later });
    const { id } = await play("last", later);
    await workQ.task("play", id).cancel();
    await hears(named("task.cancelled"));
    expect(names(heard)).toEqual(["batch.submitted", "task.submitted", "task.submitted", "task.cancelled"]);
    expect(heard[0]).toMatchObject({
      count: 20,
      counts: { inserted: 20 },
      types: { plain: 20 },
      first: submitted[0]!.id,
      last: submitted[19]!.id,
      tags: { job: "7" },
    });
    for (const { id: each } of submitted) await workQ.task("plain", each).cancel();
  });

  test("a batch that takes over a key names the ids that are new, and no other", async () => {
    const { id: old } = await play("held", { key: "taken", ...later });
    const between = await play("between", later);
    const { heard, hears } = await ear(listen("?domain=work&event=batch.submitted"));
    const stranger = await ear(listen(`?domain=work&task=${between.id}`));
    const outcomes = await workQ.submitAll([
      { type: "play", payload: { do: "ok", name: "anew" }, key: "taken", onDuplicate: "supersede", ...later },
      { type: "play", payload: { do: "ok", name: "fresh" }, ...later },
    ]);
    expect(outcomes).toMatchObject([{ outcome: "superseded", id: old }, { outcome: "inserted" }]);
    await hears(named("batch.submitted"));
    expect(heard[0]).toMatchObject({ count: 2, first: outcomes[1]!.id, last: outcomes[1]!.id });
    await workQ.task(between).cancel();
    await stranger.hears(named("task.cancelled"));
    expect(names(stranger.heard)).toEqual(["task.cancelled"]);
    for (const { id } of outcomes) await workQ.task("play", id).cancel();
  });

  test("filters: by task, type, tag and event, also of batches", async () => {
    const { id } = await play("one", later);
    const [task, type, tag, shared, cancelled] = await Promise.all([
      ear(listen(`?task=${id}`)),
      ear(listen("?domain=work&type=plain")),
      ear(listen("?domain=work&tag=color:blue&tag=team:test")),
      ear(listen("?domain=work&tag=_domain:work")),
      ear(listen("?domain=work&event=task.cancelled")),
    ]);
    await workQ.submitAll([
      { type: "plain", payload: { n: 1 }, tags: { color: "blue" }, ...later },
      { type: "plain", payload: { n: 2 }, tags: { color: "blue" }, ...later },
    ]);
    const { id: red } = await play("red", { tags: { color: "red" }, ...later });
    await workQ.task("play", red).cancel();
    await workQ.task("play", id).cancel();
    await task.hears(named("task.cancelled"));
    await shared.hears(about(id));
    expect(names(task.heard)).toEqual(["task.cancelled"]);
    expect(names(type.heard)).toEqual(["batch.submitted"]);
    expect(names(tag.heard)).toEqual(["batch.submitted"]);
    expect(names(shared.heard)).toEqual(["batch.submitted", "task.submitted", "task.cancelled", "task.cancelled"]);
    expect(cancelled.heard.map((event) => event.task)).toEqual([red, id]);
  });

  test("a change that came to nothing is no event", async () => {
    const { heard, hears } = await ear(listen("?domain=work"));
    const { id } = await play("standing", { key: "k", ...later });
    await expect(play("refused", { key: "k", onDuplicate: "reject" })).rejects.toMatchObject({ code: "rejected_duplicate" });
    await workQ.task("play", id).cancel();
    await hears(named("task.cancelled"));
    expect(names(heard)).toEqual(["task.submitted", "task.cancelled"]);
  });

  test("dependencies: unblocked, or failed by one of them; and what is reopened", async () => {
    const { heard, hears } = await ear(listen("?domain=work"));
    const first = await play("first", later);
    const good = await play("good", { dependsOn: [first.id] });
    await workQ.task(first).runNow();
    await hears((event) => event.event === "task.completed" && event.task === good.id);
    expect(names(heard.filter(about(good.id)))).toEqual(["task.submitted", "task.unblocked", "task.started", "task.completed"]);
    const second = await play("second", later);
    const bad = await play("bad", { dependsOn: [second.id] });
    await workQ.task(second).cancel();
    await hears((event) => event.event === "task.dependency_failed");
    expect(heard.filter(about(bad.id))).toMatchObject([
      { event: "task.submitted" },
      { event: "task.dependency_failed", error: { code: "dependency_failed", message: expect.stringContaining(second.id) } },
    ]);
    await workQ.task(good).retry();
    await hears((event) => event.event === "task.reopened" && event.task === good.id && event["from"] === "completed");
  });

  test("pause, resume, a schedule, a pull worker that gives back", async () => {
    const { heard, hears } = await ear(listen("?domain=work"));
    await workQ.pause();
    await workQ.pause();
    await workQ.resume();
    const schedule = await workQ.schedule({ name: "hourly", type: "plain", payload: { n: 1 }, every: "1h" });
    await workQ.schedule(schedule.id).trigger();
    await hears(named("schedule.fired"));
    await workQ.schedule(schedule.id).delete();
    const pulled = await workQ.submit("pulled", { do: "ok", name: "p" });
    const [held] = await workQ.claim({ worker: "w", types: ["pulled"], wait: "20s" });
    await held!.renew({ progress: { fraction: 0.5, message: "half" } });
    await held!.release();
    await hears(named("task.preempted"));
    await workQ.task(pulled).cancel();
    await hears((event) => event.event === "task.cancelled" && event.task === pulled.id);
    expect(names(heard).slice(0, 2)).toEqual(["domain.paused", "domain.resumed"]);
    expect(heard.find(named("schedule.fired"))).toMatchObject({
      schedule: schedule.id,
      name: "hourly",
      type: "plain",
      task: expect.stringMatching(/^work_/),
      triggered: true,
    });
    expect(heard.filter(about(pulled.id))).toMatchObject([
      { event: "task.submitted" },
      { event: "task.started", worker: "w", attempt: 1 },
      { event: "task.progress", progress: { fraction: 0.5, message: "half" } },
      { event: "task.preempted", reason: "released" },
      { event: "task.cancelled" },
    ]);
  });

  test("nobody who listens costs nothing to storage: the same rows as without", async () => {
    const written = async () => (await workQ.snapshot()).cost.rowsWritten;
    const cost = async () => {
      const before = await written();
      const items = Array.from({ length: 100 }, (_, n) => ({ type: "plain", payload: { n }, ...later }) as const);
      await workQ.submitAll(items);
      return (await written()) - before;
    };
    const alone = await cost();
    const { hears } = await ear(listen("?domain=work"));
    expect(await cost()).toBe(alone);
    await hears(named("batch.submitted"));
  });
});
