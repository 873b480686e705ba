import { describe, expect, it, vi } from "vitest";
import { fail } from "../../src/policy/errors.ts";
import { LIMITS } from "../../src/policy/limits.ts";
import { begin, registry, settled, task, type } from "./runner-fakes.ts";

const many = (count: number, kind = "a") => Array.from({ length: count }, (_, index) => task(index + 1, kind, { n: index + 1 }));
/** An executor that waits until its signal aborts, then throws what the signal says. */
const untilAborted = type(
  (_, ctx) => new Promise((_resolve, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason))),
);
/** An executor that the test ends by hand, task by task. */
function held() {
  const open = new Map<number, { resolve: (value?: unknown) => void; reject: (reason: unknown) => void; ctx: any }>();
  const started: number[] = [];
  const kind = type(({ n }, ctx) => {
    started.push(n);
    return new Promise((resolve, reject) => open.set(n, { resolve, reject, ctx }));
  });
  return { kind, open, started };
}

describe("the tasks of a run", () => {
  it("run one after another, in order, and their outcomes come with the answer", async () => {
    let under = 0;
    const order: number[] = [];
    const a = type(async ({ n }) => {
      expect((under += 1)).toBe(1);
      await Promise.resolve();
      order.push(n);
      under -= 1;
      if (n === 3) throw new Error("three");
      return { n };
    });
    const run = begin({ a }, many(40));
    const { outcomes, unstarted } = await run.answer;
    expect(order).toEqual(many(40).map(({ id }) => id));
    expect(unstarted).toEqual([]);
    expect(outcomes.map(({ id }) => id)).toEqual(order);
    expect(outcomes[2]).toMatchObject({ id: 3, ok: false, retryable: true, error: { message: "three" } });
    expect(outcomes[39]).toEqual({ id: 40, ok: true, result: '{"n":40}' });
    expect(run.object.attached).toBe(0);
    expect(run.object.settles).toEqual([]);
    expect(run.object.disposed).toBe(1);
    expect(run.clock.timers).toBe(0);
  });

  it("cost one timer and one pause in 250 fast ones", async () => {
    const run = begin({ a: type(async () => 1) }, many(250));
    expect((await run.answer).outcomes).toHaveLength(250);
    expect(run.clock.set).toBe(1);
    expect(run.turns()).toBe(1);
  });

  it("sees a recall at a pause between tasks that do no I/O", async () => {
    let release = () => {};
    const run = begin({ a: type(() => 1) }, many(250), { turn: () => new Promise<void>((resolve) => (release = resolve)) });
    await run.clock.advance(5);
    const ids = await run.object.control!.recall();
    expect(ids).toEqual(
      many(250)
        .slice(62)
        .map(({ id }) => id),
    );
    release();
    const { outcomes, unstarted } = await run.answer;
    expect(outcomes.map(({ id }) => id)).toEqual(many(62).map(({ id }) => id));
    expect(unstarted).toEqual(ids);
  });

  it("[state] [automatic tag] have their context, lazily", async () => {
    let built = 0;
    let ctx: any;
    const types = registry(
      { a: type((_, given) => ((ctx = given), void ctx.state)) },
      { defaults: { tags: { provider: "acme", size: "s" } }, state: () => ({ built: (built += 1) }) },
      (env: any) => ({ name: env.NAME }),
    );
    const one = task(5, "a", { n: 1 }, { attempt: 2, executions: 4, tags: { size: "l" }, key: "k", label: "L", schedule: "media_s1" });
    await begin(types, [one]).answer;
    await begin(types, [one]).answer;
    expect(built).toBe(1);
    expect(ctx.state).toEqual({ built: 1 });
    expect(ctx.app).toEqual({ name: "env" });
    expect(ctx.env).toEqual({ NAME: "env" });
    expect(ctx.attempt).toBe(2);
    expect(ctx.task).toMatchObject({
      id: "media_5",
      domain: "media",
      type: "a",
      status: "running",
      payload: { n: 1 },
      attempt: 2,
      maxAttempts: 4,
      executions: 4,
      key: "k",
      label: "L",
      tags: { provider: "acme", size: "l", _domain: "media" },
      createdAt: new Date(999_000).toISOString(),
      waitMs: 1_000,
      schedule: "media_s1",
    });
    expect(ctx.task).toBe(ctx.task);
  });

  it("[state] fail, retryably, while the state's factory throws; it is tried again", async () => {
    let tries = 0;
    const state = () => {
      if ((tries += 1) < 2) throw new Error("no binding");
      return "built";
    };
    const types = registry({ a: type((_, ctx) => ctx.state) }, { state });
    expect((await begin(types, many(3)).answer).outcomes).toMatchObject([
      { ok: false, retryable: true, error: { message: "no binding" } },
      { result: '"built"' },
      { result: '"built"' },
    ]);
    expect(tries).toBe(2);
  });

  it("log with their id", async () => {
    const run = begin({ a: type((_, { log }) => log.warn("odd", { size: 3, task: "forged" })) }, [task(8, "a")]);
    await run.answer;
    expect(run.lines).toEqual([
      { level: "warn", line: { size: 3, message: "odd", domain: "media", type: "a", task: "media_8", attempt: 1 } },
    ]);
  });

  it("that fail are logged, with their error and never their payload; those that were stopped are not", async () => {
    const fails = type(() => {
      throw new Error("two\nlines");
    });
    const run = begin({ a: fails }, [task(8, "a", { secret: "hunter2" })]);
    await run.answer;
    expect(run.lines).toMatchObject([
      {
        level: "warn",
        line: { message: "The attempt failed.", domain: "media", type: "a", task: "media_8", attempt: 1, error: { message: "two\nlines" } },
      },
    ]);
    expect(JSON.stringify(run.lines)).not.toContain("hunter2");
  });

  it("[optional domain] reach other domains, but do not wait for other tasks", async () => {
    const handle = {
      submit: vi.fn(async () => ({ id: "media_9" })),
      task: () => ({ id: "media_9", result: async () => 1, get: async () => "got" }),
    };
    const a = type(async (_, ctx) => {
      const media = ctx.domain({ name: "media" });
      await media.submit("a", {});
      expect(await media.task("a", "media_9").get()).toBe("got");
      expect(ctx.tryDomain({ name: "other" })).toBeUndefined();
      expect(ctx.tryDomain({ name: "media" })).toBeDefined();
      return media.task("a", "media_9").result();
    });
    const { outcomes } = await begin({ a }, [task(1, "a")], { domain: () => handle as never }).answer;
    expect(handle.submit).toHaveBeenCalledWith("a", {});
    expect(outcomes).toMatchObject([{ ok: false, error: { code: "invalid_state" } }]);
  });
});

describe("timeout", () => {
  it("[timeouts] aborts the signal and waits for the executor; the outcome is the timeout even if a value comes", async () => {
    const { kind, open } = held();
    const run = begin({ a: kind }, [task(1, "a", { n: 1 }, { timeoutMs: 1_000 })]);
    await run.clock.advance(999);
    const { ctx, resolve } = open.get(1)!;
    expect(ctx.signal.aborted).toBe(false);
    await run.clock.advance(1);
    expect(ctx.signal.aborted).toBe(true);
    expect(ctx.signal.reason).toMatchObject({ name: "TimeoutError" });
    await run.clock.advance(2_000);
    expect(run.ended()).toBe(false);
    resolve("late");
    expect((await run.answer).outcomes).toMatchObject([
      { id: 1, ok: false, retryable: true, aborted: "timeout", error: { name: "TimeoutError", code: "timeout" } },
    ]);
  });

  it("[timeouts] #21 is each task's own, shorter than everything else or not", async () => {
    const run = begin({ a: untilAborted }, [task(1, "a", {}, { timeoutMs: 2 }), task(2, "a", {}, { timeoutMs: 30 })]);
    await run.clock.advance(2);
    expect(run.ended()).toBe(false);
    await run.clock.advance(29);
    expect(run.ended()).toBe(false);
    await run.clock.advance(1);
    expect([...run.object.told, ...(await run.answer).outcomes]).toMatchObject([
      { id: 1, aborted: "timeout" },
      { id: 2, aborted: "timeout" },
    ]);
  });

  it("shows an aborted signal to an executor that asks for it only afterwards", async () => {
    const { kind, open } = held();
    const run = begin({ a: kind }, [task(1, "a", { n: 1 }, { timeoutMs: 3 })]);
    await run.clock.advance(3);
    expect(() => open.get(1)!.ctx.signal.throwIfAborted()).toThrow(/timeout of 3 ms/);
    open.get(1)!.resolve();
    await run.answer;
  });
});

describe("abort", () => {
  it("before the start: the task joins the unstarted", async () => {
    const { kind, open, started } = held();
    const run = begin({ a: kind }, many(3));
    await run.clock.advance(5);
    await run.object.control!.abort(2, "cancel");
    await run.object.control!.abort(99, "cancel");
    open.get(1)!.resolve();
    await settled();
    open.get(3)!.resolve();
    expect(await run.answer).toMatchObject({
      outcomes: [
        { id: 1, ok: true },
        { id: 3, ok: true },
      ],
      unstarted: [2],
    });
    expect(started).toEqual([1, 3]);
  });

  it("after the end: is ignored", async () => {
    const { kind, open } = held();
    const run = begin({ a: kind }, many(2));
    await run.clock.advance(5);
    open.get(1)!.resolve();
    await settled();
    await run.object.control!.abort(1, "cancel");
    open.get(2)!.resolve();
    expect(await run.answer).toMatchObject({
      outcomes: [
        { id: 1, ok: true },
        { id: 2, ok: true },
      ],
      unstarted: [],
    });
  });

  it("carried by the answer to attach", async () => {
    const run = begin({ a: untilAborted }, many(3));
    run.object.asked = {
      abort: [
        [1, "deadline"],
        [2, "cancel"],
      ],
      recall: true,
    };
    await run.clock.advance(5);
    const { outcomes, unstarted } = await run.answer;
    expect(outcomes).toMatchObject([{ id: 1, ok: false, aborted: "deadline", error: { code: "deadline" } }]);
    expect(unstarted).toEqual([2, 3]);
  });

  it.each(["cancel", "deadline", "timeout"] as const)("for %s: a value that comes later does not count", async (reason) => {
    const { kind, open } = held();
    const run = begin({ a: kind }, many(1));
    await run.clock.advance(5);
    await run.object.control!.abort(1, reason);
    open.get(1)!.resolve("late");
    expect((await run.answer).outcomes).toMatchObject([{ id: 1, ok: false, aborted: reason }]);
  });

  it.each(["pause", "preempt"] as const)("[not charged] for %s: finished work stays finished, unfinished goes back", async (reason) => {
    for (const finish of [true, false]) {
      const { kind, open } = held();
      const run = begin({ a: kind }, many(1));
      await run.clock.advance(5);
      await run.object.control!.abort(1, reason);
      if (finish) open.get(1)!.resolve("done");
      else open.get(1)!.reject(new Error("stopped halfway"));
      expect((await run.answer).outcomes).toMatchObject([
        finish ? { ok: true, result: '"done"' } : { ok: false, aborted: reason, retryable: true },
      ]);
    }
  });

  it("by cancel says more than by timeout, and not the other way round", async () => {
    for (const order of [
      ["timeout", "cancel"],
      ["cancel", "timeout"],
    ] as const) {
      const { kind, open } = held();
      const run = begin({ a: kind }, many(1));
      await run.clock.advance(5);
      for (const reason of order) await run.object.control!.abort(1, reason);
      open.get(1)!.resolve();
      expect((await run.answer).outcomes).toMatchObject([{ aborted: "cancel" }]);
    }
  });
});

describe("onCancel", () => {
  const cancelled = async (onCancel: (payload: any, ctx: any) => unknown) => {
    const run = begin({ a: { ...untilAborted, onCancel }, b: type(() => 1) }, [task(1, "a", { n: 1 }), task(2, "b")]);
    await run.clock.advance(5);
    await run.object.control!.abort(1, "cancel");
    await settled();
    return run;
  };

  it("[cancel] runs with the payload and a fresh signal, before the next task", async () => {
    const seen: unknown[] = [];
    const run = await cancelled(async (payload, ctx) => seen.push([payload, ctx.signal.aborted, ctx.task.id]));
    expect((await run.answer).outcomes).toMatchObject([
      { id: 1, aborted: "cancel" },
      { id: 2, ok: true },
    ]);
    expect(seen).toEqual([[{ n: 1 }, false, "media_1"]]);
  });

  it("may fail: it is logged, the task is cancelled all the same", async () => {
    const run = await cancelled(() => {
      throw new Error("cleanup");
    });
    expect((await run.answer).outcomes).toMatchObject([
      { id: 1, aborted: "cancel" },
      { id: 2, ok: true },
    ]);
    expect(run.lines).toMatchObject([{ level: "error", line: { task: "media_1", error: { message: "cleanup" } } }]);
  });

  it("[cancel] has 30 s, then its signal aborts and nobody waits", async () => {
    let signal: AbortSignal | undefined;
    const run = await cancelled((_, ctx) => ((signal = ctx.signal), new Promise(() => {})));
    for (let ms = 0; ms < LIMITS.cancelHookMs - 1_000; ms += 1_000) {
      await run.object.control!.renew();
      await run.clock.advance(1_000);
    }
    await run.object.control!.abort(1, "cancel");
    await run.clock.advance(999);
    expect([signal!.aborted, run.ended()]).toEqual([false, false]);
    await run.clock.advance(1);
    expect(signal!.aborted).toBe(true);
    expect((await run.answer).outcomes).toMatchObject([
      { id: 1, aborted: "cancel" },
      { id: 2, ok: true },
    ]);
    expect(run.lines).toMatchObject([{ level: "warn" }]);
  });

  it("does not run for a timeout, a pause, or a task that never began", async () => {
    const onCancel = vi.fn();
    for (const reason of ["timeout", "pause", "deadline"] as const) {
      const run = begin({ a: { ...untilAborted, onCancel } }, many(1));
      await run.clock.advance(5);
      await run.object.control!.abort(1, reason);
      await run.answer;
    }
    const slow = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: () => new Promise<{ value: unknown }>((resolve) => (parsed = () => resolve({ value: 1 }))),
      },
    } as const;
    let parsed = () => {};
    const execute = vi.fn();
    const run = begin({ a: type(execute, { payload: slow, onCancel }) }, many(1));
    await run.clock.advance(5);
    await run.object.control!.abort(1, "cancel");
    parsed();
    expect((await run.answer).outcomes).toMatchObject([{ aborted: "cancel" }]);
    expect(execute).not.toHaveBeenCalled();
    expect(onCancel).not.toHaveBeenCalled();
  });
});

describe("recall", () => {
  it("answers at once with what will not start, again when asked again", async () => {
    const { kind, open, started } = held();
    const run = begin({ a: kind }, many(4));
    await run.clock.advance(5);
    expect(await run.object.control!.recall()).toEqual([2, 3, 4]);
    expect(await run.object.control!.recall()).toEqual([2, 3, 4]);
    open.get(1)!.resolve();
    expect(await run.answer).toMatchObject({ outcomes: [{ id: 1 }], unstarted: [2, 3, 4] });
    expect(started).toEqual([1]);
  });
});

describe("outcomes on their way", () => {
  it("are sent when the first is 25 ms old and the run goes on, the rest with the answer", async () => {
    const { kind, open } = held();
    const run = begin({ a: kind }, many(4));
    await run.clock.advance(10);
    open.get(1)!.resolve();
    await run.clock.advance(20);
    open.get(2)!.resolve();
    await run.clock.advance(4);
    expect(run.object.settles).toEqual([]);
    await run.clock.advance(1);
    expect(run.object.settles.map((batch) => batch.map(({ id }) => id))).toEqual([[1, 2]]);
    open.get(3)!.resolve();
    await run.clock.advance(24);
    open.get(4)!.resolve();
    expect((await run.answer).outcomes.map(({ id }) => id)).toEqual([3, 4]);
    expect(run.object.settles).toHaveLength(1);
  });

  it("are sent once: while a batch is on its way, nothing is sent and no timer spins", async () => {
    const { kind, open } = held();
    const run = begin({ a: kind }, many(3));
    let arrived = () => {};
    run.object.slow = new Promise((resolve) => (arrived = resolve));
    open.get(1)?.resolve();
    await run.clock.advance(5);
    open.get(1)!.resolve();
    await run.clock.advance(25);
    const before = run.clock.set;
    open.get(2)?.resolve();
    await run.clock.advance(400);
    expect(run.clock.set - before).toBeLessThan(3);
    expect(run.object.settles).toEqual([]);
    arrived();
    await run.clock.advance(25);
    expect(run.object.settles.map((batch) => batch.map(({ id }) => id))).toEqual([[1], [2]]);
    open.get(3)!.resolve();
    expect((await run.answer).outcomes).toMatchObject([{ id: 3 }]);
  });

  it("are cut into messages that fit, and none is lost or piled up", async () => {
    const text = "x".repeat(LIMITS.resultBytesMax - 2);
    let most = 0;
    const run = begin({ a: type(({ n }) => ((most = Math.max(most, n - 1 - run.object.told.length)), text)) }, many(40));
    const { outcomes } = await run.answer;
    expect(most).toBeLessThanOrEqual(9);
    expect([...run.object.told, ...outcomes].map(({ id }) => id)).toEqual(many(40).map(({ id }) => id));
    for (const batch of [...run.object.settles, outcomes]) expect(batch.length).toBeLessThanOrEqual(9);
  });
});

describe("attach", () => {
  it("happens once, 5 ms into a run that goes on", async () => {
    const { kind, open } = held();
    const run = begin({ a: kind }, many(1));
    await run.clock.advance(4);
    expect(run.object.attached).toBe(0);
    await run.clock.advance(1);
    expect(run.object.attached).toBe(1);
    await run.clock.advance(5_000);
    expect(run.object.attached).toBe(1);
    open.get(1)!.resolve();
    await run.answer;
  });
});

describe("progress", () => {
  it("[progress] is joined: the latest, every 250 ms at most, none from a short run", async () => {
    const { kind, open } = held();
    const run = begin({ a: kind }, many(2));
    await run.clock.advance(10);
    const { ctx } = open.get(1)!;
    ctx.progress(0.1, "a");
    ctx.progress(0.2, "b");
    await run.clock.advance(239);
    expect(run.object.progress).toEqual([]);
    await run.clock.advance(1);
    expect(run.object.progress).toEqual([[{ id: 1, fraction: 0.2, message: "b" }]]);
    ctx.bytes({ done: 3, total: 4 });
    await run.clock.advance(249);
    expect(run.object.progress).toHaveLength(1);
    await run.clock.advance(1);
    expect(run.object.progress[1]).toEqual([{ id: 1, fraction: 0.75, message: "b", bytes: { done: 3, total: 4 } }]);
    await run.clock.advance(1_000);
    ctx.progress(7, "ä".repeat(300));
    await run.clock.advance(0);
    expect(run.object.progress[2]).toEqual([{ id: 1, fraction: 1, message: "ä".repeat(128), bytes: { done: 3, total: 4 } }]);
    ctx.progress(NaN);
    await run.clock.advance(1_000);
    expect(run.object.progress).toHaveLength(3);
    open.get(1)!.resolve();
    await settled();
    ctx.progress(0.9);
    await run.clock.advance(1_000);
    expect(run.object.progress).toHaveLength(3);
    open.get(2)!.resolve();
    await run.answer;
  });
});

describe("the run lease", () => {
  it("lasts 10 s from the last renewal; then the signal aborts, no task starts, every call rejects", async () => {
    const submit = vi.fn(async () => 1);
    const { kind, open, started } = held();
    const run = begin({ a: kind }, many(3), { domain: () => ({ submit }) as never });
    await run.clock.advance(9_000);
    await run.object.control!.renew();
    const { ctx, reject } = open.get(1)!;
    const media = ctx.domain({ name: "media" });
    await run.clock.advance(9_999);
    expect(ctx.signal.aborted).toBe(false);
    await media.submit();
    await run.clock.advance(1);
    expect(ctx.signal.aborted).toBe(true);
    await expect(media.submit()).rejects.toMatchObject({ code: "lease_lost" });
    expect(() => ctx.domain({ name: "media" })).toThrow(expect.objectContaining({ code: "lease_lost" }));
    await expect(run.object.control!.renew()).rejects.toMatchObject({ code: "lease_lost" });
    expect(submit).toHaveBeenCalledTimes(1);
    reject(ctx.signal.reason);
    expect(await run.answer).toMatchObject({ outcomes: [{ id: 1, ok: false, aborted: "lease" }], unstarted: [2, 3] });
    expect(started).toEqual([1]);
    expect(run.clock.timers).toBe(0);
  });

  it("is over at once when the object says so", async () => {
    const run = begin({ a: untilAborted }, many(2));
    run.object.broken = fail("lease_lost", "not yours");
    await run.clock.advance(5);
    expect(await run.answer).toMatchObject({ outcomes: [{ id: 1, aborted: "lease" }], unstarted: [2] });
    expect(run.object.resumes).toEqual([]);
  });
});

describe("a broken link", () => {
  const reset = Object.assign(new Error("Durable Object reset because its code was updated."), { durableObjectReset: true });

  it("is replaced by name; nothing is lost, and the end is told by name, too", async () => {
    const { kind, open } = held();
    const run = begin({ a: kind }, many(3));
    await run.clock.advance(10);
    run.object.broken = reset;
    open.get(1)!.resolve();
    await run.clock.advance(25);
    expect(run.object.resumes).toEqual([]);
    await run.clock.advance(50);
    expect(run.object.resumes).toMatchObject([
      { run: "r1", outcomes: [{ id: 1, ok: true }], unstarted: [], finished: false, control: expect.anything() },
    ]);
    open.get(2)!.resolve();
    await run.clock.advance(25);
    expect(run.object.settles.flat()).toMatchObject([{ id: 2 }]);
    expect(await run.object.control!.recall()).toEqual([]);
    open.get(3)!.resolve();
    expect(await run.answer).toEqual({ outcomes: [], unstarted: [] });
    expect(run.object.resumes[1]).toEqual({ run: "r1", outcomes: [{ id: 3, ok: true }], unstarted: [], finished: true });
    expect(run.object.disposed).toBe(2);
  });

  it("is looked for again and again, with backoff, until the lease is over", async () => {
    const { kind, open } = held();
    const run = begin({ a: kind }, many(2));
    run.object.broken = run.object.unreachable = reset;
    await run.clock.advance(9_999);
    const tries = run.object.resumes.length;
    expect(tries).toBeGreaterThan(5);
    expect(tries).toBeLessThan(20);
    expect(open.get(1)!.ctx.signal.aborted).toBe(false);
    await run.clock.advance(1);
    expect(open.get(1)!.ctx.signal.aborted).toBe(true);
    await run.clock.advance(60_000);
    expect(run.object.resumes.length).toBeLessThanOrEqual(tries + 1);
    open.get(1)!.resolve("value");
    expect(await run.answer).toMatchObject({ outcomes: [{ id: 1, ok: true, result: '"value"' }], unstarted: [2] });
  });

  it("at the end: the answer waits until the object has everything", async () => {
    const { kind, open } = held();
    const run = begin({ a: kind }, many(1));
    run.object.broken = run.object.unreachable = reset;
    await run.clock.advance(100);
    open.get(1)!.resolve("value");
    await run.clock.advance(500);
    expect(run.ended()).toBe(false);
    run.object.unreachable = undefined;
    await run.clock.advance(2_000);
    expect(run.ended()).toBe(true);
    expect(run.object.resumes.at(-1)).toMatchObject({ finished: true, outcomes: [{ id: 1, result: '"value"' }] });
  });

  it("whose new object refuses: the run is lost", async () => {
    const run = begin({ a: untilAborted }, many(2));
    run.object.broken = reset;
    run.object.unreachable = fail("lease_lost", "put back");
    await run.clock.advance(60);
    expect(await run.answer).toMatchObject({ outcomes: [{ id: 1, aborted: "lease" }], unstarted: [2] });
    expect(run.object.resumes).toHaveLength(1);
  });

  it("that broke unnoticed under one long task is found before its answer goes nowhere", async () => {
    const { kind, open } = held();
    const run = begin({ a: kind }, many(1));
    await run.clock.advance(1_000);
    run.object.broken = reset;
    open.get(1)!.resolve("value");
    await run.clock.advance(100);
    expect(run.ended()).toBe(true);
    expect(run.object.resumes).toMatchObject([{ finished: true, outcomes: [{ id: 1, result: '"value"' }] }]);
  });

  it("is found in the silence of two missed renewals; a ping renews nothing", async () => {
    const quiet = begin({ a: untilAborted }, many(1));
    await quiet.clock.advance(9_999);
    expect(quiet.object.progress).toEqual([[], []]);
    await quiet.clock.advance(6);
    expect((await quiet.answer).outcomes).toMatchObject([{ aborted: "lease" }]);

    const gone = begin({ a: held().kind }, many(1));
    await gone.clock.advance(100);
    gone.object.broken = reset;
    await gone.clock.advance(6_000);
    expect(gone.object.resumes).toMatchObject([{ finished: false }]);
  });

  it("carries large leftovers in several messages", async () => {
    const { kind, open } = held();
    const text = "x".repeat(LIMITS.resultBytesMax - 2);
    const run = begin(
      { a: kind, big: type(() => text) },
      [task(1, "a", { n: 1 }), ...many(30, "big").map((one) => ({ ...one, id: one.id + 1 }))],
      {
        turn: async () => {},
      },
    );
    await run.clock.advance(5);
    run.object.broken = run.object.unreachable = reset;
    open.get(1)!.resolve();
    await run.clock.advance(300);
    run.object.unreachable = undefined;
    await run.clock.advance(3_000);
    expect(await run.answer).toEqual({ outcomes: [], unstarted: [] });
    expect(run.object.resumes.filter(({ finished }) => finished)).toHaveLength(1);
    for (const { outcomes } of run.object.resumes) expect(outcomes.length).toBeLessThanOrEqual(9);
    expect(new Set(run.object.told.map(({ id }) => id)).size).toBe(31);
    expect(run.object.resumes.at(-1)).toMatchObject({ finished: true });
  });
});
