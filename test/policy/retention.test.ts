import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countedTypes, leastMaxAge, maxAgeOf, poolOf, type Retention, surplusOf } from "../../src/policy/retention.ts";
import { TERMINAL, type TerminalStatus } from "../../src/policy/status.ts";

const TYPES = ["a", "b", "c"];
const bounds = fc.record({ keep: fc.nat(5), maxAgeMs: fc.integer({ min: 1, max: 1_000 }) }, { requiredKeys: [] });
const retentions: fc.Arbitrary<Retention> = fc.record({
  keep: fc.nat(8),
  maxAgeMs: fc.integer({ min: 1, max: 1_000 }),
  perStatus: fc.dictionary(fc.constantFrom(...TERMINAL), bounds) as fc.Arbitrary<Retention["perStatus"]>,
  perType: fc.dictionary(fc.constantFrom(...TYPES), bounds).map((some) => new Map(Object.entries(some))),
});
const tasks = fc.array(fc.record({ type: fc.constantFrom(...TYPES), status: fc.constantFrom(...TERMINAL) }), { maxLength: 60 });

const count = (some: readonly { status: TerminalStatus }[]) =>
  Object.fromEntries(TERMINAL.map((status) => [status, some.filter((task) => task.status === status).length])) as Record<
    TerminalStatus,
    number
  >;

describe("[history] what is too much", () => {
  test("each pool has what its tasks are more than it keeps", () => {
    fc.assert(
      fc.property(retentions, tasks, (retention, some) => {
        const typed = Object.fromEntries(countedTypes(retention).map((type) => [type, count(some.filter((task) => task.type === type))]));
        const surplus = surplusOf(retention, count(some), typed);
        const sizes = new Map<string, number>();
        for (const { type, status } of some) {
          const pool = poolOf(retention, type, status);
          sizes.set(pool, (sizes.get(pool) ?? 0) + 1);
        }
        for (const [pool, size] of sizes) {
          const { type, status } = some.find((task) => poolOf(retention, task.type, task.status) === pool)!;
          const keep = retention.perType.get(type)?.keep ?? retention.perStatus[status]?.keep ?? retention.keep;
          expect(surplus.get(pool) ?? 0).toBe(Math.max(0, size - keep));
        }
        for (const pool of surplus.keys()) expect(sizes.has(pool)).toBe(true);
      }),
    );
  });

  test("the type's age goes before the status's, that before the domain's; none is shorter than the least", () => {
    const retention: Retention = {
      keep: 1,
      maxAgeMs: 30,
      perStatus: { failed: { maxAgeMs: 90 }, completed: { keep: 3 } },
      perType: new Map([["a", { maxAgeMs: 5 }]]),
    };
    const cases: [type: string, status: TerminalStatus, age: number][] = [
      ["a", "failed", 5],
      ["b", "failed", 90],
      ["b", "completed", 30],
      ["b", "expired", 30],
    ];
    for (const [type, status, age] of cases) expect(maxAgeOf(retention, type, status)).toBe(age);
    expect(leastMaxAge(retention)).toBe(5);
  });
});
