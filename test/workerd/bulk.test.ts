import { createExecutionContext, reset } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { BulkHandle, BulkJob, DomainHandle } from "millrace";
import { createClient } from "../../src/client/index.ts";
import { onPoint } from "../../src/durable/point.ts";
import { LIMITS } from "../../src/policy/limits.ts";
import { clock } from "../worker/clock.ts";
import { crash } from "../worker/drive.ts";
import { mill, otherQ, workQ } from "../worker/index.ts";
import { expectBalanced } from "../worker/laws.ts";
import { ring, rows, until } from "../worker/reach.ts";
import { gate } from "../worker/script.ts";

const OPEN = { MILLRACE_AUTH: "open" } as unknown as Cloudflare.Env;
const client = createClient<typeof mill>({
  url: "http://mill",
  fetch: (request) => Promise.resolve(mill.fetch(request, OPEN, createExecutionContext())),
});

const plain = (n: number, more: object = {}) => ({ type: "plain", payload: { n }, delay: "1h", ...more });
const many = (count: number, more: object = {}) => Array.from({ length: count }, (_, n) => plain(n, more));
const submit = async (items: object[], handle: typeof workQ = workQ): Promise<string[]> =>
  ((await handle.submitAll(items as never)) as unknown as { id: string }[]).map(({ id }) => id);
const play = async (script: object, options: object = {}): Promise<string> =>
  (await workQ.submit("play", script as never, { key: null, ...options } as never)).id;
const status = async (id: string): Promise<string> => (await workQ.task("play", id).get()).status;

/** Rings until the job has finished. */
async function through(job: BulkHandle, domain = "work"): Promise<BulkJob> {
  return until(
    async () => {
      await ring(domain);
      return job.get();
    },
    ({ finished }) => finished,
  );
}

afterEach(async () => {
  onPoint(undefined);
  vi.restoreAllMocks();
  await expectBalanced("work");
  await reset();
});

// First: the other tests move the clock, and then no alarm rings by itself.
test("the alarm stands while a job goes on, through a crash", async () => {
  await submit(many(LIMITS.bulkSlice * 2));
  const job = await workQ.cancelWhere({});
  await ring("work");
  await crash("work");
  // The platform's own alarm rings on.
  expect(
    await until(
      () => job.get(),
      ({ finished }) => finished,
    ),
  ).toMatchObject({ done: LIMITS.bulkSlice * 2 });
});

describe.each<[string, DomainHandle<"work", never>]>([
  ["in the Worker", workQ as never],
  ["over HTTP", client.domain("work") as never],
])("%s", (_transport, handle) => {
  test("[cancel] in bulk by tag, tag prefix, type and group: what matches and exists now, nothing else", async () => {
    const [tagged] = await submit([plain(1, { tags: { tenant: "a" } }), plain(2, { tags: { tenant: "b" } })]);
    const [prefixed] = await submit([plain(3, { tags: { "bill%.x": "1" } }), plain(4, { tags: { "bill.x": "1" } })]);
    const [grouped] = await submit([plain(5, { group: "g" })]);
    const typed = (await workQ.submit("fair", { tenant: "a", n: 1 }, { delay: "1h" })).id;
    const filters = [{ tags: { tenant: "a" } }, { tagPrefix: "bill%" }, { group: "g" }, { type: "fair" }] as const;
    const ids = [tagged!, prefixed!, grouped!, typed];
    for (const [index, filter] of filters.entries()) {
      expect(await handle.cancelWhere(filter as never, { dryRun: true })).toEqual({ matched: 1, exact: true });
      const job = await through(await handle.cancelWhere(filter as never));
      expect(job).toMatchObject({ matched: 1, done: 1, failed: 0, fraction: 1, errors: [], action: "cancel", domain: "work" });
      expect((await handle.list({ status: "cancelled" })).items.map(({ id }) => id).sort()).toEqual(ids.slice(0, index + 1).sort());
    }
    expect(await handle.cancelWhere({}, { dryRun: true })).toEqual({ matched: 2, exact: true });
  });

  test("[dead letters] one, some or all are retried, under their ids", async () => {
    const dead = [
      await play({ do: "flaky", times: 3, name: "a" }),
      await play({ do: "fail", name: "b" }),
      await play({ do: "fail", name: "c" }),
    ];
    await until(
      () => handle.count({ status: "dead_letter" }),
      (count) => count === 3,
    );
    await handle.pause();
    expect(await through(await handle.retryWhere({ error: "failed b" }))).toMatchObject({ done: 1, failed: 0 });
    expect(await Promise.all(dead.map(status))).toEqual(["dead_letter", "paused", "dead_letter"]);
    const all = await handle.retryWhere({ status: "dead_letter" });
    expect(await handle.bulk(all.id).get()).toMatchObject({ id: all.id, action: "retry" });
    expect(await through(all)).toMatchObject({ done: 2, failed: 0, finished: true });
    expect(await Promise.all(dead.map(status))).toEqual(["paused", "paused", "paused"]);
    expect((await workQ.task("play", dead[0]!).get()).errors).toHaveLength(3);
  });

  test("[dead letters] a group of failures by its pattern, as it is grouped, and nothing that only looks alike", async () => {
    const ids = await Promise.all(["b 7", "b 8", "b 7 more"].map((name) => play({ do: "permanent", name })));
    await until(
      () => handle.count({ status: "failed" }),
      (count) => count === 3,
    );
    const { items } = await handle.failures();
    const { pattern } = items.find(({ count }) => count === 2)!;
    await handle.pause();
    expect(await handle.retryWhere({ pattern }, { dryRun: true })).toEqual({ matched: 2, exact: true });
    expect(await handle.retryWhere({ pattern, type: "plain" as never }, { dryRun: true })).toEqual({ matched: 0, exact: true });
    expect(await through(await handle.retryWhere({ pattern }))).toMatchObject({ matched: 2, done: 2, failed: 0 });
    expect(await Promise.all(ids.map(status))).toEqual(["paused", "paused", "failed"]);
    clock.advance(LIMITS.keepAtLeastMs + 1);
    expect(await through(await handle.deleteWhere({ pattern: items.find(({ count }) => count === 1)!.pattern }))).toMatchObject({
      done: 1,
    });
    expect(await handle.count({ status: "failed" })).toBe(0);
  });

  test("only tasks that are named, and of those what else matches, also over more than one slice", async () => {
    const ids = await submit(many(LIMITS.bulkSlice + 60));
    const named = ids.filter((_, at) => at % 2 === 0);
    const some = [...named.slice(0, 3), ...named.slice(0, 3), "work_999999"];
    expect(await handle.cancelWhere({ ids: some }, { dryRun: true })).toEqual({ matched: 3, exact: true });
    expect(await handle.cancelWhere({ ids: some, type: "play" }, { dryRun: true })).toEqual({ matched: 0, exact: true });
    expect(await through(await handle.cancelWhere({ ids: named }))).toMatchObject({ matched: named.length, done: named.length, failed: 0 });
    expect(await handle.count({ status: "cancelled" })).toBe(named.length);
    expect(await through(await handle.retryWhere({ ids: named.slice(-2), status: "cancelled" }))).toMatchObject({ done: 2 });
    clock.advance(LIMITS.keepAtLeastMs + 1);
    // Of the first ten every second one is cancelled; those that have not ended are not met.
    expect(await through(await handle.deleteWhere({ ids: ids.slice(0, 10) }))).toMatchObject({ matched: 5, done: 5 });
    await expect(handle.cancelWhere({ ids: ["other_1"] })).rejects.toMatchObject({ code: "invalid_request" });
  });

  test("what is wrong with a filter is said before anything begins", async () => {
    await submit(many(1));
    await expect(handle.deleteWhere({ status: "running" })).rejects.toMatchObject({ code: "invalid_request" });
    await expect(handle.cancelWhere({ limit: 5 } as never)).rejects.toMatchObject({ code: "invalid_request" });
    await expect(handle.bulk("work_b7").get()).rejects.toMatchObject({ code: "bulk_not_found" });
    expect(await rows("work", "SELECT 1 FROM bulk")).toEqual([]);
  });

  test("the same idempotency key is the same job; with another filter a conflict", async () => {
    await submit(many(2));
    const first = await handle.cancelWhere({}, { idempotencyKey: "once" });
    expect((await handle.cancelWhere({}, { idempotencyKey: "once" })).id).toBe(first.id);
    await expect(handle.retryWhere({}, { idempotencyKey: "once" })).rejects.toMatchObject({ code: "idempotency_conflict" });
    expect(await through(first)).toMatchObject({ done: 2 });
    expect(await first.finished()).toMatchObject({ finished: true });
    await expect(handle.cancelWhere({ type: "plain" }, { idempotencyKey: "once" })).rejects.toMatchObject({ code: "idempotency_conflict" });
  });
});

// Beside others on a busy machine.
const PATIENCE = { timeout: 30_000 };

describe("[cancel] #49 thousands at once", PATIENCE, () => {
  const COUNT = 5_000;

  test("slice by slice beside submits, a row each and little more; again: nothing happens", async () => {
    await submit(many(COUNT, { tags: { batch: "1" } }));
    const before = (await workQ.snapshot()).cost;
    const job = await workQ.cancelWhere({ tags: { batch: "1" } });
    const late: string[] = [];
    let slices = 0;
    for (let seen = await job.get(); !seen.finished; seen = await job.get(), slices += 1) {
      expect(seen.done % LIMITS.bulkSlice).toBe(0);
      expect(seen.fraction).toBeLessThan(1);
      // Submitted while it goes on, and answered: it is not of the job.
      late.push(...(await submit([plain(slices, { tags: { batch: "1" } })])));
      await ring("work");
    }
    expect(slices).toBeGreaterThanOrEqual(COUNT / LIMITS.bulkSlice);
    expect(await job.get()).toMatchObject({ matched: COUNT, done: COUNT, failed: 0 });
    const { cost, counts, totals } = await workQ.snapshot();
    expect([counts.cancelled, counts.scheduled, totals.cancelled]).toEqual([COUNT, late.length, COUNT]);
    const of = (kind: string) => (cost.statements[kind]?.rowsWritten ?? 0) - (before.statements[kind]?.rowsWritten ?? 0);
    expect(of("update tasks")).toBe(COUNT);
    expect(of("update bulk")).toBeLessThanOrEqual(slices + 4);
    // Beside the task's own row: per slice a row of the job, of the state, and of the alarm, twice at most.
    const submits = of("insert tasks") + of("insert tags") + 2 * late.length;
    expect(cost.rowsWritten - before.rowsWritten - submits - COUNT).toBeLessThan(6 * slices + 20);

    expect(await through(await workQ.cancelWhere({ tags: { batch: "1" }, until: new Date(clock.now() - 1) }))).toMatchObject({ failed: 0 });
    expect((await workQ.snapshot()).totals.cancelled).toBe(COUNT + late.length - (await workQ.count({ status: "scheduled" })));
  });

  test.each(["bulk.begin", "bulk.written", "bulk.committed", "alarm.committed"])("a crash at %s: each task counts once", async (at) => {
    await submit(many(1_200));
    const job = await workQ.cancelWhere({ type: "plain" });
    let passes = 0;
    let died = 0;
    onPoint((point) => {
      if (point !== at || (passes += 1) % 3 !== 2 || died >= 2) return;
      died += 1;
      throw new Error("killed");
    });
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    await until(
      async () => {
        await ring("work").catch(() => undefined);
        await crash("work");
        return job.get();
      },
      ({ finished }) => finished,
    );
    expect(died).toBe(2);
    expect(await job.get()).toMatchObject({ matched: 1_200, done: 1_200, failed: 0 });
    expect((await workQ.snapshot()).totals.cancelled).toBe(1_200);
  });

  test("replayed twice in a row: each runs once more, none twice", async () => {
    await workQ.pause();
    await submit(many(300, { delay: 0 }));
    await through(await workQ.cancelWhere({ status: "paused" }));
    const one = await workQ.retryWhere({ status: "cancelled" });
    const other = await workQ.retryWhere({ status: "cancelled" });
    expect([await through(one), await through(other)]).toMatchObject([{ done: 300 }, { matched: 0 }]);
    await workQ.resume();
    await until(
      () => workQ.snapshot(),
      ({ counts }) => counts.completed === 300,
    );
    expect((await workQ.snapshot()).totals).toMatchObject({ completed: 300, reopened: 300 });
  });

  test("while they run: what is under way is told to stop, the rest never starts", async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, (_, n) => play({ do: "hold", name: `under way ${n}` })));
    await until(
      () => workQ.snapshot(),
      ({ counts }) => counts.running === 8,
    );
    const waiting = await play({ do: "hold", name: "never" });
    expect(await through(await workQ.cancelWhere({ type: "play", status: ["pending", "running"] }))).toMatchObject({ done: 9 });
    await until(
      () => workQ.count({ status: "cancelled" }),
      (count) => count === 9,
    );
    expect((await workQ.task("play", waiting).get()).executions).toBe(0);
    expect((await workQ.task("play", ids[0]!).get()).executions).toBe(1);
  });
});

describe("[cancel] in bulk, and the graph", PATIENCE, () => {
  test("what would go on without its dependency, or after the one before it, ends before that sets it free", async () => {
    const first = await play({}, { delay: "1h" });
    const ignoring = await play({ name: "ignores" }, { dependsOn: [first], onDependencyFailure: "ignore" });
    await submit(many(LIMITS.bulkSlice + 10));
    expect(await through(await workQ.cancelWhere({}))).toMatchObject({ done: LIMITS.bulkSlice + 12, failed: 0 });
    expect(await workQ.task("play", ignoring).get()).toMatchObject({ status: "cancelled", executions: 0 });
  });

  test("a parent ends cancelled with its children, though they are met before it", async () => {
    const child = (n: number) => ({ payload: { name: `child ${n}` }, options: { key: null, delay: "1h" } });
    const family = { name: "bulk family", children: Array.from({ length: LIMITS.bulkSlice + 20 }, (_, n) => child(n)) };
    const { id } = await workQ.submit("parent", family as never, { failFast: false });
    await until(
      () => status(id),
      (seen) => seen === "waiting",
    );
    await through(await workQ.cancelWhere({}));
    expect(await status(id)).toBe("cancelled");
    expect((await workQ.snapshot()).counts).toMatchObject({ cancelled: family.children.length + 1, waiting: 0, scheduled: 0 });
  });

  test("a retry reopens what others depend on before them", async () => {
    const first = await play({}, { delay: "1h" });
    const second = await play({ name: "second" }, { dependsOn: [first] });
    await workQ.task("play", first).cancel();
    expect(await status(second)).toBe("dependency_failed");
    expect(await through(await workQ.retryWhere({ status: ["cancelled", "dependency_failed"] }))).toMatchObject({ done: 2, failed: 0 });
    await until(
      () => status(second),
      (seen) => seen === "completed",
    );
  });
});

describe("what a job can do nothing to", () => {
  test("[dead letters] a retry of one whose key another holds counts as failed, and says so", async () => {
    const dead = await play({ do: "fail", name: "keyed" }, { key: "k" });
    const free = await play({ do: "fail", name: "free" });
    await until(
      () => workQ.count({ status: "dead_letter" }),
      (count) => count === 2,
    );
    const holder = await play({ name: "holder" }, { key: "k", delay: "1h" });
    const job = await through(await workQ.retryWhere({ type: "play" }));
    expect(job).toMatchObject({ matched: 2, done: 1, failed: 1, errors: [{ id: dead, message: expect.stringContaining(holder) }] });
    expect(await status(dead)).toBe("dead_letter");
    await until(
      () => workQ.task("play", free).get(),
      (task) => task.errors.length === 6,
    );
  });

  test("[purge] delete takes nothing of the last minute, nor what a living task needs", async () => {
    const needed = await play({ name: "needed" });
    const waits = await play({}, { delay: "1h" });
    await play({ name: "needs" }, { dependsOn: [needed, waits] });
    const done = await submit([plain(1, { delay: 0, tags: { a: "b" } }), plain(2, { delay: 0 })]);
    await until(
      () => workQ.count({ status: "completed" }),
      (count) => count === 3,
    );
    expect(await through(await workQ.deleteWhere({}))).toMatchObject({ matched: 3, done: 0, failed: 3 });
    clock.advance(61_000);
    const job = await through(await workQ.deleteWhere({}));
    expect(job).toMatchObject({ matched: 3, done: 2, failed: 1, errors: [{ id: needed, message: expect.stringContaining("needs it") }] });
    for (const id of done) await expect(workQ.task("plain", id).get()).rejects.toMatchObject({ code: "task_not_found" });
    expect(await rows("work", "SELECT 1 FROM tags")).toEqual([]);
    expect((await workQ.snapshot()).totals.purged).toBe(2);
  });

  test("ready, paused and running are told apart, though their rows are alike", async () => {
    await play({ do: "hold", name: "stays" });
    await until(
      () => workQ.snapshot(),
      ({ counts }) => counts.running === 1,
    );
    await mill.group("held").pause();
    const held = await play({ name: "in a group" }, { group: "held" });
    await until(
      () => status(held),
      (seen) => seen === "paused",
    );
    expect(await workQ.cancelWhere({ status: "paused" }, { dryRun: true })).toEqual({ matched: 1, exact: true });
    expect(await through(await workQ.cancelWhere({ status: "paused" }))).toMatchObject({ done: 1 });
    expect(await status(held)).toBe("cancelled");
    expect((await workQ.snapshot()).counts.running).toBe(1);
    gate("stays").open();
    await until(
      () => workQ.count({ status: "completed" }),
      (count) => count === 1,
    );
  });
});

describe("jobs", PATIENCE, () => {
  test("one after the other, the oldest first, at most 32; a finished one is forgotten after a week", async () => {
    await submit(many(LIMITS.bulkSlice + 1));
    const first = await workQ.cancelWhere({});
    const others: BulkHandle[] = [];
    for (let n = 1; n < LIMITS.bulkJobsMax; n += 1) others.push(await workQ.retryWhere({ status: "cancelled", type: `none${n}` as never }));
    await expect(workQ.cancelWhere({})).rejects.toMatchObject({ code: "too_many_requests" });
    expect((await through(others[0]!)).finished).toBe(true);
    expect(await first.get()).toMatchObject({ done: LIMITS.bulkSlice + 1, finished: true });
    await through(others.at(-1)!);
    clock.advance(LIMITS.bulkKeepMs + 1_000);
    await until(
      async () => {
        await ring("work");
        return rows("work", "SELECT 1 FROM bulk");
      },
      (left) => left.length === 0,
    );
    await expect(first.get()).rejects.toMatchObject({ code: "bulk_not_found" });
    expect(Number((await workQ.cancelWhere({})).id.split("_b")[1])).toBe(LIMITS.bulkJobsMax + 1);
  });

  test("one that fails again and again is given up, and holds up nothing else meanwhile", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const [id] = await submit([plain(1)]);
    const [due] = await submit([plain(2, { delay: "1s" })]);
    await rows("work", `CREATE TRIGGER broken BEFORE UPDATE ON tasks WHEN NEW.status = 13 BEGIN SELECT RAISE(ABORT, 'broken'); END`);
    const job = await workQ.cancelWhere({ status: "scheduled" });
    clock.advance(1_500);
    const ended = await through(job);
    expect(ended).toMatchObject({ done: 0, errors: [{ message: expect.stringContaining("broken") }] });
    await until(
      () => workQ.task("plain", due!).get(),
      (task) => task.status === "completed",
    );
    await rows("work", "DROP TRIGGER broken");
    expect(await status(id!)).toBe("scheduled");
  });

  test("an alarm that is only late is not set anew by every submit, which would put the job off for ever", async () => {
    await submit(many(3));
    clock.freeze();
    const job = await workQ.cancelWhere({});
    clock.advance(10);
    const set = async () => (await workQ.snapshot()).cost.alarmsSet;
    const before = await set();
    for (let n = 0; n < 10; n += 1) await submit([plain(n)]);
    expect(await set()).toBe(before);
    // This late it may be lost.
    clock.advance(2_000);
    await submit([plain(11)]);
    expect(await set()).toBe(before + 1);
    expect(await through(job)).toMatchObject({ done: 3 });
    clock.thaw();
  });

  test("each domain has its own", async () => {
    await submit([{ type: "play", payload: { name: "x" }, delay: "1h" }], otherQ as never);
    await submit(many(1));
    expect(await through(await otherQ.cancelWhere({}), "other")).toMatchObject({ id: "other_b1", done: 1 });
    expect(await workQ.count({ status: "scheduled" })).toBe(1);
  });
});
