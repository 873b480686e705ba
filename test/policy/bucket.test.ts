import fc from "fast-check";
import { expect, test } from "vitest";
import { type Bucket, opensAt, refit, takeTokens, tokensIn } from "../../src/policy/bucket.ts";

const rate = fc.record({
  permits: fc.integer({ min: 1, max: 50 }),
  perMs: fc.integer({ min: 1, max: 60_000 }),
  burst: fc.integer({ min: 1, max: 20 }),
});
/** Time that passes, and how many would start then; a clock may go back a little. */
const steps = fc.array(fc.record({ ms: fc.integer({ min: -500, max: 5_000 }), wish: fc.integer({ min: 0, max: 10 }) }), { maxLength: 60 });

test("[rate limits] in no stretch of time start more than the burst and what comes in meanwhile; nobody waits longer than said", () => {
  fc.assert(
    fc.property(rate, steps, (limit, all) => {
      const { permits, perMs, burst } = limit;
      let bucket: Bucket | undefined;
      let now = 1_000_000;
      let latest = now;
      const starts: [at: number, count: number][] = [];
      for (const { ms, wish } of all) {
        now += ms;
        const count = Math.min(wish, tokensIn(bucket, limit, now));
        if (wish > count) {
          const opens = opensAt(bucket && takeTokens(bucket, limit, count, now), limit, now);
          const rest = takeTokens(bucket, limit, count, now);
          expect(tokensIn(rest, limit, opensAt(rest, limit, now))).toBeGreaterThanOrEqual(1);
          expect(opens - now).toBeLessThanOrEqual(Math.ceil(perMs / permits) + 1);
        }
        if (count > 0) bucket = takeTokens(bucket, limit, count, now);
        // What a clock that goes back and forth lets pass twice is no time of anybody's.
        if (ms < 0) starts.length = 0;
        if (count > 0) starts.push([now, count]);
        latest = Math.max(latest, now);
        let within = 0;
        for (const [at, some] of starts.toReversed()) {
          within += some;
          expect(within).toBeLessThanOrEqual(burst + ((now - at) * permits) / perMs + 1e-3);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("[rate limits] a new bucket is full, fills evenly, and holds no more than its burst", () => {
  const limit = { permits: 2, perMs: 1_000, burst: 3 };
  expect(tokensIn(undefined, limit, 0)).toBe(3);
  const empty = takeTokens(undefined, limit, 3, 0);
  expect([0, 499, 500, 999, 1_000, 1_500, 60_000].map((now) => tokensIn(empty, limit, now))).toEqual([0, 0, 1, 1, 2, 3, 3]);
  expect(opensAt(empty, limit, 0)).toBe(500);
  expect(opensAt(empty, limit, 499)).toBe(500);
  expect(opensAt(empty, limit, 700)).toBe(700);
});

test("[rate limits] what was not used after all is there again, as if it had never been taken", () => {
  const limit = { permits: 1, perMs: 1_000, burst: 3 };
  const taken = takeTokens(undefined, limit, 3, 0);
  expect(tokensIn(takeTokens(taken, limit, -2, 100), limit, 100)).toBe(2);
  expect(tokensIn(takeTokens(undefined, limit, -2, 100), limit, 100)).toBe(3);
});

test("[rate limits] a new rate keeps what is in the bucket, as far as its burst holds it", () => {
  const slow = { permits: 1, perMs: 10_000, burst: 10 };
  const fast = { permits: 10, perMs: 1_000, burst: 4 };
  expect(tokensIn(refit(undefined, slow, fast, 0), fast, 0)).toBe(4);
  expect(tokensIn(refit(takeTokens(undefined, slow, 8, 0), slow, fast, 0), fast, 0)).toBe(2);
  expect(tokensIn(refit(takeTokens(undefined, fast, 4, 0), fast, slow, 50), slow, 50)).toBe(0);
});
