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
    // It matches again, in the middle of the list.
    fc.record({ kind: fc.constant("back" as const) }),
    fc.record({ kind: fc.constant("more" as const) }),
    fc.record({ kind: fc.constant("ask" as const) }),
    fc.record({ kind: fc.constant("renew" as const), page: fc.nat(4) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let ids = Array.from({ length: 10 }, (_, at) => at + 1);
      const gone: number[] = [];
      let last = 10;
      let late: { cursor: string; answer: never } | undefined;
      let loaded: Loaded | undefined = renew(undefined, 0, ask(ids, undefined));
      for (const one of steps) {
        if (one.kind === "come") for (let count = 0; count < one.count; count++) ids.push((last += 1));
        else if (one.kind === "go") {
          gone.push(...ids.slice(one.at, one.at + 1));
          ids = ids.filter((_, at) => at !== one.at);
        } else if (one.kind === "back") ids = [...ids, ...gone.splice(0, 1)].sort((a, b) => a - b);
        else if (one.kind === "more" && loaded?.next) loaded = append(loaded, loaded.next, ask(ids, loaded.next));
        else if (one.kind === "ask" && loaded) {
          // It is answered when the next is asked.
          if (late) loaded = append(loaded, late.cursor, late.answer);
          late = loaded!.next === null ? undefined : { cursor: loaded!.next, answer: ask(ids, loaded!.next) };
        } else if (one.kind === "renew" && loaded) {
          const page = Math.min(one.page, loaded.pages.length - 1);
          loaded = renew(loaded, page, ask(ids, loaded.pages[page]!.cursor));
        }
        const shown = idsOf(loaded);
        expect([...new Set(shown)].sort((a, b) => b - a)).toEqual(shown);
        expect(loaded?.pages.at(-1)?.end).toBe(shown.length);
      }
      // Page after page asked for again, while nothing changes: no task that the mill has is missing among those shown.
      for (let page = 0; page < loaded!.pages.length; page++)
        loaded = renew(loaded, page, ask(ids, page === 0 ? undefined : loaded!.pages[page]!.cursor));
      const sorted = [...ids].sort((a, b) => b - a);
      expect(idsOf(loaded)).toEqual(sorted.slice(0, idsOf(loaded).length));
      if (!loaded?.next) expect(idsOf(loaded)).toEqual(sorted);
      // All of it asked for anew.
      loaded = renew(undefined, 0, ask(ids, undefined));
      while (loaded?.next) loaded = append(loaded, loaded.next, ask(ids, loaded.next));
      expect(idsOf(loaded)).toEqual(sorted);
    }),
    { numRuns: 1_000 },
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

test("a page whose last task is new to the list ends it there: what follows is asked for from there, and nothing shows twice", () => {
  let ids = Array.from({ length: 10 }, (_, at) => at + 1);
  let loaded: Loaded | undefined = renew(undefined, 0, ask(ids, undefined));
  loaded = append(loaded, "7", ask(ids, "7"));
  ids = ids.filter((id) => id !== 3);
  const asked = ask(ids, "3");
  loaded = renew(loaded, 1, ask(ids, "7"));
  expect([idsOf(loaded), loaded.next]).toEqual([[10, 9, 8, 7, 6, 5, 4, 2], "2"]);
  // What was asked for before the list ended elsewhere comes too late.
  expect(append(loaded, "3", asked)).toBe(loaded);
  loaded = append(loaded, "2", ask(ids, "2"));
  loaded = renew(loaded, 2, ask(ids, "2"));
  expect(idsOf(loaded)).toEqual([10, 9, 8, 7, 6, 5, 4, 2, 1]);
});
