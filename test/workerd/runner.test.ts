import { exports, RpcTarget } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { fail } from "../../src/policy/errors.ts";
import type { RunAnswer, RunControl, RunLink, RunOutcome, RunTask } from "../../src/durable/protocol.ts";
import { journal } from "../worker/script.ts";

/** The object's side of a run, over real RPC; every step that a test waits for is a promise. */
class Link extends RpcTarget implements RunLink {
  readonly outcomes: RunOutcome[] = [];
  readonly attached = Promise.withResolvers<RunControl>();
  readonly settled = Promise.withResolvers<void>();
  readonly disposed = Promise.withResolvers<void>();
  readonly refuse: boolean;

  constructor(refuse = false) {
    super();
    this.refuse = refuse;
  }
  async attach(control: RunControl) {
    if (this.refuse) throw fail("lease_lost", "This run is not open.");
    this.attached.resolve((control as unknown as { dup(): RunControl }).dup());
    return { abort: [], recall: false };
  }
  async spawn() {
    return { outcomes: [] };
  }
  async returned() {
    return false;
  }
  async settle(outcomes: RunOutcome[]) {
    this.outcomes.push(...outcomes);
    this.settled.resolve();
  }
  async progress() {}
  [Symbol.dispose]() {
    this.disposed.resolve();
  }
}

const runner = () => (exports as unknown as { MillRunner: { run(request: object, link: Link): Promise<RunAnswer> } }).MillRunner;
const run = (tasks: RunTask[], link: Link) => runner().run({ run: "0123456789abcdef01234567", domain: "work", tasks }, link);
const task = (id: number, payload: object, type = "play", more: Partial<RunTask> = {}): RunTask => ({
  id,
  type,
  payload: JSON.stringify(payload),
  attempt: 1,
  executions: 1,
  priority: 128,
  createdAt: 1_000,
  timeoutMs: 300_000,
  maxAttempts: 3,
  ...more,
});
const release = (control: RunControl) => (control as unknown as Disposable)[Symbol.dispose]();

describe("a run over RPC", () => {
  test("answers with every outcome and lets go of its link", async () => {
    const link = new Link();
    const answer = await run(
      [
        task(1, { name: "a" }),
        task(2, { do: "permanent", name: "b" }),
        task(3, { do: "later", name: "c", ms: 5_000 }),
        task(4, { do: 1 }),
        task(5, { n: 1 }, "plain"),
      ],
      link,
    );
    expect([...link.outcomes, ...answer.outcomes]).toMatchObject([
      { id: 1, ok: true, result: '{"name":"a","attempt":1}' },
      { id: 2, ok: false, retryable: false, error: { name: "NonRetryableError", code: "never", message: "never b" } },
      { id: 3, ok: false, retryable: true, retryAfterMs: 5_000 },
      { id: 4, ok: false, retryable: false, error: { code: "invalid_payload" } },
      { id: 5, ok: true, result: "1" },
    ]);
    expect(answer.unstarted).toEqual([]);
    await link.disposed.promise;
  });

  test("is recalled, aborted and renewed while it goes on; onCancel runs", async () => {
    const link = new Link();
    const answer = run([task(11, { do: "hold", name: "never opened" }), task(12, { name: "x" }), task(13, { name: "y" })], link);
    const control = await link.attached.promise;
    await control.renew();
    expect(await control.recall()).toEqual([12, 13]);
    await control.abort(11, "cancel");
    const { outcomes, unstarted } = await answer;
    release(control);
    expect(outcomes).toMatchObject([{ id: 11, ok: false, aborted: "cancel", error: { name: "AbortError", code: "cancelled" } }]);
    expect(unstarted).toEqual([12, 13]);
    expect(journal.filter(({ id }) => id === "work_11").map((entry) => entry.run)).toEqual(["started", "aborted", "cancelled"]);
  });

  test("is timed out by the platform's timer, and goes on with the next task", async () => {
    const link = new Link();
    const answer = await run([task(21, { do: "hold", name: "never opened" }, "play", { timeoutMs: 30 }), task(22, { name: "next" })], link);
    expect([...link.outcomes, ...answer.outcomes]).toMatchObject([
      { id: 21, aborted: "timeout", error: { name: "TimeoutError" } },
      { id: 22, ok: true },
    ]);
  });

  test("hands over finished work while it goes on", async () => {
    const link = new Link();
    const answer = run([task(31, { name: "first" }), task(32, { do: "hold", name: "never opened" })], link);
    await link.settled.promise;
    expect(link.outcomes).toMatchObject([{ id: 31, ok: true }]);
    const control = await link.attached.promise;
    await control.abort(32, "pause");
    release(control);
    expect(await answer).toMatchObject({ outcomes: [{ id: 32, ok: false, aborted: "pause" }], unstarted: [] });
  });

  test("stops when the object refuses it", async () => {
    const { outcomes, unstarted } = await run([task(41, { do: "hold", name: "never opened" }), task(42, { name: "x" })], new Link(true));
    expect(outcomes).toMatchObject([{ id: 41, ok: false, aborted: "lease" }]);
    expect(unstarted).toEqual([42]);
    expect(journal.some(({ id }) => id === "work_42")).toBe(false);
  });
});
