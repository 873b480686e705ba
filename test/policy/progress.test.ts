import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readProgress } from "../../src/domains/claims.ts";
import { estimate, type Known, learnDuration, takeReport, type Typical } from "../../src/policy/progress.ts";

const TEN_SECONDS: Typical = [20, 10_000];
const said = (fraction: number, at: number): Known => takeReport(undefined, { fraction, message: "so far" }, at);
const bytes = (done: number, total = 1_000) => ({ fraction: done / total, message: null, bytes: { done, total } });

describe("[progress] how far an execution is", () => {
  test("what was said, and from there on the mean of the usual speed and its own", () => {
    // Half in 2 s: 0.25 a second of its own, 0.1 usually.
    expect(estimate(said(0.5, 2_000), 0, 2_000, TEN_SECONDS)).toEqual({
      fraction: 0.5,
      message: "so far",
      extrapolated: 0.5,
      etaMs: Math.round(0.5 / 0.000_175),
    });
    expect(estimate(said(0.5, 2_000), 0, 4_000, TEN_SECONDS)).toMatchObject({ fraction: 0.5, extrapolated: 0.85 });
    expect(estimate(said(0.5, 2_000), 0, 4_000, undefined)).toMatchObject({ fraction: 0.5, extrapolated: 0.99 });
    expect(estimate(said(0, 2_000), 0, 4_000, TEN_SECONDS)).toMatchObject({ fraction: 0, extrapolated: 0.2 });
    expect(estimate(said(0, 2_000), 0, 4_000, undefined)).toMatchObject({ fraction: 0, extrapolated: 0, etaMs: null });
    expect(estimate(said(1, 2_000), 0, 4_000, TEN_SECONDS)).toMatchObject({ fraction: 1, extrapolated: 1, etaMs: 0 });
  });

  test("where nothing was said, as far as its type usually is; without a history, nothing", () => {
    expect(estimate(undefined, 0, 5_000, TEN_SECONDS)).toEqual({ fraction: 0.5, message: null, extrapolated: 0.5, etaMs: 5_000 });
    expect(estimate(undefined, 0, 60_000, TEN_SECONDS)).toMatchObject({ fraction: 0.99, etaMs: 100 });
    expect(estimate(undefined, 0, 5_000, undefined)).toBeNull();
    expect(estimate(undefined, 0, 5_000, [1, 0])).toBeNull();
  });

  test("what an earlier execution said is over with it", () => {
    expect(estimate(said(0.9, 2_000), 3_000, 4_000, undefined)).toBeNull();
    expect(estimate(said(0.9, 2_000), 3_000, 4_000, TEN_SECONDS)).toMatchObject({ fraction: 0.1, message: null });
  });

  test("of bytes a rate, smoothed, and from it the remaining time", () => {
    const first = takeReport(undefined, bytes(100), 1_000);
    expect(estimate(first, 0, 1_000, undefined)).toMatchObject({ bytes: { done: 100, total: 1_000, perSecond: 100 }, etaMs: 9_000 });
    const second = takeReport(first, bytes(300), 2_000);
    expect(estimate(second, 0, 2_000, undefined)).toMatchObject({ bytes: { perSecond: 200 }, etaMs: 3_500 });
    const third = takeReport(second, bytes(400), 3_000);
    expect(estimate(third, 0, 3_000, undefined)).toMatchObject({ bytes: { perSecond: 170 }, etaMs: Math.round((600 / 170) * 1_000) });
    // Time goes on without news.
    expect(estimate(third, 0, 4_000, undefined)!.etaMs).toBe(Math.round((600 / 170) * 1_000 - 1_000));
    // Too close to tell anything.
    expect(takeReport(third, bytes(900), 3_005).perSecond).toBe(170);
    // Begun anew.
    expect(takeReport(third, bytes(5), 4_000).perSecond).toBeNull();
    expect(estimate(takeReport(undefined, bytes(0, 0), 5), 0, 5, undefined)).toMatchObject({ bytes: { perSecond: null }, etaMs: null });
  });

  test("it goes up with time, says 0.99 at most of itself, and never that time is negative", () => {
    const moment = fc.integer({ min: 0, max: 10_000_000 });
    const typical = fc.option(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 1_000_000 })), { nil: undefined });
    const report = fc.record({ fraction: fc.double({ min: 0, max: 1, noNaN: true }), done: fc.nat(), isBytes: fc.boolean(), at: moment });
    fc.assert(
      fc.property(fc.array(report, { maxLength: 4 }), moment, moment, moment, typical, (reports, startedAt, now, more, usual) => {
        let known: Known | undefined;
        for (const { fraction, done, isBytes, at } of reports)
          known = takeReport(known, { fraction, message: null, ...(isBytes ? { bytes: { done, total: done * 2 } } : {}) }, at);
        const one = estimate(known, startedAt, now, usual);
        const later = estimate(known, startedAt, now + more, usual);
        expect(one === null).toBe(later === null);
        if (!one || !later) return;
        expect(later.extrapolated).toBeGreaterThanOrEqual(one.extrapolated);
        expect(one.extrapolated).toBeLessThanOrEqual(Math.max(0.99, one.fraction));
        for (const { fraction, extrapolated, etaMs } of [one, later]) {
          expect(fraction).toBeGreaterThanOrEqual(0);
          expect(extrapolated).toBeGreaterThanOrEqual(fraction);
          expect(etaMs === null || (Number.isFinite(etaMs) && etaMs >= 0)).toBe(true);
        }
      }),
    );
  });

  test("how long a type takes is the mean of about its last twenty", () => {
    let known: Typical | undefined;
    for (const ms of [100, 200, 300]) known = learnDuration(known, ms);
    expect(known).toEqual([3, 200]);
    for (let n = 0; n < 100; n += 1) known = learnDuration(known, 1_000);
    expect(known![0]).toBe(20);
    expect(known![1]).toBeGreaterThan(980);
    expect(learnDuration(undefined, -5)).toEqual([1, 0]);
  });

  test.each<[given: unknown, read: object]>([
    [0.5, { fraction: 0.5, message: null }],
    [
      { fraction: 2, message: "all" },
      { fraction: 1, message: "all" },
    ],
    [
      { bytes: { done: 50, total: 200 }, message: "x" },
      { fraction: 0.25, message: "x", bytes: { done: 50, total: 200 } },
    ],
    [{ bytes: { done: 5, total: 0 } }, { fraction: 0, message: null, bytes: { done: 5, total: 0 } }],
  ])("[pull leases] a worker tells %j", (given, read) => {
    expect(readProgress(given)).toEqual(read);
  });

  test.each([
    ["half"],
    [Number.NaN],
    [{}],
    [{ bytes: { done: -1, total: 5 } }],
    [{ bytes: 5 }],
    [{ fraction: 0.5, bytes: { done: 1, total: 2 } }],
  ])("and not %j", (given) => {
    expect(() => readProgress(given)).toThrow(/progress/);
  });
});
