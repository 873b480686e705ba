import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { failuresAfter, nextRoundMs } from "../../src/policy/rounds.ts";
import { TERMINAL } from "../../src/policy/status.ts";

const every = fc.nat(100_000_000);
const failures = fc.integer({ min: 0, max: 10_000 });

describe("[singleton] the rest between two rounds", () => {
  test("is every after a success; after failures never less than that, never shrinking, at most 5 minutes more", () => {
    fc.assert(
      fc.property(every, failures, (everyMs, count) => {
        expect(nextRoundMs(everyMs, 0)).toBe(everyMs);
        expect(nextRoundMs(everyMs, count)).toBeGreaterThanOrEqual(everyMs);
        expect(nextRoundMs(everyMs, count + 1)).toBeGreaterThanOrEqual(nextRoundMs(everyMs, count));
        expect(nextRoundMs(everyMs, count)).toBeLessThanOrEqual(Math.max(everyMs, 300_000));
      }),
    );
    expect([1, 2, 3, 9, 10, 99].map((count) => nextRoundMs(0, count))).toEqual([1_000, 2_000, 4_000, 256_000, 300_000, 300_000]);
  });

  test("failures are counted until a success; other ends say nothing", () => {
    expect(TERMINAL.map((status) => [status, failuresAfter(3, status)])).toEqual([
      ["completed", 0],
      ["failed", 4],
      ["dead_letter", 4],
      ["cancelled", 3],
      ["superseded", 3],
      ["expired", 3],
      ["dependency_failed", 3],
    ]);
  });
});
