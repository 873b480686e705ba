import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { defineDomain } from "../../src/domains/define.ts";
import { easesAt, floorAt, floorFallsAt, limitOf, NO_FLOOR, parsePressurePolicy, DEFAULT_PRESSURE } from "../../src/policy/pressure.ts";
import { buildRegistry } from "../../src/registry.ts";

describe("[backpressure] the policy", () => {
  test.each([
    [0, NO_FLOOR],
    [0.5, NO_FLOOR],
    [0.51, 192],
    [0.75, 192],
    [0.76, 128],
    [1, 128],
  ])("by default %f sets aside what is at %i or less urgent", (pressure, floor) => {
    expect(floorAt(DEFAULT_PRESSURE, pressure)).toBe(floor);
  });

  test("high and realtime tasks never wait, normal ones above 0.75, background and idle ones above 0.5", () => {
    expect([0, 64, 127, 128, 191, 192, 255].map((priority) => limitOf(DEFAULT_PRESSURE, priority))).toEqual([
      null,
      null,
      null,
      0.75,
      0.75,
      0.5,
      0.5,
    ]);
  });

  const rule = fc.record({ priority: fc.integer({ min: 0, max: 255 }), above: fc.integer({ min: 0, max: 20 }).map((n) => n / 20) });
  const sources = fc.dictionary(
    fc.constantFrom("a", "b", "c", "d"),
    fc.record({ value: fc.integer({ min: 0, max: 20 }).map((n) => n / 20), until: fc.integer({ min: 0, max: 1_000 }) }),
  );
  const highest = (pressure: Record<string, { value: number; until: number }>, now: number): number =>
    Math.max(
      0,
      ...Object.values(pressure)
        .filter(({ until }) => until > now)
        .map(({ value }) => value),
    );

  test("whoever waits, does so until the moment that is told, and no longer", () => {
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 5 }),
        sources,
        fc.integer({ min: 0, max: 255 }),
        fc.nat(900),
        (rules, pressure, priority, now) => {
          const waits = (at: number): boolean => rules.some((one) => priority >= one.priority && highest(pressure, at) > one.above);
          expect(priority >= floorAt(rules, highest(pressure, now))).toBe(waits(now));
          const limit = limitOf(rules, priority);
          const until = limit === null ? undefined : easesAt({ pressure }, limit, now);
          expect(until === undefined).toBe(!waits(now));
          if (until !== undefined) expect([waits(until - 1), waits(until)]).toEqual([true, false]);
        },
      ),
    );
  });

  test("the next moment at which somebody may go is the first at which the floor falls", () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 5 }), sources, fc.nat(900), (rules, pressure, now) => {
        const floor = (at: number): number => floorAt(rules, highest(pressure, at));
        const falls = floorFallsAt({ pressure }, rules, now);
        let first: number | null = null;
        for (let at = now; at <= 1_000 && first === null; at += 1) if (floor(at) > floor(now)) first = at;
        expect(falls).toBe(first);
      }),
    );
  });

  test("what is wrong with one is told all at once, by createMill too", () => {
    expect(parsePressurePolicy([{ priority: "idle", above: 0.1 }])).toEqual([{ priority: 255, above: 0.1 }]);
    expect(parsePressurePolicy([])).toEqual([]);
    const wrong = [{ priority: "urgent", above: 2 }, { priority: 3, above: 0.5, below: 1 }, 7];
    expect(() => parsePressurePolicy(wrong)).toThrow(
      /pressure\[0\]\.priority.*pressure\[0\]\.above.*pressure\[1\]\.below: there is no such field.*pressure\[2\]/s,
    );
    expect(() => parsePressurePolicy({})).toThrow(/list/);
    const broken = () => buildRegistry({ domains: [defineDomain("media", { pressure: wrong as never })], pressure: "high" as never });
    expect(broken).toThrow(/createMill: pressure must be a list.*media: pressure\[0\]/s);
    const fine = buildRegistry({ domains: [defineDomain("media", { pressure: [] })], pressure: [{ priority: "normal", above: 0.9 }] });
    expect([fine.pressure, fine.domains.get("media")!.pressure]).toEqual([[{ priority: 128, above: 0.9 }], []]);
  });
});
