import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineDomain } from "../../src/domains/define.ts";
import type { TaskHandle } from "../../src/domains/handle.ts";
import { ref } from "../../src/domains/ref.ts";
import type { Task } from "../../src/domains/task.ts";
import { fail, NonRetryableError, RetryAfterError } from "../../src/policy/errors.ts";
import type { Status } from "../../src/policy/status.ts";
import { runTask, RunTaskError, waitForTask } from "../../src/testing/index.ts";
import { FakeClock, settled } from "./runner-fakes.ts";

const notify = defineDomain("notify").task("mail", {
  payload: z.object({ to: z.string() }),
  key: (payload) => payload.to,
  execute: () => null,
});
const cancelled: string[] = [];
const media = defineDomain("media", { state: (env: { prefix: string }) => ({ prefix: env.prefix }) })
  .task("resize", {
    payload: z.object({ object: z.string(), width: z.number().default(320) }),
    result: z.object({ url: z.string() }),
    label: (payload) => payload.object,
    async execute(payload, ctx) {
      ctx.progress(0.5, "resizing");
      ctx.bytes({ done: 3, total: 4 });
      ctx.log.info("made", { width: payload.width });
      await ctx.domain(notify).submit("mail", { to: "ops" }, { priority: "high" });
      await ctx.tryDomain(ref<typeof notify>("absent" as "notify"))?.submit("mail", { to: "nobody" });
      return { url: `${ctx.state.prefix}/${payload.object}@${payload.width}?${ctx.attempt}&${ctx.task.id}&${ctx.task.label}` };
    },
  })
  .task("fails", {
    payload: z.enum(["plain", "never", "later", "result"]),
    execute: (how) => {
      if (how === "never") throw new NonRetryableError("gone", { code: "gone" });
      if (how === "later") throw new RetryAfterError("30s", "busy");
      if (how === "result") return 1n as never;
      throw new Error("oh");
    },
  })
  .task("waits", {
    payload: z.null(),
    timeout: "1m",
    execute: (_payload, ctx) => new Promise((_resolve, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason))),
    onCancel: (_payload, ctx) => void cancelled.push(ctx.task.id),
  });

describe("runTask", () => {
  test("runs the real thing: payload parsed, context, result parsed; submits recorded", async () => {
    const answer = await runTask(media, "resize", { object: "cat" }, { env: { prefix: "r2" }, attempt: 2, domains: [notify] });
    expect(answer).toEqual({
      result: { url: "r2/cat@320?2&media_1&cat" },
      io: null,
      progress: [
        { fraction: 0.5, message: "resizing" },
        { fraction: 0.75, message: "resizing", bytes: { done: 3, total: 4 } },
      ],
      logs: [{ level: "info", message: "made", width: 320, domain: "media", type: "resize", task: "media_1", attempt: 2 }],
      submitted: [
        { domain: "notify", type: "mail", payload: { to: "ops" }, key: "ops", label: null, tags: {}, priority: 64, delayMs: null },
      ],
      spawned: [],
    });
  });

  test("[state] state is built from each call's env", async () => {
    const urls = await Promise.all(
      ["a", "b"].map((prefix) => runTask(media, "resize", { object: "x" }, { env: { prefix }, domains: [notify] })),
    );
    expect(urls.map(({ result }) => result.url.split("/")[0])).toEqual(["a", "b"]);
  });

  test("a bad payload is refused as a submit is", async () => {
    await expect(runTask(media, "resize", { object: 7 } as never)).rejects.toMatchObject({ code: "invalid_payload" });
    await expect(runTask(media, "resise" as never, {} as never)).rejects.toMatchObject({ code: "unknown_type" });
  });

  test.each<["plain" | "never" | "later" | "result", object]>([
    ["plain", { name: "Error", message: "oh", retryable: true, retryAfterMs: undefined }],
    ["never", { name: "NonRetryableError", message: "gone", code: "gone", retryable: false }],
    ["later", { name: "RetryAfterError", retryable: true, retryAfterMs: 30_000 }],
    ["result", { code: "invalid_result", retryable: false }],
  ])("a failure says what it means for the task: %s", async (how, expected) => {
    const error: unknown = await runTask(media, "fails", how).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RunTaskError);
    expect(error).toMatchObject(expected);
  });

  test("a domain that is not there, and a verb that needs a mill, say so", async () => {
    const error: unknown = await runTask(media, "resize", { object: "cat" }, { env: { prefix: "" } }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "unknown_domain",
      retryable: true,
      witnessed: { progress: { length: 2 }, logs: [{ message: "made" }, { level: "warn", message: "The attempt failed." }] },
    });
    const asks = defineDomain("asks").task("t", {
      payload: z.null(),
      execute: async (_payload, ctx) => (await ctx.domain(notify).list()).next,
    });
    await expect(runTask(asks, "t", null, { domains: [notify] })).rejects.toMatchObject({ code: "not_implemented" });
  });

  test("[singleton] a round of a singleton is run like any task, with its label and tags", async () => {
    const rounds = defineDomain("rounds").singleton("gc", {
      label: "Collect",
      tags: { kind: "round" },
      execute: (ctx) => ({ label: ctx.task.label, tags: ctx.task.tags, payload: ctx.task.payload }),
    });
    const { result } = await runTask(rounds, "gc", null);
    expect(result).toEqual({ label: "Collect", tags: { kind: "round", _domain: "rounds" }, payload: null });
  });

  test("the timeout and a cancel abort the signal; a cancel calls onCancel", async () => {
    const clock = new FakeClock();
    const timed = expect(runTask(media, "waits", null, { env: {}, clock })).rejects.toMatchObject({
      name: "TimeoutError",
      aborted: "timeout",
      code: "timeout",
    });
    await settled();
    await clock.advance(60_000);
    await timed;
    const stop = new AbortController();
    const stopped = expect(runTask(media, "waits", null, { env: {}, clock, signal: stop.signal })).rejects.toMatchObject({
      aborted: "cancel",
    });
    await settled();
    stop.abort();
    await stopped;
    expect(cancelled).toEqual(["media_1"]);
    expect(clock.timers).toBe(0);
  });
});

describe("waitForTask", () => {
  /** A task that goes through these statuses, one a look, with or without a result. */
  function scripted(...statuses: Status[]) {
    const task = {
      id: "media_1",
      type: "resize",
      looks: 0,
      async get() {
        task.looks += 1;
        return { id: "media_1", status: statuses.length > 1 ? statuses.shift()! : statuses[0]!, error: null } as Task<unknown, unknown>;
      },
      async result() {
        const last = statuses.at(-1)!;
        statuses.splice(0, statuses.length - 1);
        if (last !== "completed") throw fail("invalid_state", "ended otherwise", { status: last });
        return null;
      },
    };
    return task as typeof task & TaskHandle;
  }

  test("waits for an end through result, whatever it is, and looks once", async () => {
    for (const status of ["completed", "dead_letter", "cancelled"] as const) {
      const task = scripted("pending", "running", status);
      await expect(waitForTask(task, status)).resolves.toMatchObject({ status });
      expect(task.looks).toBe(1);
    }
  });

  test("looks for a status on the way", async () => {
    const clock = new FakeClock();
    const waiting = waitForTask(scripted("pending", "pending", "running"), "running", { clock });
    await clock.advance(100);
    await expect(waiting).resolves.toMatchObject({ status: "running" });
  });

  test("another end is told at once, and so is the time being up", async () => {
    const clock = new FakeClock();
    await expect(waitForTask(scripted("failed"), "running", { clock })).rejects.toMatchObject({
      code: "invalid_state",
      facts: { status: "failed" },
    });
    await expect(waitForTask(scripted("pending", "completed"), "dead_letter", { clock })).rejects.toMatchObject({
      facts: { status: "completed" },
    });
    const late = expect(waitForTask(scripted("pending"), "running", { clock, timeout: "1s" })).rejects.toThrow(
      "still pending after 1000 ms",
    );
    await clock.advance(2_000);
    await late;
  });
});
