import fc from "fast-check";
import { expect, test } from "vitest";
import { RunSize, runShare } from "../../src/policy/batch.ts";

/** Fills a run from an endless backlog of the types in turn, as dispatch does; answers what it took. */
function fill(sizes: RunSize, types: string[]): Map<string, number> {
  const run = new Map<string, number>();
  let filled = 0;
  for (let count = 0; count < 250; count += 1) {
    const type = types[count % types.length]!;
    if (!sizes.admits(filled, type)) break;
    filled += sizes.weight(type);
    run.set(type, (run.get(type) ?? 0) + 1);
  }
  return run;
}

const total = (run: Map<string, number>) => [...run.values()].reduce((sum, count) => sum + count, 0);

/** How many tasks each of `runs` runs took, when one RPC costs `fixedMs` and one task `taskMs`. */
function simulate(sizes: RunSize, runs: number, fixedMs: number, taskMs: () => number): number[] {
  return Array.from({ length: runs }, () => {
    const run = fill(sizes, ["t"]);
    let elapsed = fixedMs;
    for (let task = 0; task < total(run); task += 1) elapsed += taskMs();
    sizes.learn(run, elapsed);
    return total(run);
  });
}

test("a fast type doubles from 1 to 250 and stays there", () => {
  expect(simulate(new RunSize(), 12, 1, () => 0.02)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 250, 250, 250, 250]);
  expect(simulate(new RunSize(), 10, 0, () => 0).at(-1)).toBe(250);
});

test("a type of 10 ms settles near 5, one of a second stays at 1", () => {
  const settled = simulate(new RunSize(), 200, 1, () => 10).slice(20);
  expect(Math.min(...settled)).toBeGreaterThanOrEqual(4);
  expect(Math.max(...settled)).toBeLessThanOrEqual(5);
  expect(new Set(simulate(new RunSize(), 50, 1, () => 1_000))).toEqual(new Set([1]));
});

test("the fixed cost of a run does not keep it small", () => {
  expect(simulate(new RunSize(), 10, 1.4, () => 0.1).at(-1)).toBe(250);
  expect(simulate(new RunSize(), 200, 40, () => 0.05).at(-1)).toBeGreaterThan(150);
});

test("whatever a task takes, runs settle at the target, and never swing", () => {
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 500, noNaN: true }), fc.double({ min: 0, max: 45, noNaN: true }), (taskMs, fixedMs) => {
      const tail = simulate(new RunSize(), 600, fixedMs, () => taskMs).slice(300);
      const best = Math.min(250, Math.max(1, (50 - fixedMs) / taskMs));
      const mean = tail.reduce((sum, count) => sum + count, 0) / tail.length;
      expect(Math.max(...tail)).toBeLessThanOrEqual(Math.floor(best) + 1);
      expect(Math.min(...tail)).toBeGreaterThanOrEqual(Math.max(1, Math.floor(best * 0.8) - 1));
      expect(mean).toBeLessThanOrEqual(Math.max(best * 1.05, 1.05));
    }),
  );
});

test("times that jump by a factor of four do not blow it up", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.05, max: 5, noNaN: true }),
      fc.array(fc.double({ min: 0.5, max: 2, noNaN: true }), { minLength: 20, maxLength: 50 }),
      (taskMs, factors) => {
        let at = 0;
        const tail = simulate(new RunSize(), 300, 1, () => taskMs * factors[(at += 1) % factors.length]!).slice(50);
        const mean = tail.reduce((sum, count) => sum + count, 0) / tail.length;
        expect(mean * taskMs).toBeLessThanOrEqual(110);
        expect(mean).toBeGreaterThanOrEqual(Math.min(250, 49 / taskMs) * 0.3);
      },
    ),
  );
});

test("many runs at a time, which share one thread, do not push each other down to 1", () => {
  const throughput = (slots: number, busy = 1) => {
    const sizes = new RunSize();
    const tail: number[] = [];
    for (let run = 0; run < 600; run += 1) {
      const tasks = fill(sizes, ["t"]);
      sizes.learn(tasks, busy * slots * (1 + total(tasks) * 0.02), slots);
      if (run >= 300) tail.push(total(tasks));
    }
    const mean = tail.reduce((sum, count) => sum + count, 0) / tail.length;
    return (1_000 * mean) / (1 + mean * 0.02);
  };
  for (const slots of [1, 4, 16, 30, 100, 1_000]) expect(throughput(slots), `${slots} slots`).toBeGreaterThan(20_000);
  // On a machine that is four times slower, because others use it, nothing collapses.
  for (const slots of [4, 16, 30, 100]) expect(throughput(slots, 4), `${slots} slots, busy`).toBeGreaterThan(20_000);
});

test("K falls at once when a run took far longer than the target, and comes back by doubling", () => {
  const sizes = new RunSize();
  simulate(sizes, 10, 1, () => 0.01);
  sizes.learn(new Map([["t", 250]]), 1_000);
  expect(sizes.size("t")).toBeCloseTo(12.5);
  sizes.learn(new Map([["t", 1]]), 1_000);
  expect(sizes.size("t")).toBe(1);
  expect(simulate(sizes, 4, 1, () => 0.01)).toEqual([1, 2, 4, 8]);
});

test("lone quick tasks let K grow by one each, and never lower it", () => {
  const sizes = new RunSize();
  for (let run = 0; run < 10; run += 1) sizes.learn(new Map([["t", 1]]), 1.5);
  expect(sizes.size("t")).toBeCloseTo(11);
  for (let run = 0; run < 100; run += 1) sizes.learn(new Map([["t", 1]]), 1.5);
  expect(sizes.size("t")).toBeCloseTo(50 / 1.5);
  sizes.learn(new Map([["t", 1]]), 45);
  expect(sizes.size("t")).toBeCloseTo(50 / 1.5);
});

test("a new type runs alone, and a slow one does not drag down those it met", () => {
  const sizes = new RunSize();
  simulate(sizes, 10, 1, () => 0.01);
  expect(sizes.admits(0.5, "slow")).toBe(false);
  expect(sizes.admits(0, "slow")).toBe(true);
  sizes.learn(
    new Map([
      ["t", 10],
      ["slow", 1],
    ]),
    5_000,
  );
  expect(sizes.size("t")).toBe(250);
  expect(sizes.size("slow")).toBe(1);
});

test("K stays within its bounds whatever it is told", () => {
  const run = fc.dictionary(fc.constantFrom("a", "b", "c"), fc.integer({ min: 0, max: 1_000 }), { noNullPrototype: true });
  const elapsed = fc.oneof(fc.double(), fc.double({ min: 0, max: 1_000, noNaN: true }));
  fc.assert(
    fc.property(fc.array(fc.tuple(run, elapsed), { maxLength: 50 }), (runs) => {
      const sizes = new RunSize();
      for (const [types, elapsedMs] of runs) {
        const before = new Map(["a", "b", "c"].map((type) => [type, sizes.size(type)]));
        sizes.learn(new Map(Object.entries(types)), elapsedMs);
        for (const [type, size] of before) {
          expect(sizes.size(type)).toBeGreaterThanOrEqual(1);
          expect(sizes.size(type)).toBeLessThanOrEqual(Math.min(250, size * 2));
        }
        expect(total(fill(sizes, ["a", "b", "c"]))).toBeGreaterThanOrEqual(1);
      }
    }),
  );
});

test("at most 1,000 types are remembered, the latest ones", () => {
  const sizes = new RunSize();
  for (let type = 0; type < 2_000; type += 1) {
    sizes.learn(new Map([[`t${type}`, 1]]), 1);
    sizes.learn(new Map([["busy", 1]]), 1);
  }
  expect(sizes.types).toBe(1_000);
  expect(sizes.size("t0")).toBe(1);
  expect(sizes.size("t1999")).toBe(2);
  expect(sizes.size("busy")).toBe(50);
});

test("ready work is spread over the free slots", () => {
  expect([runShare(0, 4), runShare(1, 4), runShare(9, 4), runShare(1_000_000, 4), runShare(10, 0)]).toEqual([1, 1, 3, 250, 10]);
});
