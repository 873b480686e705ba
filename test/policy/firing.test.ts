import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decideFiring, type FiringPlan, type LiveInstances, momentOf, nextFiring, OVERLAPS } from "../../src/policy/firing.ts";
import { latestUpTo, nextAfter, parseCron, type Recurrence } from "../../src/policy/recurrence.ts";

const hour = 3_600_000;
const NONE: LiveInstances = { count: 0, isWaiting: false };
const hourly: Recurrence = { everyMs: hour, anchorMs: 0 };
const plan = (given: Partial<FiringPlan> = {}): FiringPlan => ({
  rule: hourly,
  plannedAt: 10 * hour,
  overlap: "allow",
  catchUpMs: 0,
  jitterMs: 0,
  runsLeft: null,
  limit: 100,
  ...given,
});
const fired = (given: Partial<FiringPlan>, now: number, live = NONE) =>
  decideFiring(plan(given), live, now, () => 0.5).fire.map(({ plannedAt }) => plannedAt / hour);

const rules = fc.oneof(
  fc.record({ everyMs: fc.integer({ min: 60_000, max: 3 * hour }), anchorMs: fc.integer({ min: 0, max: 1e12 }) }),
  fc
    .constantFrom("*/5 * * * *", "0 3 * * *", "30 2 * * *", "15 */7 * * * *", "0 0 1,15 * *", "0 9 * * MON-FRI")
    .map((cron) => parseCron(cron, "Europe/Berlin")),
) satisfies fc.Arbitrary<Recurrence>;
const plans = fc.record({
  rule: rules,
  afterMs: fc.integer({ min: 1.7e12, max: 1.9e12 }),
  lateMs: fc.oneof(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: 6 * hour })),
  overlap: fc.constantFrom(...OVERLAPS),
  catchUpMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 5 * hour })),
  jitterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 * hour })),
  runsLeft: fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 9 })),
  limit: fc.integer({ min: 2, max: 20 }),
  live: fc.constantFrom<LiveInstances>(NONE, { count: 1, isWaiting: false }, { count: 2, isWaiting: true }, { count: 3, isWaiting: false }),
  chance: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
});

/** Every time of the rule from `from` to `to`, one by one. */
function walk(rule: Recurrence, from: number, to: number): number[] {
  const times: number[] = [];
  for (let time = nextAfter(rule, from - 1); time !== null && time <= to; time = nextAfter(rule, time)) times.push(time);
  return times;
}

describe("what a due schedule does", () => {
  test("[overlap] on time, late, and with a catch-up window", () => {
    expect(fired({}, 10 * hour)).toEqual([10]);
    expect(fired({}, 13.5 * hour)).toEqual([13]);
    expect(fired({ catchUpMs: 2 * hour }, 13.5 * hour)).toEqual([12, 13]);
    expect(fired({ catchUpMs: 100 * hour }, 13.5 * hour)).toEqual([10, 11, 12, 13]);
    // The latest fires however old it is.
    expect(fired({ rule: { everyMs: 24 * hour, anchorMs: 10 * hour }, catchUpMs: hour }, 20 * hour)).toEqual([10]);
  });

  test.each([
    ["skip", [10], [], [], [], 3],
    ["queue", [10, 11], [10], [], [10], 2],
    ["cancelOther", [13], [13], [13], [13], 3],
    ["allow", [10, 11, 12, 13], [10, 11, 12, 13], [10, 11, 12, 13], [10, 11, 12, 13], 0],
  ] as const)(
    "[overlap] overlap %s, four times due: with none, one, one and one waiting, two others alive",
    (overlap, none, one, waiting, two, skipped) => {
      const given = { overlap, catchUpMs: 100 * hour };
      const now = 13.5 * hour;
      expect(fired(given, now)).toEqual(none);
      expect(fired(given, now, { count: 1, isWaiting: false })).toEqual(one);
      expect(fired(given, now, { count: 2, isWaiting: true })).toEqual(waiting);
      expect(fired(given, now, { count: 2, isWaiting: false })).toEqual(two);
      expect(decideFiring(plan(given), NONE, now, () => 0).skipped).toBe(skipped);
    },
  );

  test("queue: only what has one before it waits; cancelOther: only what has others cancels", () => {
    const now = 11.5 * hour;
    const queue = (live: LiveInstances) =>
      decideFiring(plan({ overlap: "queue", catchUpMs: 9 * hour }), live, now, () => 0).fire.map(({ isQueued }) => isQueued);
    expect(queue(NONE)).toEqual([false, true]);
    expect(queue({ count: 1, isWaiting: false })).toEqual([true]);
    expect(decideFiring(plan({ overlap: "cancelOther" }), NONE, now, () => 0).cancelsOthers).toBe(false);
    expect(decideFiring(plan({ overlap: "cancelOther" }), { count: 1, isWaiting: false }, now, () => 0).cancelsOthers).toBe(true);
  });

  test("more times than a slice takes: allow goes on at once, the others are done", () => {
    const now = 1_000.5 * hour;
    const slice = decideFiring(plan({ catchUpMs: 9_999 * hour, limit: 7 }), NONE, now, () => 0);
    expect(slice.fire).toHaveLength(7);
    expect(slice).toMatchObject({ decidedTo: 16 * hour, next: { plannedAt: 17 * hour, at: now } });
    for (const overlap of ["skip", "queue", "cancelOther"] as const) {
      expect(decideFiring(plan({ overlap, catchUpMs: 9_999 * hour, limit: 7 }), NONE, now, () => 0)).toMatchObject({
        decidedTo: 1_000 * hour,
        next: { plannedAt: 1_001 * hour },
      });
    }
  });

  test("[overlap] maxRuns: no more than are left, and then never again", () => {
    expect(decideFiring(plan({ runsLeft: 2, catchUpMs: 9 * hour }), NONE, 13 * hour, () => 0)).toMatchObject({
      fire: [{ plannedAt: 10 * hour }, { plannedAt: 11 * hour }],
      next: null,
    });
    expect(decideFiring(plan({ runsLeft: 2 }), NONE, 10 * hour, () => 0).next).toEqual({ plannedAt: 11 * hour, at: 11 * hour });
    expect(decideFiring(plan({ runsLeft: 1, overlap: "skip" }), { count: 1, isWaiting: false }, 10 * hour, () => 0).next).not.toBeNull();
  });

  test("[overlap] #40 an alarm that comes after the next planned time leaves that one its own jitter", () => {
    const late = (chance: number) => decideFiring(plan({ jitterMs: hour }), NONE, 11 * hour + 5, () => chance);
    expect(late(0.9)).toMatchObject({ fire: [{ plannedAt: 10 * hour }], decidedTo: 10 * hour, next: { plannedAt: 11 * hour } });
    expect(late(0)).toMatchObject({ fire: [{ plannedAt: 11 * hour }], decidedTo: 11 * hour, next: { plannedAt: 12 * hour } });
  });
});

describe("for any rule, however late, whatever lives", () => {
  const cases = () =>
    fc.property(plans, ({ afterMs, lateMs, live, chance, ...rest }) => {
      const random = () => chance;
      const first = nextFiring(rest.rule, afterMs, rest.jitterMs, random)!;
      const now = first.at + lateMs;
      const firing = decideFiring({ ...rest, plannedAt: first.plannedAt }, live, now, random);
      const planned = walk(rest.rule, first.plannedAt, now);
      const times = firing.fire.map(({ plannedAt }) => plannedAt);
      // Only planned times that have come, each once, in order.
      expect(times).toEqual([...new Set(times)].toSorted((a, b) => a - b));
      for (const time of times) expect(planned).toContain(time);
      // What is decided is decided for good: the next planned time is the one after it, and never in the past of its moment.
      expect(planned).toContain(firing.decidedTo);
      if (firing.next) {
        expect(firing.next.plannedAt).toBe(nextAfter(rest.rule, firing.decidedTo));
        expect(firing.next.at).toBeGreaterThanOrEqual(firing.next.plannedAt);
        // Nothing is left lying: what comes next is in the future, or the rest of a slice.
        if (firing.next.at <= now) expect(times).toHaveLength(rest.limit);
      }
      expect(times.length).toBeLessThanOrEqual(Math.min(rest.limit, rest.runsLeft ?? rest.limit));
      // Each of them lies in the window, but the latest.
      for (const time of times) expect(time >= now - rest.catchUpMs || time === firing.decidedTo).toBe(true);
      // Nobody is over the policy's bound.
      if (rest.overlap === "skip") expect(live.count === 0 ? times.length === 1 : times.length === 0).toBe(true);
      if (rest.overlap === "cancelOther") expect(times).toHaveLength(1);
      if (rest.overlap === "queue")
        expect(firing.fire.filter(({ isQueued }) => isQueued).length + (live.isWaiting ? 1 : 0)).toBeLessThanOrEqual(1);
      if (rest.overlap === "allow") expect(firing.skipped).toBe(0);
    });
  test("the decision holds to its rules", () => fc.assert(cases(), { numRuns: 200 }));

  test("a wider window never fires less", () =>
    fc.assert(
      fc.property(plans, fc.integer({ min: 0, max: 20 * hour }), ({ afterMs, lateMs, rule, catchUpMs }, more) => {
        const plannedAt = nextAfter(rule, afterMs)!;
        const times = (windowMs: number) =>
          decideFiring(
            plan({ rule, plannedAt, catchUpMs: windowMs, limit: 1_000 }),
            NONE,
            plannedAt + Math.min(lateMs, 2 * hour),
            () => 0,
          ).fire.map((one) => one.plannedAt);
        expect(times(catchUpMs + more)).toEqual(expect.arrayContaining(times(catchUpMs)));
      }),
      { numRuns: 100 },
    ));

  test("the latest time up to a moment is what walking finds", () =>
    fc.assert(
      fc.property(rules, fc.integer({ min: 1.7e12, max: 1.9e12 }), fc.integer({ min: 0, max: 4 * hour }), (rule, afterMs, lateMs) => {
        const from = nextAfter(rule, afterMs)!;
        expect(latestUpTo(rule, from, from + lateMs)).toBe(walk(rule, from, from + lateMs).at(-1));
      }),
      { numRuns: 200 },
    ));
});

test("a rule that fires every second, ten years late, costs no walk", () => {
  const rule = parseCron("* * * * * *");
  const from = Date.parse("2026-01-01T00:00:00Z");
  const to = from + 10 * 365 * 24 * hour + 123;
  expect(latestUpTo(rule, from, to)).toBe(to - 123);
});

test("[overlap] #40 jitter never fires before the planned time, nor reaches the next one", () => {
  fc.assert(
    fc.property(
      rules,
      fc.integer({ min: 1.7e12, max: 1.9e12 }),
      fc.integer({ min: 0, max: 1e9 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (rule, afterMs, jitterMs, chance) => {
        const plannedAt = nextAfter(rule, afterMs)!;
        const at = momentOf(rule, plannedAt, jitterMs, () => chance);
        expect(at).toBeGreaterThanOrEqual(plannedAt);
        expect(at).toBeLessThanOrEqual(plannedAt + jitterMs);
        expect(at).toBeLessThan(nextAfter(rule, plannedAt)!);
        expect(Number.isInteger(at)).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
  // It uses the whole width that it may.
  expect([0, 0.5, 0.999999].map((chance) => momentOf(hourly, hour, 10_000, () => chance) - hour)).toEqual([0, 5_000, 10_000]);
});
