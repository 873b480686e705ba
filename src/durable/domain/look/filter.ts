import { LIMITS } from "../../../policy/limits.ts";
import { afterPrefix } from "../../../policy/prefix.ts";
import { STATUS_CODE, type Status, type StoredStatus } from "../../../policy/status.ts";
import type { BulkQuery } from "../../bulk.ts";
import type { TaskQuery } from "../../protocol.ts";
import type { Core } from "../core.ts";

/** A query as SQL over `tasks`. */
export interface Filter {
  /** The table, or an index that holds only what can match. */
  from: string;
  /** The column that it has the task's id in. */
  id: "tasks.id" | "tag.task" | "picked.value";
  /** What the index is asked for, and the values of it and of `from`. */
  own: string;
  fromBindings: SqlStorageValue[];
  /** Everything else. */
  where: string;
  bindings: SqlStorageValue[];
  isIndexed: boolean;
}

const SHOWN: Record<Status, StoredStatus> = {
  ...(Object.fromEntries(Object.keys(STATUS_CODE).map((status) => [status, status])) as Record<StoredStatus, StoredStatus>),
  // Both are shown for rows that are pending on disk.
  paused: "pending",
  running: "pending",
};

/** The message of the stored error; of one that cannot be decoded, none. */
const MESSAGE = "CASE WHEN json_valid(tasks.error) THEN tasks.error ->> '$.message' ELSE '' END";

/** The query as SQL over `tasks`. Of `paused` and `running` it finds what they are on disk, for `shownStatus` to judge. */
export function filterOf(core: Core, query: BulkQuery): Filter {
  const filter = new Building();
  if (query.ids) filter.index(...picked(query.ids));
  byStatus(filter, query);
  if (query.type !== undefined) filter.add("tasks.type = ?", query.type);
  if (query.group !== undefined) filter.add("tasks.grp = ?", query.group);
  if (query.priority !== undefined) filter.add("tasks.priority = ?", query.priority);
  if (query.key !== undefined) filter.add("tasks.key = ?", query.key);
  if (query.since !== undefined) filter.add("tasks.created_at >= ?", query.since);
  if (query.until !== undefined) filter.add("tasks.created_at < ?", query.until);
  if (query.schedule !== undefined)
    filter.add("tasks.schedule = ?", Number(query.schedule.slice(query.schedule.lastIndexOf("_s") + 2)) || -1);
  if (query.error !== undefined) filter.add(`instr(lower(${MESSAGE}), lower(?)) > 0`, query.error);
  if (query.q !== undefined)
    filter.add(
      `instr(lower(coalesce(tasks.label, '') || char(10) || coalesce(tasks.key, '') || char(10) || ${MESSAGE}), lower(?)) > 0`,
      query.q,
    );
  if (query.parent !== undefined) filter.index("tasks INDEXED BY tasks_parent", "tasks.id", "tasks.parent = ?", query.parent);
  byTags(filter, core, query);
  return filter.done();
}

/** An index of these tasks and no others. */
const picked = (ids: readonly number[]) =>
  ["json_each(?) AS picked CROSS JOIN tasks ON tasks.id = picked.value", "picked.value", "TRUE", JSON.stringify(ids)] as const;

/** Takes the first index that is offered; what others would have found by theirs, they check. */
class Building {
  private readonly filter: Filter = { from: "tasks", fromBindings: [], id: "tasks.id", own: "", where: "", bindings: [], isIndexed: false };

  get isIndexed(): boolean {
    return this.filter.isIndexed;
  }

  add(condition: string, ...values: SqlStorageValue[]): void {
    this.filter.where += ` AND ${condition}`;
    this.filter.bindings.push(...values);
  }

  index(from: string, id: Filter["id"], condition: string, ...values: SqlStorageValue[]): void {
    if (this.isIndexed) return this.add(condition, ...values);
    Object.assign(this.filter, { from, id, own: ` AND ${condition}`, fromBindings: values, isIndexed: true });
  }

  done(): Filter {
    return this.filter;
  }
}

function byStatus(filter: Building, { status }: TaskQuery): void {
  if (!status) return;
  const codes = [...new Set(status.map((one) => STATUS_CODE[SHOWN[one]]))];
  // In a run pending, leased running.
  if (status.includes("running")) codes.push(STATUS_CODE.running);
  if (codes.every((code) => code === STATUS_CODE.failed || code === STATUS_CODE.dead_letter))
    filter.index("tasks INDEXED BY tasks_failures", "tasks.id", "tasks.status IN (11, 12)");
  filter.add(`tasks.status IN (${codes.join(", ")})`);
}

function byTags(filter: Building, core: Core, { tags = [], tagPrefix }: TaskQuery): void {
  const defaults = defaultTags(core);
  for (const [key, value] of tags) {
    if (defaults[key] === value) {
      // A default tag has no row: it is today's definition, unless the task has its own.
      if (key !== "_domain") filter.add("coalesce(json_extract(tasks.tags, ?), ?) = ?", `$.${JSON.stringify(key)}`, value, value);
    } else if (filter.isIndexed) {
      filter.add("EXISTS (SELECT 1 FROM tags AS other WHERE other.key = ? AND other.value = ? AND other.task = tasks.id)", key, value);
    } else {
      filter.index("tags AS tag CROSS JOIN tasks ON tasks.id = tag.task", "tag.task", "tag.key = ? AND tag.value = ?", key, value);
    }
  }
  if (tagPrefix === undefined || Object.keys(defaults).some((key) => key.startsWith(tagPrefix))) return;
  const [range, bounds] = keyRange("key", tagPrefix);
  const few = filter.isIndexed ? undefined : fewTasks(core, range, bounds);
  if (few) {
    filter.index(...picked(few));
  } else {
    const [own, limits] = keyRange("own.key", tagPrefix);
    filter.add(`EXISTS (SELECT 1 FROM json_each(tasks.tags) AS own WHERE ${own})`, ...limits);
  }
}

/** The tasks with a tag in that range; undefined where they are so many that a walk over all of them reads less. */
function fewTasks(core: Core, range: string, bounds: readonly string[]): number[] | undefined {
  const most = LIMITS.pageRowsReadMax / 4;
  const rows = core.store.exec<{ task: number }>(`SELECT task FROM tags WHERE ${range} LIMIT ?`, ...bounds, most + 1).toArray();
  return rows.length > most ? undefined : [...new Set(rows.map(({ task }) => task))];
}

/** Texts that begin with a prefix, as a range: `%` and `_` are what they are. */
export function keyRange(column: string, prefix: string): [condition: string, bindings: string[]] {
  const end = afterPrefix(prefix);
  return end === null ? [`${column} >= ?`, [prefix]] : [`${column} >= ? AND ${column} < ?`, [prefix, end]];
}

/** Those that every task has that does not say otherwise: today's definition, no rows. */
export const defaultTags = (core: Core): Record<string, string> => ({
  ...core.outside.registry.defaults.tags,
  ...core.definition?.defaults.tags,
  _domain: core.name,
});
