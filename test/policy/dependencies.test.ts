import { describe, expect, test } from "vitest";
import fc from "fast-check";
import { cascades, DEPENDENCY_POLICIES, fitting, verdict, type UpstreamEnd } from "../../src/policy/dependencies.ts";
import { TERMINAL } from "../../src/policy/status.ts";

const ENDS: readonly UpstreamEnd[] = [...TERMINAL, "purged"];

describe("verdict", () => {
  test.each(ENDS.flatMap((end) => DEPENDENCY_POLICIES.map((policy) => [policy, end] as const)))(
    "[policies] %s, upstream %s",
    (policy, end) => {
      const failed = end !== "completed" && end !== "superseded";
      expect(verdict(policy, end)).toBe(failed && policy !== "ignore" ? "fails" : "satisfied");
      expect(verdict(policy, end, true)).toBe(failed ? "fails" : "satisfied");
      expect(verdict("after", end, true)).toBe("satisfied");
    },
  );

  test("only cancel, or what fell by it, goes on down", () => {
    expect(DEPENDENCY_POLICIES.map((policy) => cascades(policy, false))).toEqual([true, false, false]);
    expect(DEPENDENCY_POLICIES.map((policy) => cascades(policy, true))).toEqual([true, true, true]);
  });
});

test("[results] fitting never hands over more than the limit, and everything where all fits", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1_000)), fc.nat(5_000), (sizes, limit) => {
      const fits = fitting(sizes, limit);
      const used = sizes.reduce((sum, size, index) => sum + (fits[index] ? size : 0), 0);
      expect(used).toBeLessThanOrEqual(limit);
      sizes.forEach((size, index) => fits[index] || expect(used + size).toBeGreaterThan(limit));
      if (sizes.reduce((sum, size) => sum + size, 0) <= limit) expect(fits).not.toContain(false);
    }),
  );
});
