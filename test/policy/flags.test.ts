import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AgingOptions, parseAging } from "../../src/policy/aging.ts";
import {
  changeFlags,
  type Flags,
  isPaused,
  nextEnd,
  NO_FLAGS,
  pausedMsOf,
  type Pressure,
  pressureAt,
} from "../../src/policy/coordination/flags.ts";
import type { MillraceError } from "../../src/policy/errors.ts";

describe("flags", () => {
  test("[pause] paused time: the mill's, and a group's while the mill was not; deadlines end by themselves", () => {
    let flags = changeFlags(NO_FLAGS, 1_000, { groups: { g: { since: 1_000 } } });
    flags = changeFlags(flags, 1_100, { paused: { since: 1_100, until: 1_500 } });
    expect(pausedMsOf(flags, null, 1_300)).toBe(200);
    expect(pausedMsOf(flags, "g", 1_300)).toBe(300);
    expect(pausedMsOf(flags, "other", 1_300)).toBe(200);
    // Over at 1,500 without a word of anybody.
    expect(isPaused(flags.paused, 1_500)).toBe(false);
    expect(pausedMsOf(flags, null, 2_000)).toBe(400);
    flags = changeFlags(flags, 2_000, { groups: { g: null } });
    expect(flags).toMatchObject({ paused: null, groups: {} });
    expect(pausedMsOf(flags, "g", 9_000)).toBe(1_000);
    expect(pausedMsOf(flags, null, 9_000)).toBe(400);
  });

  test("pausing what is paused moves its end and keeps its beginning", () => {
    const first = changeFlags(NO_FLAGS, 100, { paused: { since: 100, until: 200 } });
    const second = changeFlags(first, 150, { paused: { since: 150 } });
    expect(second.paused).toEqual({ since: 100 });
    expect(nextEnd(first, 150)).toBe(200);
    expect(nextEnd(second, 150)).toBeNull();
    // Over before it was made again: a new one.
    expect(changeFlags(first, 300, { paused: { since: 300 } }).paused).toEqual({ since: 300 });
  });

  test("[pause] the record stays small, however many groups are paused and resumed: the longest pauses are remembered", () => {
    let flags: Flags = NO_FLAGS;
    let now = 1_000;
    for (let tenant = 0; tenant < 1_300; tenant += 1) {
      const name = `tenant ${tenant}`;
      flags = changeFlags(flags, (now += 1), { groups: { [name]: { since: now, until: now + 1 + (tenant % 7) } } });
    }
    flags = changeFlags(flags, now + 10, {});
    expect(flags.groups).toEqual({});
    expect(Object.keys(flags.pausedMs.groups)).toHaveLength(1_000);
    expect(pausedMsOf(flags, "tenant 6", now)).toBe(7);
    expect(new TextEncoder().encode(JSON.stringify(flags)).length).toBeLessThan(100_000);
  });

  test("pressure: the highest source that still means something", () => {
    const pressure: Record<string, Pressure> = { queue: { value: 0.4, until: 500 }, api: { value: 0.9, until: 200 } };
    const flags = changeFlags(NO_FLAGS, 100, { pressure });
    expect([pressureAt(flags, 150), pressureAt(flags, 200), pressureAt(flags, 500)]).toEqual([0.9, 0.4, 0]);
    expect(Object.keys(changeFlags(flags, 300, {}).pressure)).toEqual(["queue"]);
  });

  test("whatever is paused and resumed: versions grow, and paused time is what a clock beside it counts", () => {
    const step = fc.record({
      after: fc.integer({ min: 0, max: 500 }),
      what: fc.constantFrom("mill" as const, "a" as const, "b" as const),
      pause: fc.option(fc.record({ for: fc.option(fc.integer({ min: 1, max: 700 })) })),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        let flags: Flags = NO_FLAGS;
        let now = 1_000;
        const counted = { mill: 0, a: 0, b: 0 };
        const ends: Record<"mill" | "a" | "b", number> = { mill: 0, a: 0, b: 0 };
        for (const { after, what, pause } of [...steps, { after: 300, what: "mill" as const, pause: null }]) {
          for (const end = now + after; now < end; now += 1) {
            const isStopped = now < ends.mill;
            if (isStopped) counted.mill += 1;
            if (!isStopped && now < ends.a) counted.a += 1;
            if (!isStopped && now < ends.b) counted.b += 1;
          }
          expect(pausedMsOf(flags, null, now)).toBe(counted.mill);
          for (const group of ["a", "b"] as const) expect(pausedMsOf(flags, group, now)).toBe(counted.mill + counted[group]);
          const until = pause?.for === null || pause === null ? {} : { until: now + pause.for };
          const wanted = pause && { since: now, ...until };
          const before = flags.version;
          flags = changeFlags(flags, now, what === "mill" ? { paused: wanted } : { groups: { [what]: wanted } });
          expect(flags.version).toBeGreaterThan(before);
          ends[what] = pause === null ? 0 : (until.until ?? Infinity);
        }
      }),
    );
  });
});

describe("an aging policy", () => {
  test("defaults are filled in", () => {
    const options: AgingOptions = { interval: "30s" };
    expect(parseAging(options)).toEqual({ graceMs: 300_000, intervalMs: 30_000, step: 1, ceiling: 64 });
    expect(parseAging({ grace: 0, interval: 5, step: 4, ceiling: "realtime" })).toEqual({ graceMs: 0, intervalMs: 5, step: 4, ceiling: 0 });
  });

  test("lists everything that is wrong", () => {
    const issues = (value: unknown) => {
      try {
        parseAging(value);
      } catch (error) {
        return ((error as MillraceError).facts.issues as { path: string }[]).map(({ path }) => path);
      }
      return [];
    };
    expect(issues({ grace: "soon", interval: 0, step: 0.5, ceiling: "urgent", graze: 1 }).sort()).toEqual(
      ["aging.ceiling", "aging.grace", "aging.graze", "aging.interval", "aging.step"].sort(),
    );
    for (const wrong of [null, 3, "1m", []]) expect(issues(wrong)).toEqual(["aging"]);
  });
});
