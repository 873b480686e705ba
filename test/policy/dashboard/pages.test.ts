import fc from "fast-check";
import { expect, test } from "vitest";
import { append, type Loaded, renew } from "../../../dashboard/src/views/tasks/pages.ts";

const PAGE = 4;

/** A list as the mill would answer: newest first, a cursor that is the last id of the page. */
function ask(ids: readonly number[], cursor: string | undefined) {
  const older = ids.filter((id) => cursor === undefined || id < Number(cursor)).sort((one, other) => other - one);
  const items = older.slice(0, PAGE).map((id) => ({ id: String(id) }));
  return { items, next: older.length > PAGE ? items.at(-1)!.id : null } as never;
}
const idsOf = (loaded: Loaded | undefined) => loaded?.items.map(({ id }) => Number(id)) ?? [];

test("the dashboard's list stays in order and without doubles, whatever comes and goes between its questions; asked anew, it is the mill's", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("come" as const), count: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ kind: fc.constant("go" as const), at: fc.nat(30) }),
    fc.record({ kind: fc.constant("more" as const) }),
    fc.record({ kind: fc.constant("renew" as const), page: fc.nat(4) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let ids = Array.from({ length: 10 }, (_, at) => at + 1);
      let last = 10;
      let loaded: Loaded | undefined = renew(undefined, 0, ask(ids, undefined));
      for (const one of steps) {
        if (one.kind === "come") for (let count = 0; count < one.count; count++) ids.push((last += 1));
        else if (one.kind === "go") ids = ids.filter((_, at) => at !== one.at);
        else if (one.kind === "more" && loaded?.next) loaded = append(loaded, loaded.next, ask(ids, loaded.next));
        else if (one.kind === "renew" && loaded) {
          const page = Math.min(one.page, loaded.pages.length - 1);
          loaded = renew(loaded, page, ask(ids, loaded.pages[page]!.cursor));
        }
        const shown = idsOf(loaded);
        expect([...new Set(shown)].sort((a, b) => b - a)).toEqual(shown);
        expect(loaded?.pages.at(-1)?.end).toBe(shown.length);
      }
      // All of it asked for anew.
      loaded = renew(undefined, 0, ask(ids, undefined));
      while (loaded?.next) loaded = append(loaded, loaded.next, ask(ids, loaded.next));
      expect(idsOf(loaded)).toEqual([...ids].sort((a, b) => b - a));
    }),
  );
});

test("a task that no longer matches is gone after the page that it was on was asked for again; new ones stand first", () => {
  let ids = Array.from({ length: 8 }, (_, at) => at + 1);
  let loaded: Loaded | undefined = renew(undefined, 0, ask(ids, undefined));
  loaded = append(loaded, loaded.next!, ask(ids, loaded.next!));
  expect(idsOf(loaded)).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
  ids = [...ids.filter((id) => id !== 7 && id !== 3), 9];
  loaded = renew(loaded, 0, ask(ids, undefined));
  expect(idsOf(loaded)).toEqual([9, 8, 6, 5, 4, 3, 2, 1]);
  loaded = renew(loaded, 1, ask(ids, loaded.pages[1]!.cursor));
  expect(idsOf(loaded)).toEqual([9, 8, 6, 5, 4, 2, 1]);
});
