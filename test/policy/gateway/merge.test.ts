import fc from "fast-check";
import { expect, test } from "vitest";
import type { Task } from "../../../src/domains/task.ts";
import type { TaskPage } from "../../../src/durable/protocol.ts";
import { mergePages, type Positions } from "../../../src/worker/merge.ts";

const task = (domain: string, counter: number, at: number) =>
  ({ id: `${domain}_${counter}`, domain, createdAt: new Date(at).toISOString() }) as Task;

/** A domain that reads at most `budget` rows a page, of which only some match. */
function page(rows: { task: Task; matches: boolean }[], before: number | null | undefined, limit: number, budget: number): TaskPage {
  const items: Task[] = [];
  let at = Math.min(before ?? rows.length + 1, rows.length + 1) - 1;
  for (let read = 0; at >= 1 && read < budget && items.length < limit; at -= 1, read += 1) {
    if (rows[at - 1]!.matches) items.push(rows[at - 1]!.task);
  }
  return { items, next: at >= 1 ? at + 1 : null };
}

const rowsOf = (domain: string) =>
  fc.array(fc.record({ gap: fc.nat(3), matches: fc.boolean() }), { maxLength: 40 }).map((rows) => {
    let at = 0;
    return rows.map(({ gap, matches }, index) => ({ task: task(domain, index + 1, (at += gap)), matches }));
  });

test("walking all pages gives every matching task of every domain once, newest first, whatever the domains' budgets", () => {
  fc.assert(
    fc.property(
      fc.tuple(rowsOf("ada"), rowsOf("bob"), rowsOf("cy")),
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 1, max: 9 }),
      (all, limit, budget) => {
        const domains = { ada: all[0], bob: all[1], cy: all[2] };
        const seen: Task[] = [];
        let positions: Positions | null = {};
        let pages = 0;
        while (positions !== null) {
          const from: Positions = positions;
          const open = Object.entries(domains).filter(([name]) => from[name] !== null);
          const { items, next } = mergePages(
            Object.fromEntries(open.map(([name, rows]) => [name, page(rows, from[name], limit, budget)])),
            from,
            limit,
          );
          expect(items.length).toBeLessThanOrEqual(limit);
          seen.push(...items);
          positions = next;
          // Every page moves on by at least one row of one domain.
          expect((pages += 1)).toBeLessThan(200);
        }
        const expected = all.flat().filter(({ matches }) => matches);
        expect(new Set(seen.map(({ id }) => id))).toEqual(new Set(expected.map((row) => row.task.id)));
        expect(seen).toHaveLength(expected.length);
        const times = seen.map(({ createdAt }) => createdAt);
        expect(times).toEqual(times.toSorted().reverse());
      },
    ),
  );
});

test("a domain that came back empty but goes on holds the others back, and its own position moves", () => {
  const { items, next } = mergePages({ ada: { items: [], next: 7 }, bob: { items: [task("bob", 3, 5)], next: null } }, {}, 10);
  expect(items).toEqual([]);
  expect(next).toEqual({ ada: 7, bob: 4 });
});
