import fc from "fast-check";
import { expect, test } from "vitest";
import { defineDomain } from "../../../src/domains/define.ts";
import { preemptAtOf } from "../../../src/domains/preempt-at.ts";
import { chooseVictims, givesWayFirst, unmetOf, type Victim, type Wish } from "../../../src/policy/coordination/victims.ts";
import { buildRegistry } from "../../../src/registry.ts";

const priority = fc.constantFrom(0, 10, 64, 128, 192, 255);
const victims = fc
  .array(fc.record({ priority, startedMsAgo: fc.nat({ max: 50 }), isLease: fc.boolean() }), { maxLength: 12 })
  .map((all) => all.map((one, n): Victim => ({ ...one, id: `r${n}` })));
const wishes = fc.array(fc.record({ priority, count: fc.nat({ max: 4 }) }), { maxLength: 4 });
const total = (all: readonly Wish[]) => all.reduce((sum, { count }) => sum + count, 0);

test("[preemption] victims are strictly less urgent, the least urgent first, then those started last; leases where no run will do", () => {
  fc.assert(
    fc.property(victims, wishes, (all, wanted) => {
      const chosen = chooseVictims(all, wanted);
      expect(new Set(chosen).size).toBe(chosen.length);
      expect(chosen.length).toBeLessThanOrEqual(total(wanted));
      // Each stands for a wish that is more urgent than it.
      const units = wanted.flatMap(({ priority: of, count }) => Array.from({ length: count }, () => of)).sort((a, b) => a - b);
      const paid = chosen.map((one) => one.priority).sort((a, b) => a - b);
      for (const [index, of] of paid.entries()) expect(of).toBeGreaterThan(units[index]!);
      const rest = all.filter((one) => !chosen.includes(one));
      for (const one of rest) {
        for (const other of chosen) {
          const goesBefore = givesWayFirst(one, other) < 0;
          // Whoever stays though it would go first is too urgent for the wish that the other stands for.
          if (goesBefore) expect(one.priority).toBeLessThan(other.priority);
        }
      }
      // As many as can be: whoever is left is no less urgent than any wish that is left.
      const most = Math.max(-1, ...units.slice(chosen.length));
      if (chosen.length < units.length) for (const one of rest) expect(one.priority).toBeLessThanOrEqual(most);
    }),
    { numRuns: 500 },
  );
});

test("[preemption] slots that come free anyhow go to the most urgent, and nobody asks for more than a share", () => {
  fc.assert(
    fc.property(wishes, fc.integer({ min: -3, max: 12 }), fc.nat({ max: 12 }), (wanted, coming, most) => {
      const unmet = unmetOf(wanted, coming, most);
      expect(total(unmet)).toBe(Math.max(0, Math.min(most, total(wanted)) - Math.max(0, coming)));
      for (const { count } of unmet) expect(count).toBeGreaterThan(0);
      expect(unmet.map((one) => one.priority)).toEqual(unmet.map((one) => one.priority).toSorted((a, b) => a - b));
    }),
  );
});

test("[preemption] from realtime on by default; the domain's word before the mill's; null is never", () => {
  const [plain, own, never] = [defineDomain("plain"), defineDomain("own", { preemptAt: 10 }), defineDomain("never", { preemptAt: null })];
  const domains = [plain, own, never];
  const at = (preemptAt?: "high" | null) => {
    const registry = buildRegistry({ domains, ...(preemptAt === undefined ? {} : { preemptAt }) });
    return [preemptAtOf(registry), ...domains.map((domain) => preemptAtOf(registry, domain))];
  };
  expect(at()).toEqual([0, 0, 10, -1]);
  expect(at("high")).toEqual([64, 64, 10, -1]);
  expect(at(null)).toEqual([-1, -1, 10, -1]);
  const bad = [defineDomain("d", { preemptAt: "soon" as never })];
  expect(() => buildRegistry({ domains: bad, preemptAt: 300 })).toThrow(
    /createMill: preemptAt must be one of .*\n.*d: preemptAt must be one of/,
  );
});
