import { createExecutionContext, env } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Schedule } from "millrace";
import { clock } from "../worker/clock.ts";
import { mill, workQ } from "../worker/index.ts";
import { ring, rows, stub, until } from "../worker/reach.ts";
import { gate } from "../worker/script.ts";

const minutes = (count: number) => count * 60_000;
const counterOf = (id: string) => Number(id.slice(id.lastIndexOf("_s") + 2));
const read = (id: string): Promise<Schedule> => workQ.schedule(id).get();
const instances = async (id: string) => (await workQ.list({ schedule: id, limit: 500 })).items;
const ended = (id: string, count: number) =>
  until(
    () => instances(id),
    (tasks) => tasks.length === count && tasks.every((task) => task.finishedAt !== null),
  );
/** The clock goes on (or back), and the alarm rings, whenever it stood. */
const pass = async (ms: number) => {
  clock.advance(ms);
  await ring("work");
};
const make = (given: object): Promise<Schedule> => workQ.schedule({ type: "plain", payload: { n: 1 }, ...given } as never);
/** What fired of a schedule: no planned time twice, or two of its tasks had one key. */
const keys = async (id: string) => {
  const found = await rows<{ n: number; different: number }>(
    "work",
    "SELECT count(*) AS n, count(DISTINCT key_hash) AS different FROM tasks WHERE schedule = ?",
    counterOf(id),
  );
  expect(found[0]!.different).toBe(found[0]!.n);
  return found[0]!.n;
};

const made: string[] = [];
const makeKnown = async (given: object) => {
  const schedule = await make(given);
  made.push(schedule.id);
  return schedule;
};
beforeEach(async () => void (await workQ.resume()));
afterEach(async () => {
  for (const id of made.splice(0))
    await workQ
      .schedule(id)
      .delete()
      .catch(() => undefined);
});

describe("#36 a clock that jumps", () => {
  test("back over a tick: nothing fires twice, not even after a pause, a resume and a change", async () => {
    const { id, nextRuns } = await makeKnown({ every: "10m" });
    await pass(minutes(10.5));
    await ended(id, 1);
    await pass(minutes(-5));
    await pass(minutes(5));
    expect(await keys(id)).toBe(1);
    clock.advance(minutes(-5));
    await workQ.schedule(id).pause();
    await workQ.schedule(id).resume();
    const same = await workQ.schedule(id).update({ priority: "high", jitter: 0 });
    expect(same.nextRuns[0]).toBe(nextRuns[1]);
    await pass(minutes(5));
    expect(await keys(id)).toBe(1);
    await pass(minutes(10));
    await ended(id, 2);
    expect(await keys(id)).toBe(2);
  });

  test("back over a cron tick: the same", async () => {
    const { id } = await makeKnown({ cron: "0 * * * *", timezone: "Europe/Berlin" });
    await pass(minutes(60));
    await ended(id, 1);
    clock.advance(minutes(-60));
    await workQ.schedule(id).update({ cron: "0 * * * *" });
    await workQ.schedule(id).pause();
    await workQ.schedule(id).resume();
    await pass(minutes(60));
    expect(await keys(id)).toBe(1);
    expect((await read(id)).runs).toBe(1);
  });

  test.each([
    ["no window: once", {}, 1],
    ["a window of 45 minutes: the two within it", { catchUp: "45m", overlap: "allow" }, 2],
    ["a window of 3 hours: every one", { catchUp: "3h", overlap: "allow" }, 6],
  ])("3 hours forward, %s, and that only once", async (_what, given, count) => {
    const { id } = await makeKnown({ every: "30m", ...given });
    await pass(minutes(181));
    await ended(id, count);
    await pass(0);
    await pass(minutes(-180));
    await pass(minutes(180));
    expect(await keys(id)).toBe(count);
    const { runs, nextRuns } = await read(id);
    expect(runs).toBe(count);
    expect(Date.parse(nextRuns[0]!) - clock.now()).toBeGreaterThan(0);
    expect(Date.parse(nextRuns[0]!) - clock.now()).toBeLessThanOrEqual(minutes(30));
  });
});

test("[schedules] #39 two alarms and a poke around one planned time submit it once", async () => {
  const { id } = await makeKnown({ every: "10m", overlap: "allow" });
  for (const round of [1, 2, 3]) {
    clock.advance(minutes(10) + 1);
    await Promise.all([ring("work"), stub("work").poke(), ring("work"), stub("work").poke()]);
    expect(await keys(id)).toBe(round);
  }
});

test("[overlap] #35 every overlap policy over 100 ticks, counted", async () => {
  await workQ.pause();
  const of = async (overlap: string) => (await makeKnown({ every: "10m", overlap })).id;
  const [skip, queue, cancelOther, allow] = await Promise.all([of("skip"), of("queue"), of("cancelOther"), of("allow")]);
  for (let tick = 0; tick < 100; tick += 1) await pass(minutes(10));
  const counts = async (id: string) => {
    const found = await rows<{ status: number; n: number }>(
      "work",
      "SELECT status, count(*) AS n FROM tasks WHERE schedule = ? GROUP BY status",
      counterOf(id),
    );
    const { runs, skipped } = await read(id);
    return { runs, skipped, tasks: Object.fromEntries(found.map(({ status, n }) => [status, n])) };
  };
  // 0: pending, 2: blocked, 13: cancelled.
  expect(await counts(skip)).toEqual({ runs: 1, skipped: 99, tasks: { 0: 1 } });
  expect(await counts(queue)).toEqual({ runs: 2, skipped: 98, tasks: { 0: 1, 2: 1 } });
  expect(await counts(cancelOther)).toEqual({ runs: 100, skipped: 0, tasks: { 0: 1, 13: 99 } });
  expect(await counts(allow)).toEqual({ runs: 100, skipped: 0, tasks: { 0: 100 } });
  for (const id of [skip, queue, cancelOther, allow]) await workQ.schedule(id).delete();
  await workQ.resume();
  await Promise.all([ended(skip, 1), ended(queue, 2), ended(cancelOther, 100), ended(allow, 100)]);
});

describe("[overlap] with instances that run", () => {
  const held = (name: string, overlap: string) => makeKnown({ type: "play", payload: { do: "hold", name }, every: "10m", overlap });
  const isRunning = (id: string, count: number) =>
    until(
      () => instances(id),
      (tasks) => tasks.length === count && tasks.some(({ status }) => status === "running"),
    );

  test("queue: one waits, further ones are skipped, and it starts when the first has ended", async () => {
    const { id } = await held("queued", "queue");
    await pass(minutes(10));
    await isRunning(id, 1);
    await pass(minutes(10));
    await pass(minutes(10));
    const [second, first] = await instances(id);
    expect([first!.status, second!.status]).toEqual(["running", "blocked"]);
    expect(await read(id)).toMatchObject({ runs: 2, skipped: 1 });
    gate("queued").open();
    const [late, early] = await ended(id, 2);
    expect(Date.parse(late!.startedAt!)).toBeGreaterThanOrEqual(Date.parse(early!.finishedAt!));
    expect([early!.status, late!.status]).toEqual(["completed", "completed"]);
  });

  test("cancelOther: the running one is aborted, and the new one starts when that has answered", async () => {
    const { id } = await held("replaced", "cancelOther");
    await pass(minutes(10));
    await isRunning(id, 1);
    await pass(minutes(10));
    const [second, first] = await until(
      () => instances(id),
      (tasks) => tasks.length === 2 && tasks[1]!.status === "cancelled" && tasks[0]!.status === "running",
    );
    expect(Date.parse(second!.startedAt!)).toBeGreaterThanOrEqual(Date.parse(first!.finishedAt!));
    gate("replaced").open();
    await ended(id, 2);
  });

  test("allow: both run", async () => {
    const { id } = await held("both", "allow");
    await pass(minutes(10));
    await isRunning(id, 1);
    await pass(minutes(10));
    await until(
      () => instances(id),
      (tasks) => tasks.length === 2 && tasks.every(({ status }) => status === "running"),
    );
    gate("both").open();
    await ended(id, 2);
  });
});

test("[failure] a failed instance does not end its schedule", async () => {
  const { id } = await makeKnown({ type: "play", payload: { do: "permanent" }, every: "10m" });
  for (const count of [1, 2, 3]) {
    await pass(minutes(10));
    await ended(id, count);
  }
  expect((await instances(id)).map(({ status }) => status)).toEqual(["failed", "failed", "failed"]);
});

test("[overlap] #44 catch-up goes in slices, and holds up no other schedule", async () => {
  await workQ.pause();
  const { id } = await makeKnown({ every: "1m", overlap: "allow", catchUp: "1d" });
  const other = await makeKnown({ every: "5h" });
  await pass(minutes(600.5));
  expect((await read(id)).runs).toBe(100);
  expect((await read(other.id)).runs).toBe(1);
  for (let slice = 2; slice <= 6; slice += 1) {
    expect(await ring("work"), "the alarm stands for the rest").toBe(true);
    expect((await read(id)).runs).toBe(slice * 100);
  }
  await ring("work");
  expect(await keys(id)).toBe(600);
});

test("[overlap] maxRuns: the last run ends it, a trigger counts, more can be allowed", async () => {
  const { id, nextRuns } = await makeKnown({ every: "10m", maxRuns: 3 });
  expect(nextRuns).toHaveLength(3);
  await pass(minutes(10));
  expect((await workQ.schedule(id).trigger()).nextRuns).toHaveLength(1);
  await ended(id, 2);
  await pass(minutes(10));
  await ended(id, 3);
  await pass(minutes(30));
  expect(await read(id)).toMatchObject({ runs: 3, maxRuns: 3, nextRuns: [], paused: false });
  await expect(workQ.schedule(id).trigger()).rejects.toMatchObject({ code: "invalid_state" });
  expect((await workQ.schedule(id).update({ maxRuns: 4 })).nextRuns).toHaveLength(1);
  expect((await workQ.schedule(id).update({ maxRuns: null })).nextRuns).toHaveLength(5);
  await pass(minutes(10));
  await ended(id, 4);
});

test("[overlap] #40 jitter fires within its width after the planned time, and keeps the rhythm", async () => {
  const { id, nextRuns } = await makeKnown({ every: "10m", jitter: "3m" });
  const anchor = Date.parse(nextRuns[0]!);
  const late: number[] = [];
  for (let tick = 0; tick < 20; tick += 1) {
    const [row] = await rows<{ planned_at: number; next_at: number }>(
      "work",
      "SELECT planned_at, next_at FROM schedules WHERE id = ?",
      counterOf(id),
    );
    expect(row!.planned_at).toBe(anchor + minutes(10 * tick));
    late.push(row!.next_at - row!.planned_at);
    clock.freeze();
    clock.advance(row!.next_at - 1 - clock.now());
    await ring("work");
    expect((await read(id)).runs).toBe(tick);
    clock.advance(1);
    await ring("work");
    clock.thaw();
    await ended(id, tick + 1);
  }
  for (const ms of late) expect(ms >= 0 && ms <= minutes(3)).toBe(true);
  expect(new Set(late).size).toBeGreaterThan(1);
});

test("[schedules] what a submit may say, its instances have", async () => {
  const given = {
    priority: "high",
    label: "mine",
    tags: { a: "b" },
    ttl: "2h",
    ttlFrom: "submit",
    deadline: "3h",
    timeout: "7s",
    delay: "1h",
    onDuplicate: "skip",
  };
  const { id, options } = await makeKnown({ every: "30m", overlap: "allow", ...given });
  expect(options).toMatchObject({
    priority: 64,
    label: "mine",
    ttlMs: minutes(120),
    deadlineMs: minutes(180),
    timeoutMs: 7_000,
    delayMs: minutes(60),
  });
  await pass(minutes(30));
  const [task] = await instances(id);
  const from = Date.parse(task!.createdAt);
  const after = (ms: number) => new Date(from + ms).toISOString();
  expect(task).toMatchObject({
    status: "scheduled",
    priority: 64,
    label: "mine",
    schedule: id,
    runAt: after(minutes(60)),
    expiresAt: after(minutes(120)),
    deadline: after(minutes(180)),
  });
  expect(task!.tags).toMatchObject({ a: "b" });
  const changed = await workQ.schedule(id).update({ label: "other", runAt: new Date(clock.now() + minutes(600)) });
  expect(changed.options).toMatchObject({ label: "other", ttlMs: minutes(120), priority: 64, tags: { a: "b" } });
  expect(changed.options).not.toHaveProperty("delayMs");
});

test("a firing costs seven rows, alarm included", async () => {
  await workQ.pause();
  const { id } = await makeKnown({ every: "10m" });
  const written = async () => {
    // The meter is written with the next change, which costs one row itself.
    await workQ.pause();
    return (await workQ.snapshot()).cost;
  };
  const before = await written();
  await pass(minutes(10));
  const after = await written();
  expect((await read(id)).runs).toBe(1);
  // Task, key, its place under the schedule; the schedule and its place in time; state (and the meter's own); the alarm.
  const spent = Object.entries(after.statements).map(
    ([kind, { rowsWritten }]) => [kind, rowsWritten - (before.statements[kind]?.rowsWritten ?? 0)] as const,
  );
  expect(Object.fromEntries(spent.filter(([, count]) => count > 0))).toEqual({
    "insert tasks": 3,
    "update schedules": 2,
    "insert state": 1 + 1,
  });
  expect(after.alarmsSet - before.alarmsSet).toBe(1);
});

test("an id of a deleted schedule is not used again; its tasks stay its own", async () => {
  const first = await makeKnown({ every: "10m" });
  await workQ.schedule(first.id).trigger();
  await workQ.schedule(first.id).delete();
  const second = await makeKnown({ every: "10m" });
  expect(second.id).not.toBe(first.id);
  expect(await instances(first.id)).toHaveLength(1);
  expect(await instances(second.id)).toHaveLength(0);
});

describe("over HTTP", () => {
  const send = async (method: string, path: string, body?: unknown) => {
    const request = new Request(`http://mill${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const response = await mill.fetch(request, { ...env, MILLRACE_AUTH: "open" } as Cloudflare.Env, createExecutionContext());
    return { status: response.status, body: (await response.json()) as Record<string, never> };
  };
  const body = { type: "plain", payload: { n: 1 } };
  const SCHEDULES = "/v1/domains/work/schedules";

  test("[schedules] #38 six fields, leap days, last days, Sunday as 7, both days; made, shown, fired", async () => {
    const six = await send("POST", SCHEDULES, { ...body, cron: "*/30 * * * * *", overlap: "allow", catchUp: "2m", maxRuns: 9 });
    expect(six).toMatchObject({
      status: 201,
      body: { cron: "*/30 * * * * *", overlap: "allow", catchUpMs: 120_000, jitterMs: 0, maxRuns: 9, skipped: 0 },
    });
    made.push(six.body.id!);
    await pass(minutes(1));
    await ended(six.body.id!, 2);
    for (const [cron, isSo] of [
      ["0 0 29 2 *", (at: Date) => at.getUTCMonth() === 1 && at.getUTCDate() === 29],
      ["0 0 31 * *", (at: Date) => at.getUTCDate() === 31],
      ["0 0 * * 7", (at: Date) => at.getUTCDay() === 0],
      ["0 0 13 * 5", (at: Date) => at.getUTCDate() === 13 || at.getUTCDay() === 5],
      ["0 0 L * *", (at: Date) => new Date(at.getTime() + 86_400_000).getUTCDate() === 1],
    ] as const) {
      const answer = await send("POST", SCHEDULES, { ...body, cron });
      expect(answer.status, cron).toBe(201);
      made.push(answer.body.id!);
      const times = (answer.body.nextRuns as unknown as string[]).map((at) => new Date(at));
      expect(times, cron).toHaveLength(5);
      expect(times.every(isSo), cron).toBe(true);
    }
  });

  test.each([
    "@never",
    "0 0 30 2 *",
    "0 0 31 2,4,6,9,11 *",
    "* * * *",
    "61 * * * *",
    `${"*/1,".repeat(40_000)}* * * * *`,
    "0 0 0 0 0 0 0",
    "* * * * MON#6",
  ])("[schedules] #38 bad or hostile cron text, no. %#, is refused", async (cron) => {
    expect(await send("POST", SCHEDULES, { ...body, cron })).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  });

  test("PATCH of the policy, and of the timing", async () => {
    const { body: schedule } = await send("POST", SCHEDULES, { ...body, every: "1h" });
    made.push(schedule.id!);
    const path = `/v1/schedules/${schedule.id}`;
    expect(await send("PATCH", path, { overlap: "queue", catchUp: "1h", jitter: "5m", maxRuns: 2 })).toMatchObject({
      status: 200,
      body: {
        overlap: "queue",
        catchUpMs: 3_600_000,
        jitterMs: 300_000,
        maxRuns: 2,
        every: 3_600_000,
        nextRuns: [(schedule.nextRuns as unknown as string[])[0], expect.any(String)],
      },
    });
    expect(await send("PATCH", path, { cron: "0 3 * * *", timezone: "Europe/Berlin" })).toMatchObject({
      status: 200,
      body: { overlap: "queue", jitterMs: 300_000, cron: "0 3 * * *" },
    });
    expect(await send("GET", path)).toMatchObject({ status: 200, body: { overlap: "queue", maxRuns: 2, timezone: "Europe/Berlin" } });
  });
});
