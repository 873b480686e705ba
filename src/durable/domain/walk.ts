import type { Core } from "./core.ts";
import type { Filter } from "./filter.ts";
import type { TaskRow } from "./rows.ts";

/** One step of a walk from the newest to the oldest. */
export interface Step {
  /** Only ids below it. */
  before: number;
  /** How many tasks at most, and how many rows may be read to find them. */
  limit: number;
  budget: number;
}

/** The tasks that match, newest first, and where the next step begins; 1 at the end. */
export function walk(core: Core, filter: Filter, { before, limit, budget }: Step): { rows: TaskRow[]; reached: number } {
  const low = lowest(core, filter, before, budget);
  const rows = core.store
    .exec<TaskRow>(
      `SELECT tasks.* FROM ${filter.from} WHERE ${filter.id} < ? AND ${filter.id} >= ?${filter.own}${filter.where} ORDER BY ${filter.id} DESC LIMIT ?`,
      ...ordered(filter, [before, low]),
      ...filter.bindings,
      limit,
    )
    .toArray();
  return { rows, reached: rows.length === limit ? rows.at(-1)!.id : low };
}

/** The lowest id that may be looked at for so many rows read. */
function lowest(core: Core, filter: Filter, before: number, budget: number): number {
  if (!filter.isIndexed) return Math.max(1, before - budget);
  // All that the index has matches, so no more is read than is found.
  if (filter.where === "") return 1;
  const row = core.store
    .exec<{ id: number }>(
      `SELECT ${filter.id} AS id FROM ${filter.from} WHERE ${filter.id} < ?${filter.own} ORDER BY ${filter.id} DESC LIMIT 1 OFFSET ?`,
      ...ordered(filter, [before]),
      budget - 1,
    )
    .toArray()[0];
  return row?.id ?? 1;
}

/** Which of these tasks match. */
export function matchesOf(core: Core, filter: Filter, ids: readonly number[]): Set<number> {
  const query = `SELECT tasks.id FROM ${filter.from} WHERE tasks.id IN (SELECT value FROM json_each(?))${filter.own}${filter.where}`;
  const rows = core.store.exec<{ id: number }>(query, ...ordered(filter, [JSON.stringify(ids)]), ...filter.bindings);
  return new Set(rows.toArray().map(({ id }) => id));
}

/** A list of ids is a parameter of `from`, before those of the bounds; every other comes after them. */
const ordered = ({ id, fromBindings }: Filter, bounds: SqlStorageValue[]): SqlStorageValue[] =>
  id === "picked.value" ? [...fromBindings, ...bounds] : [...bounds, ...fromBindings];

/** Purged stretches cost nothing: on to the next id that exists. */
export function nextBelow(core: Core, below: number): number {
  const row = core.store.exec<{ id: number | null }>("SELECT max(id) AS id FROM tasks WHERE id < ?", below).one();
  return row.id === null ? 1 : row.id + 1;
}
