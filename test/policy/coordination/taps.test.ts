import { expect, test } from "vitest";
import { Holder } from "../../../src/policy/coordination/holder.ts";
import { Ledger } from "../../../src/policy/coordination/ledger.ts";
import type { MarkRow } from "../../../src/policy/coordination/mark.ts";
import type { RateRow } from "../../../src/policy/coordination/taps.ts";

const START = 1_800_000_000_000;

const rules = (rate: { permits: number; perMs: number; burst: number }) => ({
  rules: new Map([["g", { rate }]]),
  defaultMaxConcurrency: null,
});

test("[metrics] each wait of a holder for a group's next token counts once, however often it asks meanwhile", () => {
  const ledger = new Ledger({ maxConcurrency: 8, marks: [], groups: rules({ permits: 1, perMs: 10_000, burst: 2 }), now: START });
  let seq = 0;
  let spent = 0;
  const sync = (at: number, count: number): void => {
    const groups = new Map([["g", { holding: 8, using: 0, pending: count, tokens: { granted: spent, spent, returned: 0 } }]]);
    const wanting = count === 0 ? [] : [{ group: "g", priority: 128, count, oldestMs: 0 }];
    const base = { holder: "d", incarnation: "i", seq: (seq += 1), version: 0, holding: 0, using: 0, cap: null };
    const { grant } = ledger.sync({ ...base, wanting, groups }, START + at);
    spent = grant.perGroup?.get("g")?.tokens ?? spent;
  };
  expect(ledger.throttles()).toEqual({ g: 0 });
  sync(0, 2);
  expect(ledger.throttles(), "it has what it wants").toEqual({ g: 0 });
  for (const at of [10, 20, 5_000]) sync(at, 3);
  expect(ledger.throttles()).toEqual({ g: 1 });
  sync(10_010, 3);
  sync(10_020, 2);
  expect(ledger.throttles(), "one token came, and the next is waited for").toEqual({ g: 2 });
  sync(10_030, 0);
  sync(10_040, 1);
  expect(ledger.throttles(), "nobody waited in between").toEqual({ g: 3 });
});

/** One domain with more than enough of a limited group; every start takes no time. Answers when they started, in ms. */
function starts(rate: { permits: number; perMs: number; burst: number }, untilMs: number, napMs = Infinity): number[] {
  const groups = rules(rate);
  const marks = new Map<string, MarkRow>();
  const rates = new Map<string, RateRow>();
  const wake = (now: number) => new Ledger({ maxConcurrency: 8, marks: [...marks.values()], rates: [...rates.values()], groups, now });
  let ledger = wake(START);
  const holder = new Holder({ holder: "d", incarnation: "i" });
  const began: number[] = [];
  let heardAt = START;
  for (let now = START; now < START + untilMs;) {
    const request = holder.due(now, [{ group: "g", priority: 128, count: 5, oldestMs: 0 }]);
    if (request) {
      // The platform ends an idle object.
      if (now - heardAt > napMs) ledger = wake(now);
      heardAt = now;
      const answer = ledger.sync(request, now);
      for (const row of ledger.takeMarks().put) marks.set(row.domain, row);
      for (const row of ledger.takeRates()) rates.set(row.group, row);
      ledger.takePushes(now);
      holder.answered(request, answer, now);
    }
    for (let free = Math.min(holder.free(now, "g"), holder.tokens("g")); free > 0; free -= 1) {
      holder.spend("g", 1, now);
      began.push(now - START);
    }
    now = Math.max(now + 10, Math.min(holder.nextAt(now, true) ?? Infinity, now + 1_000));
  }
  return began;
}

test.each([
  [{ permits: 1, perMs: 10_000, burst: 1 }, 300_000, 29],
  [{ permits: 1, perMs: 60_000, burst: 1 }, 1_200_000, 18],
  [{ permits: 4, perMs: 10_000, burst: 4 }, 100_000, 38],
])("[rate limits] a group's tokens are used up as they come: %j", (rate, untilMs, least) => {
  const began = starts(rate, untilMs);
  expect(began.length).toBeGreaterThanOrEqual(least);
  for (const [index, at] of began.entries()) expect(index + 1).toBeLessThanOrEqual(rate.burst + (at * rate.permits) / rate.perMs + 1e-6);
});

test.each([
  // A bucket is stored 5 s ahead, so that not every token costs a row.
  [{ permits: 1, perMs: 60_000, burst: 1 }, 3_600_000, 54],
  [{ permits: 1, perMs: 20_000, burst: 1 }, 1_200_000, 46],
])("[rate limits] a coordinator that naps between two tokens starves nobody: %j", (rate, untilMs, least) => {
  const began = starts(rate, untilMs, 10_000);
  expect(began.length).toBeGreaterThanOrEqual(least);
  for (const [index, at] of began.entries()) expect(index + 1).toBeLessThanOrEqual(rate.burst + (at * rate.permits) / rate.perMs + 1e-6);
});
