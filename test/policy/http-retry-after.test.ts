import fc from "fast-check";
import { expect, test } from "vitest";
import { parseRetryAfter } from "../../src/domains/http/retry-after.ts";

const NOW = Date.UTC(2026, 10, 20, 12, 0, 0);
const HOUR = 3_600_000;

test.each([
  ["1", 1_000],
  ["120", 120_000],
  [" 120 ", 120_000],
  ["3600", HOUR],
  ["3601", HOUR],
  ["9999999999", HOUR],
  ["Fri, 20 Nov 2026 12:00:30 GMT", 30_000],
  ["Sat, 21 Nov 2026 12:00:00 GMT", HOUR],
  ["Friday, 20-Nov-26 12:00:30 GMT", 30_000],
  ["Fri Nov 20 12:00:30 2026", 30_000],
  ["0", undefined],
  ["00", undefined],
  ["-1", undefined],
  ["+5", undefined],
  ["1.5", undefined],
  ["5s", undefined],
  ["1e3", undefined],
  ["99999999999", undefined],
  ["", undefined],
  [null, undefined],
  ["soon", undefined],
  ["NaN", undefined],
  ["Infinity", undefined],
  ["Fri, 20 Nov 2026 11:59:59 GMT", undefined],
  ["Fri, 20 Nov 2026 12:00:00 GMT", undefined],
  ["2026-11-20T12:00:30Z", undefined],
  ["20 Nov 2026", undefined],
  ["Fri, 99 Nov 2026 12:00:30 GMT", undefined],
  ["Fri, 20 Nov 2026 12:00:30 CET", undefined],
])("%j: %s ms", (header, expected) => {
  expect(parseRetryAfter(header, NOW, HOUR)).toBe(expected);
});

test("property: never more than the cap, never below 1 ms", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.nat().map(String),
        fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
      ),
      fc.integer({ min: 1, max: HOUR }),
      (header, cap) => {
        const wait = parseRetryAfter(header, NOW, cap);
        if (wait !== undefined) expect(wait >= 1 && wait <= cap).toBe(true);
      },
    ),
  );
});
