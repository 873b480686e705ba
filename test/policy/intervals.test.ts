import fc from "fast-check";
import { expect, test } from "vitest";
import { Intervals } from "../../src/policy/intervals.ts";

/** The intervals that a plain set of numbers amounts to. */
function rangesOf(ids: Set<number>): [number, number][] {
  const ranges: [number, number][] = [];
  for (const id of [...ids].sort((one, other) => one - other)) {
    const last = ranges.at(-1);
    if (last && last[1] === id - 1) last[1] = id;
    else ranges.push([id, id]);
  }
  return ranges;
}

function compare(intervals: Intervals, model: Set<number>): void {
  const ranges = rangesOf(model);
  expect([...intervals.ranges()]).toEqual(ranges);
  expect(intervals.size).toBe(model.size);
  expect(intervals.intervals).toBe(ranges.length);
  expect(intervals.first).toBe(ranges[0]?.[0] ?? Infinity);
}

const span = (most: number, longest: number) =>
  fc.tuple(fc.integer({ min: 1, max: most }), fc.nat(longest)).map(([first, more]) => ({ first, last: first + more }));
const operations = (most: number, longest: number) =>
  fc.oneof(
    fc.record({ kind: fc.constant("add" as const), span: span(most, 0) }),
    fc.record({ kind: fc.constant("remove" as const), span: span(most, 0) }),
    fc.record({ kind: fc.constant("add" as const), span: span(most, longest) }),
    fc.record({ kind: fc.constant("remove" as const), span: span(most, longest) }),
    fc.record({ kind: fc.constant("shift" as const), span: span(9, 0) }),
  );

function apply(
  intervals: Intervals,
  model: Set<number>,
  { kind, span: { first, last } }: { kind: "add" | "remove" | "shift"; span: { first: number; last: number } },
): void {
  const before = model.size;
  if (kind === "shift") {
    const start = intervals.first;
    const taken = intervals.run(first);
    intervals.shift(taken);
    let expected = 0;
    while (expected < first && model.delete(start + expected)) expected += 1;
    expect(taken).toBe(expected);
    return;
  }
  for (let id = first; id <= last; id += 1) {
    if (kind === "add") model.add(id);
    else model.delete(id);
  }
  expect(kind === "add" ? intervals.add(first, last) : intervals.remove(first, last)).toBe(Math.abs(model.size - before));
  for (const id of [first - 1, first, last, last + 1]) expect(intervals.has(id)).toBe(model.has(id));
}

test("every operation does what a plain set does", { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(fc.array(operations(60, 20), { maxLength: 60 }), (list) => {
      const intervals = new Intervals();
      const model = new Set<number>();
      for (const operation of list) {
        apply(intervals, model, operation);
        compare(intervals, model);
      }
    }),
    { numRuns: 500 },
  );
});

test("also when thousands of intervals fill many chunks", { timeout: 60_000 }, () => {
  const build = fc.record({
    gap: fc.integer({ min: 2, max: 5 }),
    backwards: fc.boolean(),
    list: fc.array(operations(6_000, 900), { minLength: 20, maxLength: 400, size: "max" }),
  });
  fc.assert(
    fc.property(build, ({ gap, backwards, list }) => {
      const intervals = new Intervals();
      const model = new Set<number>();
      for (let step = 1; step * gap <= 6_000; step += 1) {
        const id = backwards ? 6_001 - step * gap : step * gap;
        intervals.add(id);
        model.add(id);
      }
      compare(intervals, model);
      for (const operation of list) apply(intervals, model, operation);
      compare(intervals, model);
      for (const id of model) expect(intervals.remove(id)).toBe(1);
      compare(intervals, new Set());
    }),
    { numRuns: 40 },
  );
});

test("a full chunk takes an interval in every place", () => {
  const places = 300;
  for (let place = 0; place <= places; place += 1) {
    const intervals = new Intervals();
    const model = new Set<number>();
    for (const id of [...Array.from({ length: places }, (_, index) => index * 10 + 10), place * 10 + 5]) {
      intervals.add(id);
      model.add(id);
    }
    expect([...intervals.ranges()]).toEqual(rangesOf(model));
  }
});

test("adding in any order ends in one interval", () => {
  fc.assert(
    fc.property(
      fc.shuffledSubarray(
        Array.from({ length: 1_500 }, (_, index) => index + 1),
        { minLength: 1_500 },
      ),
      (ids) => {
        const intervals = new Intervals();
        for (const id of ids) expect(intervals.add(id)).toBe(1);
        expect([...intervals.ranges()]).toEqual([[1, 1_500]]);
      },
    ),
    { numRuns: 20 },
  );
});

test("a backlog of any size is one interval", () => {
  const intervals = new Intervals();
  expect(intervals.add(1, Number.MAX_SAFE_INTEGER)).toBe(Number.MAX_SAFE_INTEGER);
  expect(intervals.intervals).toBe(1);
  expect(intervals.run(250)).toBe(250);
  intervals.shift(250);
  expect(intervals.first).toBe(251);
});

test("how many are below an id is what counting says", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 400 })), fc.integer({ min: 0, max: 401 }), (ids, id) => {
      const set = new Intervals();
      for (const one of ids) set.add(one);
      expect(set.below(id)).toBe(ids.filter((one) => one < id).length);
    }),
  );
});
