import type { Core } from "../core.ts";
import type { Filter } from "./filter.ts";
import type { TaskRow } from "../rows.ts";

/** How many tasks a step takes at most, and how many rows may be read to find them. */
interface Step {
  limit: number;
  budget: number;
}

type Row = Record<string, SqlStorageValue>;

/** The tasks below `before` that match, newest first, and where the next step begins; 1 at the end. */
export function walk<Found = TaskRow>(
  core: Core,
  filter: Filter,
  { before, limit, budget }: Step & { before: number },
  columns = "tasks.*",
): { rows: (Found & { id: number })[]; reached: number } {
  const low = edge(core, filter, budget, { from: before, to: Math.max(1, before - budget), end: 1, way: "<", order: "DESC" });
  const rows = core.store
    .exec<Row>(
      `SELECT ${columns} FROM ${filter.from} WHERE ${filter.id} < ? AND ${filter.id} >= ?${filter.own}${filter.where} ORDER BY ${filter.id} DESC LIMIT ?`,
      ...ordered(filter, [before, low]),
      ...filter.bindings,
      limit,
    )
    .toArray() as (Found & { id: number })[];
  return { rows, reached: rows.length === limit ? rows.at(-1)!.id : low };
}

/** The same from the oldest up, of those above `after` and below `bound`; `bound` - 1 at the end. */
export function climb<Found>(
  core: Core,
  filter: Filter,
  { after, bound, limit, budget }: Step & { after: number; bound: number },
  columns: string,
): { rows: (Found & { id: number })[]; reached: number } {
  const end = bound - 1;
  const high = edge(core, filter, budget, { from: after, to: Math.min(end, after + budget), end, way: ">", order: "ASC" });
  const rows = core.store
    .exec<Row>(
      `SELECT ${columns} FROM ${filter.from} WHERE ${filter.id} > ? AND ${filter.id} <= ?${filter.own}${filter.where} ORDER BY ${filter.id} ASC LIMIT ?`,
      ...ordered(filter, [after, high]),
      ...filter.bindings,
      limit,
    )
    .toArray() as (Found & { id: number })[];
  return { rows, reached: rows.length === limit ? rows.at(-1)!.id : high };
}

/** How far the rows that may be read go: by number where there is no index, else as far as so many of its entries. */
function edge(
  core: Core,
  filter: Filter,
  budget: number,
  { from, to, end, way, order }: { from: number; to: number; end: number; way: "<" | ">"; order: "ASC" | "DESC" },
): number {
  if (!filter.isIndexed) return to;
  // All that the index has matches, so no more is read than is found.
  if (filter.where === "") return end;
  const row = core.store
    .exec<{ id: number }>(
      `SELECT ${filter.id} AS id FROM ${filter.from} WHERE ${filter.id} ${way} ?${filter.own} ORDER BY ${filter.id} ${order} LIMIT 1 OFFSET ?`,
      ...ordered(filter, [from]),
      budget - 1,
    )
    .toArray()[0];
  if (row === undefined) return end;
  return way === "<" ? Math.max(row.id, end) : Math.min(row.id, end);
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

/** The same upwards: as far as all below it has been seen. */
export function nextAbove(core: Core, above: number, bound: number): number {
  const row = core.store.exec<{ id: number | null }>("SELECT min(id) AS id FROM tasks WHERE id > ? AND id < ?", above, bound).one();
  return row.id === null ? bound - 1 : row.id - 1;
}
