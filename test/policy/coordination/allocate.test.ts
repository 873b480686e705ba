import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { allocate as share, ceilingOf, type AllocationPolicy, type Claim } from "../../../src/policy/coordination/allocate.ts";
import type { Demand } from "../../../src/policy/coordination/protocol.ts";

const demand = fc.record({
  group: fc.constant(null),
  priority: fc.constantFrom(0, 64, 128, 192),
  count: fc.integer({ min: 0, max: 20 }),
  oldestMs: fc.integer({ min: 0, max: 60_000 }),
});
const claim = (domain: string): fc.Arbitrary<Claim> =>
  fc.record({
    domain: fc.constant(domain),
    using: fc.integer({ min: 0, max: 12 }),
    wanting: fc.array(demand, { maxLength: 4 }),
    starvedMs: fc.integer({ min: 0, max: 30_000 }),
    cap: fc.option(fc.integer({ min: 0, max: 10 }), { nil: null }),
  });
const claims = fc
  .integer({ min: 1, max: 6 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => claim(`d${index}`))));
const cap = fc.integer({ min: 0, max: 40 });
const sum = (numbers: Iterable<number>) => [...numbers].reduce((total, each) => total + each, 0);
const one = (domain: string, wants: number, more: Partial<Claim> = {}, priority = 128): Claim => ({
  domain,
  using: 0,
  starvedMs: 0,
  cap: null,
  wanting: wants > 0 ? [{ group: null, priority, count: wants, oldestMs: 0 }] : [],
  ...more,
});
const allocate = (all: readonly Claim[], policy: AllocationPolicy) =>
  new Map([...share(all, policy)].map(([domain, { slots }]) => [domain, slots]));
const shares = (all: Claim[], maxConcurrency: number) => Object.fromEntries(allocate(all, { maxConcurrency }));

describe("allocate", () => {
  test("[caps] never above a cap, never more than wanted, nothing left idle that somebody wants", () => {
    fc.assert(
      fc.property(claims, cap, (all, maxConcurrency) => {
        const grants = allocate(all, { maxConcurrency });
        for (const each of all) {
          expect(grants.get(each.domain)).toBeGreaterThanOrEqual(0);
          expect(grants.get(each.domain)).toBeLessThanOrEqual(ceilingOf(each));
        }
        expect(sum(grants.values())).toBe(Math.min(maxConcurrency, sum(all.map(ceilingOf))));
      }),
    );
  });

  test("whoever wants more never gets less", () => {
    fc.assert(
      fc.property(claims, cap, demand, fc.nat(), (all, maxConcurrency, more, at) => {
        const index = at % all.length;
        const before = allocate(all, { maxConcurrency });
        const grown = all.map((each, position) =>
          position === index ? { ...each, wanting: [...each.wanting, { ...more, oldestMs: 0 }] } : each,
        );
        const name = all[index]!.domain;
        expect(allocate(grown, { maxConcurrency }).get(name)).toBeGreaterThanOrEqual(before.get(name)!);
      }),
    );
  });

  test("a higher cap takes nothing from anybody", () => {
    fc.assert(
      fc.property(claims, cap, (all, maxConcurrency) => {
        const before = allocate(all, { maxConcurrency });
        const after = allocate(all, { maxConcurrency: maxConcurrency + 1 });
        for (const [domain, slots] of before) expect(after.get(domain)).toBeGreaterThanOrEqual(slots);
      }),
    );
  });

  test("equals differ by one slot at most, unless one has all that it wants", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 2, maxLength: 6 }), cap, (wants, maxConcurrency) => {
        const all = wants.map((count, index) => one(`d${index}`, count));
        const grants = allocate(all, { maxConcurrency });
        for (const a of all) {
          for (const b of all) {
            const [x, y] = [grants.get(a.domain)!, grants.get(b.domain)!];
            if (x < ceilingOf(a)) expect(y - x).toBeLessThanOrEqual(1);
          }
        }
      }),
    );
  });

  test("[order] the more urgent are served before anybody else", () => {
    fc.assert(
      fc.property(claims, cap, (all, maxConcurrency) => {
        const grants = allocate(all, { maxConcurrency });
        const best = Math.min(...all.flatMap((each) => each.wanting.filter((d) => d.count > 0).map((d) => d.priority)));
        const urgent = (each: Claim) =>
          Math.min(sum(each.wanting.filter((d: Demand) => d.priority === best).map((d) => d.count)), each.cap ?? Infinity);
        const hungry = all.some((each) => grants.get(each.domain)! < urgent(each));
        // Somebody's most urgent work waits: then nobody else has a slot for less than that.
        if (hungry) for (const each of all) if (urgent(each) === 0) expect(grants.get(each.domain)).toBe(0);
      }),
    );
  });

  test("examples: shares, urgency, what is occupied, turns", () => {
    expect(shares([one("a", 100), one("b", 100)], 16)).toEqual({ a: 8, b: 8 });
    expect(shares([one("a", 100), one("b", 3)], 16)).toEqual({ a: 13, b: 3 });
    expect(shares([one("a", 100), one("b", 4, {}, 64)], 16)).toEqual({ a: 12, b: 4 });
    // Slots that nobody wants again pass on; those of a domain that wants more count as its share.
    expect(shares([one("a", 0, { using: 16 }), one("b", 4)], 16)).toEqual({ a: 12, b: 4 });
    expect(shares([one("a", 4, { using: 4 }), one("b", 100)], 16)).toEqual({ a: 8, b: 8 });
    // The odd slot: where it is, unless somebody has starved; then the older.
    expect(shares([one("a", 9), one("b", 9, { using: 3 })], 3)).toEqual({ a: 1, b: 2 });
    expect(shares([one("a", 9, { using: 1 }), one("b", 9, { starvedMs: 6_000 })], 1)).toEqual({ a: 0, b: 1 });
    const older = { wanting: [{ group: null, priority: 128, count: 9, oldestMs: 10 }] };
    expect(shares([one("a", 9), one("b", 9, older)], 1)).toEqual({ a: 0, b: 1 });
  });
});
