import { beforeEach, describe, expect, test, vi } from "vitest";
import { fail, MillraceError } from "../../src/policy/errors.ts";
import { FakeClock } from "./runner-fakes.ts";

const platform = vi.hoisted(() => ({ exports: {} as Record<string, unknown> }));
vi.mock("cloudflare:workers", () => platform);
const { reachCoordinator, reachDomain, reachRunner } = await import("../../src/durable/reach.ts");

/** What the stubs do, one call after another; every stub is told apart. */
let answers: unknown[];
let stubs: number;
let calls: [stub: number, method: string, ...args: unknown[]][];
const namespace = {
  getByName: (name: string) => {
    stubs += 1;
    const stub = stubs;
    const verb =
      (method: string) =>
      async (...args: unknown[]) => {
        calls.push([stub, `${name}.${method}`, ...args]);
        const answer = answers.length > 1 ? answers.shift() : answers[0];
        if (answer instanceof Error) throw answer;
        return answer;
      };
    return { get: verb("get"), submit: verb("submit"), cancel: verb("cancel"), sync: verb("sync"), sweepList: verb("sweepList") };
  },
};
const broken = (facts: object, message = "it broke") => Object.assign(new Error(message), facts);

beforeEach(() => {
  platform.exports = { MillDomain: namespace, MillCoordinator: namespace, MillRunner: "the runner" };
  [answers, stubs, calls] = [[], 0, []];
});

async function asked<Answer>(clock: FakeClock, promise: Promise<Answer>): Promise<Answer> {
  promise.catch(() => undefined);
  await clock.advance(10_000);
  return promise;
}

describe("reaching an object", () => {
  test("a read is asked again, each time on a fresh stub", async () => {
    const clock = new FakeClock();
    answers = [broken({ retryable: true }), broken({ durableObjectReset: true }), "the task"];
    await expect(asked(clock, reachDomain("media", clock).get("media_1"))).resolves.toBe("the task");
    expect(calls).toEqual([
      [1, "media.get", "media_1"],
      [2, "media.get", "media_1"],
      [3, "media.get", "media_1"],
    ]);
  });

  test.each([
    [{ retryable: true }, "it broke", "domain_unreachable"],
    [{}, "Network connection lost.", "domain_unreachable"],
    [{ overloaded: true, retryable: true }, "too many requests", "overloaded"],
  ])("#56 %j %s is %s", async (facts, message, code) => {
    const clock = new FakeClock();
    answers = [broken(facts, message)];
    await expect(asked(clock, reachDomain("media", clock).get("media_1"))).rejects.toMatchObject({ code, facts: { retryAfterMs: 1_000 } });
    expect(calls).toHaveLength(code === "overloaded" ? 1 : 3);
  });

  test("a write is asked once, but for a submit with an idempotency key", async () => {
    const clock = new FakeClock();
    answers = [broken({ retryable: true })];
    await expect(asked(clock, reachDomain("media", clock).cancel("media_1"))).rejects.toMatchObject({ code: "domain_unreachable" });
    await expect(asked(clock, reachDomain("media", clock).submit({ items: [] }))).rejects.toMatchObject({ code: "domain_unreachable" });
    expect(calls).toHaveLength(2);
    await expect(
      asked(clock, reachDomain("media", clock).submit({ items: [], idempotency: { key: "k", body: "b" } })),
    ).rejects.toMatchObject({ code: "domain_unreachable" });
    expect(calls).toHaveLength(5);
  });

  test("our own errors come back as what they are, and are never asked again, also when they claim to be retryable", async () => {
    const clock = new FakeClock();
    // RPC keeps own properties, not classes.
    answers = [
      Object.assign(new Error("gone"), {
        name: "MillraceError",
        code: "task_not_found",
        status: 404,
        facts: { id: "media_1" },
        retryable: true,
      }),
    ];
    const error = await asked(clock, reachDomain("media", clock).get("media_1")).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(MillraceError);
    expect(error).toEqual(fail("task_not_found", "gone", { id: "media_1" }));
    expect(calls).toHaveLength(1);
  });

  test("a bug stays a bug", async () => {
    const clock = new FakeClock();
    answers = [new TypeError("x is undefined")];
    await expect(asked(clock, reachDomain("media", clock).get("media_1"))).rejects.toThrow(TypeError);
    expect(calls).toHaveLength(1);
  });

  test("the coordinator has one name; what is not exported is named", async () => {
    const clock = new FakeClock();
    answers = [[]];
    await asked(clock, reachCoordinator(clock).sweepList());
    expect(calls).toEqual([[1, "mill.sweepList"]]);
    expect(reachRunner()).toBe("the runner");
    platform.exports = {};
    await expect(reachDomain("media", clock).get("media_1")).rejects.toThrow(/does not export the Durable Object class MillDomain/);
    expect(() => reachRunner()).toThrow(/MillRunner/);
  });
});
