import { constant } from "millrace";
import { describe, expect, test } from "vitest";
import { clock } from "../worker/clock.ts";
import { workQ } from "../worker/index.ts";
import { ring, rows, until } from "../worker/reach.ts";
import { gate, journal } from "../worker/script.ts";

const play = (script: object, options?: object) => workQ.submit("play", script, options);
const task = (id: string) => workQ.task("play", id);
const ended = (id: string) =>
  until(
    () => task(id).get(),
    (view: { finishedAt: string | null }) => view.finishedAt !== null,
  );
const status = (id: string) =>
  task(id)
    .get()
    .then((view: { status: string }) => view.status);
const hours = (count: number) => count * 3_600_000;

describe("a task from submit to result", () => {
  test("[automatic tag] completes with its result, tags and label", async () => {
    const { id, outcome } = await play({ name: "first" }, { tags: { color: "red" } });
    expect(outcome).toBe("inserted");
    expect(await task(id).result({ timeout: "10s" })).toEqual({ name: "first", attempt: 1 });
    expect(await task(id).get()).toMatchObject({
      id,
      domain: "work",
      type: "play",
      status: "completed",
      attempt: 1,
      maxAttempts: 3,
      executions: 1,
      label: "play first",
      tags: { color: "red", team: "test", _domain: "work" },
      error: null,
      errors: [],
      payload: { name: "first" },
    });
  });

  test("[awaiting] a late waiter gets the result too", async () => {
    const { id } = await play({ name: "late waiter" });
    await ended(id);
    expect(await task(id).result({ timeout: "1s" })).toEqual({ name: "late waiter", attempt: 1 });
  });

  test("[batch] a batch is one transaction, answered in order; ids are dense", async () => {
    const answers = await workQ.submitAll(Array.from({ length: 50 }, (_, n) => ({ type: "plain", payload: { n } })));
    const ids = answers.map(({ id }) => Number(id.split("_")[1]));
    expect(ids).toEqual(Array.from({ length: 50 }, (_, n) => ids[0]! + n));
    for (const [n, answer] of answers.entries()) expect(await workQ.task("plain", answer.id).result({ timeout: "10s" })).toBe(n);
  });

  test("[history] keep: false is deleted by the settle that completes it", async () => {
    const { id } = await workQ.submit("forgotten", { n: 1 });
    const counter = Number(id.split("_")[1]);
    await until(
      () => rows("work", "SELECT id FROM tasks WHERE id = ?", counter),
      (found) => found.length === 0,
    );
    await expect(workQ.task("forgotten", id).get()).rejects.toMatchObject({ code: "task_not_found" });
  });

  test("[progress] shows while it runs", async () => {
    const { id } = await play({ do: "progress", name: "half way" });
    const view = await until(
      () => task(id).get(),
      (seen: { progress: { fraction: number } | null }) => seen.progress?.fraction === 0.5,
    );
    expect(view).toMatchObject({ status: "running", progress: { fraction: 0.5, message: "half" } });
    gate("half way").open();
    await ended(id);
    expect((await task(id).get()).progress).toBeNull();
  });
});

describe("attempts", () => {
  test("[retry] a retryable failure is retried, then succeeds; errors are kept", async () => {
    const { id } = await play({ do: "flaky", name: "twice", times: 2 });
    expect(await task(id).result({ timeout: "10s" })).toEqual({ name: "twice", attempt: 3 });
    expect((await task(id).get()).errors.map((error: { attempt: number; message: string }) => [error.attempt, error.message])).toEqual([
      [1, "flaky twice"],
      [2, "flaky twice"],
    ]);
  });

  test("[retry] a failed attempt says how long it ran", async () => {
    const { id } = await play({ do: "break", name: "after a while" });
    const { startedAt } = await until(
      () => task(id).get(),
      ({ status }) => status === "running",
    );
    clock.advance(4_000);
    gate("after a while").open();
    const { errors } = await ended(id).then(() => task(id).get());
    const [first] = errors;
    expect(first!.durationMs).toBe(Date.parse(first!.at) - Date.parse(startedAt!));
    expect(first!.durationMs).toBeGreaterThanOrEqual(4_000);
    expect(errors.every(({ durationMs }) => durationMs !== null && durationMs >= 0)).toBe(true);
  });

  test("[outcome] [dead letters] retries used up: dead_letter, and a retry reopens the same id at attempt 1", async () => {
    const { id } = await play({ do: "flaky", name: "thrice", times: 3 });
    expect(await ended(id)).toMatchObject({ status: "dead_letter", attempt: 3, error: { message: "flaky thrice" } });
    await task(id).retry();
    expect(await ended(id)).toMatchObject({ status: "dead_letter", attempt: 3 });
    expect((await task(id).get()).errors).toHaveLength(6);
    expect((await workQ.deadLetters()).items.map((item: { id: string }) => item.id)).toContain(id);
  });

  test("[outcome] NonRetryableError: failed at once, with its code", async () => {
    const { id } = await play({ do: "permanent", name: "no" });
    expect(await ended(id)).toMatchObject({ status: "failed", attempt: 1, error: { message: "never no", code: "never" } });
  });

  test("[retry] RetryAfterError sets the delay", async () => {
    const { id } = await play({ do: "later", name: "in an hour" });
    const view = await until(
      () => task(id).get(),
      (seen: { status: string }) => seen.status === "scheduled",
    );
    expect(Date.parse(view.runAt!) - clock.now()).toBeGreaterThan(3_500_000);
    clock.advance(hours(1.1));
    await ring("work");
    expect(await task(id).result({ timeout: "10s" })).toEqual({ name: "in an hour", attempt: 2 });
  });

  test("[timeouts] timeout per attempt aborts, waits for the answer, and is charged", async () => {
    const { id } = await workQ.submit("slow", { do: "hold", name: "too slow" });
    expect(
      await until(
        () => workQ.task("slow", id).get(),
        (seen: { finishedAt: string | null }) => seen.finishedAt !== null,
      ),
    ).toMatchObject({
      status: "dead_letter",
      attempt: 1,
      error: { name: "TimeoutError" },
    });
  });

  test("[limits] a result over the limit is a permanent failure", async () => {
    const { id } = await play({ do: "big", name: "big" });
    expect(await ended(id)).toMatchObject({ status: "failed", error: { code: "result_too_large" } });
  });
});

describe("time", () => {
  test("[delay, runAt] scheduled, then run when their time comes", async () => {
    const { id } = await play({ name: "delayed" }, { delay: "2h" });
    const { id: at } = await play({ name: "at" }, { runAt: new Date(clock.now() + hours(2)) });
    const { id: past } = await play({ name: "past" }, { runAt: new Date(clock.now() - 1_000) });
    expect(await status(id)).toBe("scheduled");
    expect(await status(at)).toBe("scheduled");
    await ended(past);
    clock.advance(hours(3));
    await ring("work");
    await Promise.all([ended(id), ended(at)]);
  });

  test("[delay, runAt] run-now starts a delayed task at once", async () => {
    const { id } = await play({ name: "impatient" }, { delay: "30d" });
    await task(id).runNow();
    await ended(id);
  });

  test("[ttl] expires a task that has not started; a claimed one does not expire", async () => {
    const { id } = await play({ name: "stale" }, { delay: "2h", ttl: "1h" });
    const { id: held } = await play({ do: "hold", name: "held over its ttl" }, { ttl: "1h" });
    await until(
      () => status(held),
      (seen) => seen === "running",
    );
    clock.advance(hours(1.5));
    await ring("work");
    expect(await status(id)).toBe("expired");
    gate("held over its ttl").open();
    expect(await ended(held)).toMatchObject({ status: "completed" });
  });

  test("[ttl] ttlFrom firstAttempt: the clock starts at the first start", async () => {
    const { id } = await play({ do: "later", name: "first attempt" }, { ttl: "10m", ttlFrom: "firstAttempt", delay: "1h" });
    clock.advance(hours(1.5));
    await ring("work");
    await until(
      () => status(id),
      (seen) => seen === "scheduled",
    );
    expect((await task(id).get()).expiresAt).not.toBeNull();
    clock.advance(hours(0.5));
    await ring("work");
    expect(await ended(id)).toMatchObject({ status: "expired", attempt: 1 });
  });

  test("[ttl] ttlFrom firstAttempt: a long first attempt is part of it, an uncharged one too", async () => {
    const retry = constant(3, "2h", { jitter: "none" });
    for (const ending of ["failed", "paused"]) {
      const name = `long first attempt ${ending}`;
      const { id } = await play({ do: "break", name }, { ttl: "1h", ttlFrom: "firstAttempt", retry });
      const { startedAt } = await until(
        () => task(id).get(),
        ({ status }) => status === "running",
      );
      clock.advance(hours(0.75));
      if (ending === "paused") await workQ.pause();
      else gate(name).open();
      const { expiresAt } = await until(
        () => task(id).get(),
        ({ status }) => status !== "running",
      );
      expect(Date.parse(expiresAt!) - Date.parse(startedAt!)).toBe(hours(1));
      await task(id).cancel();
      await workQ.resume();
    }
  });

  test("[retry] a delay beyond all dates is cut to 10 years", async () => {
    const { id } = await play({ do: "later", name: "never again", ms: Number.MAX_SAFE_INTEGER });
    const { runAt } = await until(
      () => task(id).get(),
      ({ status }) => status === "scheduled",
    );
    expect(Date.parse(runAt!) - clock.now()).toBeLessThanOrEqual(10 * 365 * hours(24));
    await task(id).cancel();
  });

  test("[timeouts] deadline ends it wherever it is: waiting or running", async () => {
    const { id } = await play({ name: "never in time" }, { delay: "3h", deadline: "1h" });
    const { id: running } = await play({ do: "hold", name: "cut off" }, { deadline: "1h" });
    await until(
      () => status(running),
      (seen) => seen === "running",
    );
    clock.advance(hours(1.5));
    await ring("work");
    expect(await status(id)).toBe("expired");
    expect(await ended(running)).toMatchObject({ status: "expired" });
  });
});

describe("cancel", () => {
  test("[cancel] a waiting task ends at once; again is no error; an ended one is refused", async () => {
    const { id } = await play({ name: "unwanted" }, { delay: "1h" });
    expect(await task(id).cancel()).toMatchObject({ status: "cancelled" });
    expect(await task(id).cancel()).toMatchObject({ status: "cancelled" });
    const { id: done } = await play({ name: "done" });
    await ended(done);
    await expect(task(done).cancel()).rejects.toMatchObject({ code: "invalid_state" });
  });

  test("[cancel] #12 a running task is aborted, onCancel runs, and it ends cancelled whatever it answers", async () => {
    const { id } = await play({ do: "hold", name: "stop me" });
    await until(
      () => status(id),
      (seen) => seen === "running",
    );
    await task(id).cancel();
    expect(await ended(id)).toMatchObject({ status: "cancelled" });
    expect(journal.filter((line) => line.id === id).map((line) => line.run)).toEqual(["started", "aborted", "cancelled"]);
  });

  test("[cancel] one that ignores its signal keeps its slot until it returns", async () => {
    const { id } = await play({ do: "deaf", name: "deaf" });
    await until(
      () => status(id),
      (seen) => seen === "running",
    );
    await task(id).cancel();
    expect(await status(id)).toBe("running");
    gate("deaf").open();
    expect(await ended(id)).toMatchObject({ status: "cancelled" });
  });
});

describe("pause", () => {
  test("[pause] [not charged] a flag that costs a row: ready tasks show paused, running ones go back uncharged, resume runs them", async () => {
    const { id: running } = await play({ do: "hold", name: "interrupted" });
    await until(
      () => status(running),
      (seen) => seen === "running",
    );
    await workQ.pause();
    const { id: waiting } = await play({ name: "behind the flag" });
    const view = await until(
      () => task(running).get(),
      (seen: { status: string }) => seen.status === "paused",
    );
    expect(view).toMatchObject({ pausedBy: ["domain"], attempt: 0, executions: 1 });
    expect(await task(waiting).get()).toMatchObject({ status: "paused", pausedBy: ["domain"] });
    expect((await workQ.snapshot()).counts).toMatchObject({ paused: 2, running: 0, pending: 0 });
    gate("interrupted").open();
    await workQ.resume();
    expect(await ended(running)).toMatchObject({ status: "completed", attempt: 1, executions: 2 });
    await ended(waiting);
  });
});
