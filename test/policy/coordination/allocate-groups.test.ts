import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { allocate, type AllocationPolicy, type Claim, type Share } from "../../../src/policy/coordination/allocate.ts";
import type { Demand } from "../../../src/policy/coordination/protocol.ts";
import { shareOut, waterFill } from "../../../src/policy/coordination/shares.ts";

const GROUPS = ["a", "b", "c"];
const demand = fc.record({
  group: fc.constantFrom(null, ...GROUPS),
  priority: fc.constantFrom(0, 64, 128, 192),
  count: fc.integer({ min: 0, max: 20 }),
  oldestMs: fc.integer({ min: 0, max: 60_000 }),
});
const claim = (domain: string): fc.Arbitrary<Claim> =>
  fc
    .record({
      domain: fc.constant(domain),
      ungrouped: fc.integer({ min: 0, max: 4 }),
      usingBy: fc.array(fc.tuple(fc.constantFrom(...GROUPS), fc.integer({ min: 0, max: 6 })), { maxLength: 3 }),
      wanting: fc.array(demand, { maxLength: 6 }),
      starvedMs: fc.integer({ min: 0, max: 30_000 }),
      cap: fc.option(fc.integer({ min: 0, max: 10 }), { nil: null }),
    })
    .map(({ ungrouped, usingBy, ...rest }) => {
      const groups = new Map(usingBy);
      return { ...rest, using: sum(groups.values(), ungrouped), usingBy: groups };
    });
const claims = fc
  .integer({ min: 1, max: 5 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => claim(`d${index}`))));
interface Settings {
  maxConcurrency: number;
  caps: Record<string, number | null>;
  weights: Record<string, number>;
  mins: Record<string, number>;
  isFair: boolean;
  urgentAt: number | null;
}
const perGroup = <T>(value: fc.Arbitrary<T>) => fc.record(Object.fromEntries(GROUPS.map((group) => [group, value])));
const settings: fc.Arbitrary<Settings> = fc.record({
  maxConcurrency: fc.integer({ min: 0, max: 40 }),
  caps: perGroup(fc.option(fc.integer({ min: 0, max: 12 }), { nil: null })),
  weights: perGroup(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant(1_000))),
  mins: perGroup(fc.integer({ min: 0, max: 5 })),
  isFair: fc.boolean(),
  urgentAt: fc.constantFrom(null, 0, 64),
});
const policyOf = ({ maxConcurrency, caps, weights, mins, isFair, urgentAt }: Settings): AllocationPolicy => ({
  maxConcurrency,
  capOf: (group) => caps[group] ?? Number.POSITIVE_INFINITY,
  ...(isFair ? { fair: { weightOf: (group) => weights[group] ?? 1, minOf: (group) => mins[group] ?? 0 } } : {}),
  urgentAt,
});
const sum = (numbers: Iterable<number>, start = 0) => [...numbers].reduce((total, each) => total + each, start);
/** What a domain could use in one group. */
const need = (each: Claim, group: string) => {
  const grouped = sum((each.usingBy ?? new Map<string, number>()).values());
  const using = group === "" ? each.using - grouped : (each.usingBy?.get(group) ?? 0);
  return using + sum(each.wanting.filter((want) => (want.group ?? "") === group).map((want) => want.count));
};
const inGroup = (grants: ReadonlyMap<string, Share>, group: string) =>
  sum([...grants.values()].map((share) => share.groups.get(group) ?? 0));
const wants = (...all: [group: string | null, count: number, priority?: number][]): Demand[] =>
  all.map(([group, count, priority = 128]) => ({ group, priority, count, oldestMs: 0 }));
const one = (domain: string, wanting: Demand[], more: Partial<Claim> = {}): Claim => ({
  domain,
  using: 0,
  starvedMs: 0,
  cap: null,
  wanting,
  ...more,
});
const weigh = (weights: Record<string, number>, mins: Record<string, number> = {}): AllocationPolicy["fair"] => ({
  weightOf: (group) => weights[group] ?? 1,
  minOf: (group) => mins[group] ?? 0,
});
const byGroup = (all: Claim[], policy: AllocationPolicy) => {
  const grants = allocate(all, policy);
  return Object.fromEntries(["", ...GROUPS].map((group) => [group, inGroup(grants, group)]).filter(([, count]) => count !== 0));
};

describe("allocate, with groups", () => {
  test("[caps] never above the mill's, a domain's or a group's cap, nor more than anybody could use", () => {
    fc.assert(
      fc.property(claims, settings, (all, given) => {
        const policy = policyOf(given);
        const grants = allocate(all, policy);
        expect(sum([...grants.values()].map(({ slots }) => slots))).toBeLessThanOrEqual(policy.maxConcurrency);
        for (const each of all) {
          const { slots, groups } = grants.get(each.domain)!;
          expect(sum(groups.values())).toBe(slots);
          expect(slots).toBeLessThanOrEqual(each.cap ?? Infinity);
          for (const [group, count] of groups) expect(count).toBeLessThanOrEqual(need(each, group));
        }
        for (const group of GROUPS) expect(inGroup(grants, group)).toBeLessThanOrEqual(policy.capOf!(group));
      }),
    );
  });

  test("leaves no slot that anybody could take, and says who goes short of one", () => {
    fc.assert(
      fc.property(claims, settings, (all, given) => {
        const policy = policyOf(given);
        const grants = allocate(all, policy);
        const isFull = sum([...grants.values()].map(({ slots }) => slots)) === policy.maxConcurrency;
        for (const each of all) {
          const { slots, groups, isShort } = grants.get(each.domain)!;
          const couldUse = ["", ...GROUPS].some(
            (group) => (groups.get(group) ?? 0) < need(each, group) && (group === "" || inGroup(grants, group) < policy.capOf!(group)),
          );
          expect(isShort).toBe(couldUse && slots < (each.cap ?? Infinity));
          if (isShort) expect(isFull).toBe(true);
        }
      }),
    );
  });

  test("is the same whoever is named first, and the same again", () => {
    fc.assert(
      fc.property(claims, settings, (all, given) => {
        const policy = policyOf(given);
        const plain = (grants: ReadonlyMap<string, Share>) =>
          all.map(({ domain }) => [domain, grants.get(domain)!.slots, [...grants.get(domain)!.groups].toSorted()]);
        const turned = allocate(
          all.toReversed().map((each) => ({ ...each, wanting: each.wanting.toReversed() })),
          policy,
        );
        expect(plain(turned)).toEqual(plain(allocate(all, policy)));
      }),
    );
  });

  test("[weights, minimums] every minimum is honoured as far as its group can use it, unless they exceed the mill", () => {
    fc.assert(
      fc.property(claims, settings, (all, given) => {
        const mins = { ...given.mins };
        const policy = policyOf({ ...given, isFair: true, maxConcurrency: given.maxConcurrency + sum(Object.values(mins)) });
        const uncapped = all.map((each) => ({ ...each, cap: null }));
        const grants = allocate(uncapped, policy);
        for (const group of GROUPS) {
          const usable = Math.min(mins[group]!, policy.capOf!(group), sum(uncapped.map((each) => need(each, group))));
          expect(inGroup(grants, group)).toBeGreaterThanOrEqual(usable);
        }
      }),
    );
  });

  test("[weights, minimums] every group is within one slot of its exact share by weight", () => {
    fc.assert(
      fc.property(claims, settings, (all, given) => {
        const policy = policyOf({ ...given, isFair: true, mins: {}, urgentAt: null });
        const uncapped = all.map((each) => ({ ...each, cap: null }));
        const grants = allocate(uncapped, policy);
        const sharers = ["", ...GROUPS].map((name) => ({
          name,
          weight: name === "" ? 1 : given.weights[name]!,
          most: Math.min(sum(uncapped.map((each) => need(each, name))), name === "" ? Infinity : policy.capOf!(name)),
        }));
        for (const [name, exact] of waterFill(policy.maxConcurrency, sharers)) {
          expect(Math.abs(inGroup(grants, name) - exact), name).toBeLessThan(1 + 1e-6);
        }
      }),
    );
  });

  test("whoever wants more in a group never gets less in it, by weight", () => {
    fc.assert(
      fc.property(claims, settings, fc.constantFrom("", ...GROUPS), fc.nat(), (all, given, group, at) => {
        const policy = policyOf({ ...given, isFair: true, urgentAt: null });
        const uncapped = all.map((each) => ({ ...each, cap: null }));
        const more = wants([group === "" ? null : group, 5]);
        const grown = uncapped.map((each, index) => (index === at % all.length ? { ...each, wanting: [...each.wanting, ...more] } : each));
        expect(inGroup(allocate(grown, policy), group)).toBeGreaterThanOrEqual(inGroup(allocate(uncapped, policy), group));
      }),
    );
  });

  test("a group at its cap holds nobody up: the others get what they would get without it", () => {
    fc.assert(
      fc.property(claims, settings, (all, given) => {
        const full = { ...given, isFair: false, caps: { ...given.caps, a: 0 } };
        const without = all.map((each) => ({
          ...each,
          wanting: each.wanting.filter(({ group }) => group !== "a"),
          using: each.using - (each.usingBy?.get("a") ?? 0),
          usingBy: new Map([...(each.usingBy ?? [])].filter(([group]) => group !== "a")),
        }));
        const slots = (grants: ReadonlyMap<string, Share>) => sum([...grants.values()].map((share) => share.slots));
        const policy = policyOf(full);
        expect(slots(allocate(all, policy))).toBe(slots(allocate(without, policy)));
      }),
    );
  });

  test("[weights, minimums] 3:1 over 8 slots is 6 and 2; what one cannot use goes to the others", () => {
    const fair = weigh({ a: 3, b: 1 });
    expect(byGroup([one("x", wants(["a", 100], ["b", 100]))], { maxConcurrency: 8, fair })).toEqual({ a: 6, b: 2 });
    expect(byGroup([one("x", wants(["a", 100])), one("y", wants(["a", 100], ["b", 100]))], { maxConcurrency: 8, fair })).toEqual({
      a: 6,
      b: 2,
    });
    const equal = weigh({});
    expect(byGroup([one("x", wants(["a", 100], ["b", 100], ["c", 100]))], { maxConcurrency: 10, fair: equal })).toEqual({
      a: 4,
      b: 3,
      c: 3,
    });
    const capped = { maxConcurrency: 10, fair: equal, capOf: (group: string) => (group === "a" ? 2 : Infinity) };
    expect(byGroup([one("x", wants(["a", 100], ["b", 100]))], capped)).toEqual({ a: 2, b: 8 });
    expect(byGroup([one("x", wants(["a", 2], ["b", 100]))], { maxConcurrency: 10, fair: equal })).toEqual({ a: 2, b: 8 });
    // Ungrouped work is one more group, of weight 1.
    expect(byGroup([one("x", wants(["a", 100], [null, 100]))], { maxConcurrency: 8, fair })).toEqual({ a: 6, "": 2 });
    // A domain's cap is shared by weight, too.
    expect(byGroup([one("x", wants(["a", 100], ["b", 100]), { cap: 8 })], { maxConcurrency: 16, fair })).toEqual({ a: 6, b: 2 });
    // Minimums first, then the rest by weight.
    const reserved = weigh({ a: 3, b: 1 }, { b: 4 });
    expect(byGroup([one("x", wants(["a", 100], ["b", 100]))], { maxConcurrency: 8, fair: reserved })).toEqual({ a: 3, b: 5 });
    // Not kept empty: nobody of b is there.
    expect(byGroup([one("x", wants(["a", 100]))], { maxConcurrency: 8, fair: reserved })).toEqual({ a: 8 });
    // Urgent work does not ask for weights.
    const rush = [one("x", wants(["a", 100], ["b", 6, 0]))];
    expect(byGroup(rush, { maxConcurrency: 8, fair, urgentAt: 0 })).toEqual({ a: 2, b: 6 });
    expect(byGroup(rush, { maxConcurrency: 8, fair, urgentAt: null })).toEqual({ a: 6, b: 2 });
  });

  test("[order] across domains and groups the more urgent is served first where nobody has a weight", () => {
    const all = [one("x", wants(["a", 100])), one("y", wants(["b", 3, 64], [null, 100]))];
    expect(byGroup(all, { maxConcurrency: 8 })).toMatchObject({ b: 3 });
    expect(allocate(all, { maxConcurrency: 8 }).get("y")!.slots).toBe(4);
  });
});

test("largest remainders, and names where they are equal", () => {
  const sharers = (...weights: number[]) => weights.map((weight, index) => ({ name: "abcdef"[index]!, weight, most: 100 }));
  expect([...shareOut(10, sharers(1, 1, 1))]).toEqual([
    ["a", 4],
    ["b", 3],
    ["c", 3],
  ]);
  expect([...shareOut(10, sharers(6, 3, 1)).values()]).toEqual([6, 3, 1]);
  expect([...shareOut(11, sharers(6, 3, 1)).values()]).toEqual([7, 3, 1]);
  expect([...shareOut(0, sharers(1, 2)).values()]).toEqual([0, 0]);
  expect([...shareOut(5, []).values()]).toEqual([]);
  expect([...shareOut(3, sharers(0.1, 0.1, 0.1)).values()]).toEqual([1, 1, 1]);
});
