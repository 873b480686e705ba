import fc from "fast-check";
import { expect, test } from "vitest";
import { RetryAfterError } from "../../src/policy/errors.ts";
import { constant, exponential, linear, parseRetryPolicy, retryDelayMs } from "../../src/policy/retry.ts";

const plain = { jitter: "none" } as const;
const refused = expect.objectContaining({ code: "invalid_request" });

test("[retry] the delays of each kind", () => {
  const delays = (policy: Parameters<typeof retryDelayMs>[0]) => [0, 1, 2, 3, 9].map((retries) => retryDelayMs(policy, retries, 0.5));
  expect(delays(constant(3, "2s", plain))).toEqual([2_000, 2_000, 2_000, 2_000, 2_000]);
  expect(delays(linear(3, "2s", "7s", plain))).toEqual([2_000, 4_000, 6_000, 7_000, 7_000]);
  expect(delays(exponential(3, "2s", "10s", plain))).toEqual([2_000, 4_000, 8_000, 10_000, 10_000]);
  expect(delays(exponential(3, "2s", "10s"))).toEqual([1_000, 2_000, 4_000, 5_000, 5_000]);
  expect(delays(exponential(3, 0, 0))).toEqual([0, 0, 0, 0, 0]);
});

test("[retry] #45 every delay lies between nothing and max, jitter spreads it, and it never overflows", () => {
  const policies = fc
    .record({
      make: fc.constantFrom(linear, exponential),
      attempts: fc.integer({ min: 0, max: 10_000 }),
      delays: fc.tuple(fc.nat(1e9), fc.nat(1e9)),
      jitter: fc.constantFrom("full" as const, "none" as const),
    })
    .map(({ make, attempts, delays, jitter }) => make(attempts, Math.min(...delays), Math.max(...delays), { jitter }));
  fc.assert(
    fc.property(policies, fc.nat(10_000), fc.double({ min: 0, max: 0.999_999, noNaN: true }), (policy, retries, random) => {
      const delay = retryDelayMs(policy, retries, random);
      expect(Number.isSafeInteger(delay)).toBe(true);
      expect(delay).toBeGreaterThanOrEqual(0);
      expect(delay).toBeLessThanOrEqual(policy.maxMs);
      const whole = retryDelayMs({ ...policy, jitter: "none" }, retries, 0);
      expect(delay).toBe(policy.jitter === "full" ? Math.round(whole * random) : whole);
      expect(retryDelayMs({ ...policy, jitter: "none" }, retries + 1, 0)).toBeGreaterThanOrEqual(whole);
    }),
  );
});

test("[retry] #41 attempts beyond every power of two stay at max", () => {
  for (const retries of [53, 63, 64, 310, 1_024, 9_999])
    expect(retryDelayMs(exponential(10_000, 1, "1d", plain), retries, 0)).toBe(86_400_000);
  expect(retryDelayMs(exponential(10_000, 0, "1d"), 9_999, 0.5)).toBe(0);
});

test("[retry] policies that make no sense are refused", () => {
  for (const attempts of [-1, 1.5, Number.NaN, Infinity, 10_001, "3", null])
    expect(() => constant(attempts as number, "1s"), String(attempts)).toThrow(refused);
  expect(() => linear(1, "2s", "1s")).toThrow(/initial.*2000.*max.*1000/);
  expect(() => exponential(1, "soon" as "1s", "1s")).toThrow(/initial must be a duration/);
  expect(() => exponential(1, "1s", "4000d")).toThrow(/10 years/);
  expect(() => exponential(1, "1s", "2s", { jitter: "some" as "full" })).toThrow(/jitter/);
});

test("[retry] policies from JSON", () => {
  expect(parseRetryPolicy({ kind: "exponential", attempts: 5, initial: "2s", max: "2m" })).toEqual(exponential(5, "2s", "2m"));
  expect(parseRetryPolicy({ kind: "linear", attempts: 0, initial: 5, max: 10, jitter: "none" })).toEqual(linear(0, 5, 10, plain));
  expect(parseRetryPolicy({ kind: "constant", attempts: 1, initial: "1s" })).toEqual(constant(1, "1s"));
  expect(parseRetryPolicy({ kind: "exponential", attempts: 1, initial: "1s" }).maxMs).toBe(300_000);
  expect(parseRetryPolicy({ kind: "linear", attempts: 1, initial: "1h" }).maxMs).toBe(3_600_000);
});

test.each([
  [null, /must be an object/],
  [[], /must be an object/],
  ["exponential", /must be an object/],
  [{}, /retry\.kind/],
  [{ kind: "random" }, /retry\.kind/],
  [{ kind: "constant", attempts: 1 }, /retry\.initial/],
  [{ kind: "constant", initial: "1s" }, /retry\.attempts/],
  [{ kind: "constant", attempts: 1, initial: "1s", max: "2s" }, /retry\.max/],
  [{ kind: "linear", attempts: 1, initial: "3s", max: "2s" }, /retry\.initial/],
  [{ kind: "linear", attempts: 1, initial: "1s", jitter: true }, /retry\.jitter/],
  [{ kind: "linear", atempts: 1, initial: "1s" }, /did you mean "attempts"/],
  [JSON.parse('{"kind":"linear","attempts":1,"initial":"1s","__proto__":{}}'), /no field "__proto__"/],
])("%j is refused", (json, message) => {
  expect(() => parseRetryPolicy(json)).toThrow(refused);
  expect(() => parseRetryPolicy(json)).toThrow(message);
});

test("whatever JSON comes, the answer is a policy or invalid_request", () => {
  const field = fc.oneof(fc.jsonValue(), fc.constantFrom("1s", "linear", "full", 1));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.jsonValue(),
        fc.record({ kind: field, attempts: field, initial: field, max: field, jitter: field }, { requiredKeys: [] }),
      ),
      (json) => {
        try {
          expect(retryDelayMs(parseRetryPolicy(json), 3, 0.5)).toBeGreaterThanOrEqual(0);
        } catch (error) {
          expect(error).toEqual(refused);
        }
      },
    ),
  );
});

test("RetryAfterError carries milliseconds", () => {
  expect(new RetryAfterError("30s", "busy")).toMatchObject({ name: "RetryAfterError", message: "busy", retryAfterMs: 30_000 });
  expect(new RetryAfterError(1_500.4).retryAfterMs).toBe(1_500);
  expect(() => new RetryAfterError(-1)).toThrow(refused);
});
