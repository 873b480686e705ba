import fc from "fast-check";
import { expect, test } from "vitest";
import { countIds, idsOf, includesId, type Ranges, toRanges, withoutIds } from "../../src/policy/ranges.ts";

const ids = fc.oneof(
  fc.uniqueArray(fc.integer({ min: 1, max: 60 })),
  fc.uniqueArray(fc.integer({ min: 1, max: 60 })).map((list) => list.sort((one, other) => one - other)),
  fc.uniqueArray(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 1 })),
);

test("ranges name exactly the ids, in their order, through JSON", () => {
  fc.assert(
    fc.property(ids, fc.integer({ min: 1, max: 60 }), (list, some) => {
      const ranges = JSON.parse(JSON.stringify(toRanges(list))) as Ranges;
      expect([...idsOf(ranges)]).toEqual(list);
      expect(countIds(ranges)).toBe(list.length);
      expect(includesId(ranges, some)).toBe(list.includes(some));
    }),
  );
});

test("there are no more ranges than stretches", () => {
  fc.assert(
    fc.property(ids, (list) => {
      const breaks = list.filter((id, index) => index === 0 || list[index - 1] !== id - 1).length;
      expect(toRanges(list)).toHaveLength(breaks);
    }),
  );
});

test("what is left when some have gone", () => {
  fc.assert(
    fc.property(ids, fc.array(fc.integer({ min: 1, max: 60 })), (list, gone) => {
      expect([...idsOf(withoutIds(toRanges(list), new Set(gone)))]).toEqual(list.filter((id) => !gone.includes(id)));
    }),
  );
});

test("a backlog is one range, and what is stored wrongly breaks an invariant", () => {
  expect(toRanges([7, 8, 9, 3])).toEqual([
    [7, 3],
    [3, 1],
  ]);
  expect(toRanges([])).toEqual([]);
  for (const broken of [[[0, 1]], [[1, 0]], [[1, -1]], [[1.5, 1]], [[1, Infinity]], [["1", 1]]] as Ranges[]) {
    expect(() => [...idsOf(broken)]).toThrow(/Invariant broken/);
  }
  for (const id of [0, -1, 1.5, Number.NaN]) expect(() => toRanges([id])).toThrow(/Invariant broken/);
});
