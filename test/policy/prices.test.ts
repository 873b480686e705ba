import { expect, test } from "vitest";
import { dollarsOf, perMillion } from "../../src/policy/prices.ts";

test("[cost] dollars by hand: rows written are nearly all of it", () => {
  // A million plain tasks in batches: 2.02 rows each, 12 rows read each, ten thousand requests, two thousand calls.
  const used = { rowsRead: 12e6, rowsWritten: 2.02e6, requests: 10_000, coordinatorCalls: 2_000 };
  expect(dollarsOf(used)).toBeCloseTo(0.012 + 2.02 + 0.0018, 10);
  expect(perMillion(dollarsOf(used), 1e6)).toBeCloseTo(2.0338, 10);
  expect(perMillion(1, 0)).toBeNull();
});
