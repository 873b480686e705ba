import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { fail, NonRetryableError, RetryAfterError } from "../../src/policy/errors.ts";
import { LIMITS } from "../../src/policy/limits.ts";
import { utf8Bytes } from "../../src/policy/text.ts";
import { completed, failed } from "../../src/worker/run/outcome.ts";
import { firstStretch, nextStretch } from "../../src/worker/run/pace.ts";
import { begin, task, type } from "./runner-fakes.ts";

describe("a throw becomes an outcome", () => {
  const boom = (thrown: unknown) => failed(7, thrown);

  it("is retryable, with name, message, code and stack", () => {
    const outcome = boom(Object.assign(new TypeError("no such bucket"), { code: "E_BUCKET" }));
    expect(outcome).toMatchObject({
      id: 7,
      ok: false,
      retryable: true,
      error: { name: "TypeError", message: "no such bucket", code: "E_BUCKET" },
    });
    expect(outcome).toHaveProperty("error.stack", expect.stringContaining("no such bucket"));
  });

  it("[outcome] is permanent for NonRetryableError, also of another copy of the class", () => {
    expect(boom(new NonRetryableError("gone", { code: "gone" }))).toMatchObject({ retryable: false, error: { code: "gone" } });
    expect(boom(Object.assign(new Error("gone"), { name: "NonRetryableError" }))).toMatchObject({ retryable: false });
    class Derived extends NonRetryableError {}
    expect(boom(new Derived("gone"))).toMatchObject({ retryable: false });
  });

  it("[retry] carries the delay of RetryAfterError, and no nonsense in its place", () => {
    expect(boom(new RetryAfterError("30s"))).toMatchObject({ retryable: true, retryAfterMs: 30_000 });
    expect(boom(Object.assign(new Error(), { name: "RetryAfterError", retryAfterMs: 1.6 }))).toMatchObject({ retryAfterMs: 2 });
    for (const retryAfterMs of [NaN, -1, Infinity, "5s"]) {
      expect(boom(Object.assign(new Error(), { name: "RetryAfterError", retryAfterMs }))).not.toHaveProperty("retryAfterMs");
    }
  });

  it("keeps the code of a MillraceError, and leaves out codes that are no text", () => {
    expect(boom(fail("domain_unreachable", "away"))).toMatchObject({
      retryable: true,
      error: { name: "MillraceError", code: "domain_unreachable" },
    });
    expect(boom(new DOMException("late", "TimeoutError"))).toMatchObject({ error: { name: "TimeoutError", message: "late" } });
    expect(boom(new DOMException("late", "TimeoutError"))).not.toHaveProperty("error.code");
  });

  it.each([
    ["a string", "plain", "plain"],
    ["null", null, "null"],
    ["undefined", undefined, "undefined"],
    ["a number", 42, "42"],
    ["a symbol", Symbol("s"), "Symbol(s)"],
    ["a plain object", { why: "because" }, '{"why":"because"}'],
    ["an object with a message", { message: "told" }, "told"],
  ])("takes %s", (_, thrown, message) => {
    expect(boom(thrown)).toMatchObject({ ok: false, retryable: true, error: { name: "Error", message } });
  });

  it("[outcome] survives hostile values", () => {
    const throwing = new Proxy(
      {},
      {
        get: () => {
          throw new Error("trap");
        },
        ownKeys: () => {
          throw new Error("trap");
        },
      },
    );
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    for (const thrown of [
      throwing,
      circular,
      Object.create(null),
      { message: 5, name: 6, stack: 7, code: 8 },
      {
        toJSON: () => {
          throw new Error("x");
        },
      },
    ]) {
      expect(boom(thrown)).toMatchObject({ ok: false, error: { name: "Error", message: expect.any(String) } });
    }
  });

  it("never throws and stays within the limits, whatever is thrown", () => {
    fc.assert(
      fc.property(fc.anything(), fc.string({ unit: "binary", maxLength: 20_000 }), (value, text) => {
        for (const thrown of [value, Object.assign(new Error(text), { stack: text + text, code: text })]) {
          const outcome = boom(thrown);
          if (outcome.ok) throw new Error("a throw is no success");
          expect(utf8Bytes(outcome.error.message)).toBeLessThanOrEqual(LIMITS.errorMessageBytesMax);
          expect(utf8Bytes(outcome.error.stack ?? "")).toBeLessThanOrEqual(LIMITS.errorStackBytesMax);
        }
      }),
    );
  });

  it("[limits] cuts to 4 KiB of message and 8 KiB of stack, in bytes", () => {
    const outcome = boom(Object.assign(new Error("é".repeat(5_000)), { stack: "ü".repeat(9_000) }));
    expect(outcome).toMatchObject({ error: { message: "é".repeat(2_048), stack: "ü".repeat(4_096) } });
  });
});

describe("a result becomes JSON", () => {
  it("is absent for what JSON leaves out", () => {
    for (const value of [undefined, () => 1, Symbol("s")]) expect(completed(1, value)).toEqual({ id: 1, ok: true });
    expect(completed(1, null)).toEqual({ id: 1, ok: true, result: "null" });
    expect(completed(1, { a: undefined, b: 1 })).toEqual({ id: 1, ok: true, result: '{"b":1}' });
  });

  it("is refused for good where JSON cannot hold it", () => {
    const circular: unknown[] = [];
    circular.push(circular);
    for (const value of [1n, circular])
      expect(completed(1, value)).toMatchObject({ ok: false, retryable: false, error: { code: "invalid_result" } });
  });

  it("[limits] has a limit in UTF-8 bytes of the JSON text", () => {
    const most = LIMITS.resultBytesMax - 2;
    expect(completed(1, "a".repeat(most))).toMatchObject({ ok: true });
    expect(completed(1, "a".repeat(most + 1))).toMatchObject({ ok: false, retryable: false, error: { code: "result_too_large" } });
    expect(completed(1, "é".repeat(most / 2))).toMatchObject({ ok: true });
    expect(completed(1, "é".repeat(most / 2 + 1))).toMatchObject({ ok: false, error: { code: "result_too_large" } });
  });
});

describe("pace", () => {
  it("lets messages in once in 250 fast tasks and after each slow one", () => {
    let size = firstStretch(250);
    const pauses: number[] = [];
    for (let done = size; done < 250; done += size) {
      pauses.push(done);
      size = nextStretch(size, 2);
    }
    expect(pauses).toEqual([62]);
    expect(firstStretch(5)).toBe(1);
    expect(nextStretch(1, 60)).toBe(1);
    expect(nextStretch(16, 200)).toBe(4);
    expect(nextStretch(16, 0)).toBe(64);
  });
});

describe("payloads and results of a run", () => {
  const only = <Value>(check: (value: unknown) => value is Value) =>
    ({
      "~standard": {
        version: 1,
        vendor: "test",
        validate: (value: unknown) => (check(value) ? { value } : { issues: [{ message: "not right", path: ["size", { key: "width" }] }] }),
      },
    }) as const;

  it("[poison input] #15 fails a stored payload that is no JSON for good, and goes on with the next", async () => {
    const seen: unknown[] = [];
    const { answer } = begin({ a: type((payload) => void seen.push(payload)) }, [
      task(1, "a", {}, { payload: "{oops" }),
      task(2, "a", { n: 2 }),
    ]);
    expect(await answer).toMatchObject({
      outcomes: [
        { id: 1, ok: false, retryable: false, error: { code: "invalid_payload" } },
        { id: 2, ok: true },
      ],
      unstarted: [],
    });
    expect(seen).toEqual([{ n: 2 }]);
  });

  it("[validation] fails a payload that its schema refuses for good, naming the path", async () => {
    const { answer } = begin({ a: type(() => 1, { payload: only((value): value is string => typeof value === "string") }) }, [
      task(1, "a", {}),
    ]);
    const [outcome] = (await answer).outcomes;
    expect(outcome).toMatchObject({
      ok: false,
      retryable: false,
      error: { code: "invalid_payload", message: expect.stringContaining("size.width: not right") },
    });
  });

  it("[validation] fails a result that its schema refuses for good; the schema's output is what is kept", async () => {
    const result = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: async (value: unknown) => (value === 1 ? { value: "one" } : { issues: [{ message: "no" }] }),
      },
    } as const;
    const { answer } = begin({ a: type((payload) => payload, { result }) }, [task(1, "a", 1), task(2, "a", 2)]);
    expect((await answer).outcomes).toMatchObject([
      { id: 1, ok: true, result: '"one"' },
      { id: 2, ok: false, retryable: false, error: { code: "invalid_result" } },
    ]);
  });

  it("treats a schema that throws like any throw", async () => {
    const payload = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: () => {
          throw new Error("database away");
        },
      },
    } as const;
    expect((await begin({ a: type(() => 1, { payload }) }, [task(1, "a")]).answer).outcomes).toMatchObject([
      { ok: false, retryable: true, error: { message: "database away" } },
    ]);
  });

  it("#52 hands __proto__ members through as data", async () => {
    let seen: any;
    const { answer } = begin({ a: type((payload) => ((seen = payload), payload)) }, [
      task(1, "a", {}, { payload: '{"__proto__":{"admin":true},"constructor":1}' }),
    ]);
    expect((await answer).outcomes).toEqual([{ id: 1, ok: true, result: '{"__proto__":{"admin":true},"constructor":1}' }]);
    expect(Object.hasOwn(seen, "__proto__")).toBe(true);
    expect(seen.admin).toBeUndefined();
    expect(({} as any).admin).toBeUndefined();
  });

  it("fails a type that this version does not know, retryably, with a hint", async () => {
    const { answer } = begin({ resize: type(() => 1) }, [task(1, "resise"), task(2, "constructor")]);
    expect((await answer).outcomes).toMatchObject([
      { id: 1, ok: false, retryable: true, error: { code: "unknown_type", message: expect.stringContaining('"resize"') } },
      { id: 2, ok: false, retryable: true, error: { code: "unknown_type" } },
    ]);
  });
});
