import type { Task } from "../../domains/task.ts";
import { LIMITS } from "../../policy/limits.ts";
import { STATUS_CODE, type Status, type StoredStatus } from "../../policy/status.ts";
import type { TaskPage, TaskQuery } from "../protocol.ts";
import type { Core } from "./core.ts";
import { readTasks, type TaskRow } from "./rows.ts";
import { view } from "./view.ts";

interface Filter {
  /** The table, or an index that holds only what can match. */
  from: string;
  fromBindings: SqlStorageValue[];
  where: string;
  bindings: SqlStorageValue[];
  /** Reads no rows but matching ones, so needs no budget. */
  isIndexed: boolean;
}

/** One page, newest first. Reads at most 20,000 rows: it may come back short, or empty, with a `next`. */
export function list(core: Core, query: TaskQuery): TaskPage {
  const limit = Math.min(query.limit ?? LIMITS.pageDefault, LIMITS.pageMax);
  const now = core.clock.now();
  const { rows, next } = collect(core, query, limit, now);
  return { items: rows, next };
}

/** How many match; counters where they know it, else a walk over everything. */
export function count(core: Core, query: TaskQuery): number {
  const { status, limit: _limit, before: _before, ...others } = query;
  const isPlain = Object.values(others).every((value) => value === undefined);
  if (isPlain) {
    const counts = countsOf(core);
    return (status ?? (Object.keys(counts) as Status[])).reduce((sum, one) => sum + counts[one], 0);
  }
  let total = 0;
  let before: number | null | undefined = query.before;
  do {
    const page: TaskPage = list(core, { ...query, limit: LIMITS.pageMax, ...(before ? { before } : {}) });
    total += page.items.length;
    before = page.next;
  } while (before);
  return total;
}

/** How many tasks show each status now. */
export function countsOf(core: Core): Record<Status, number> {
  const { counts } = core.state;
  const executing = [...core.runs.values()].filter((run) => run.open.size > 0).length;
  const waiting = core.lanes.size;
  const held = core.pauses.stopped ? waiting : core.lanes.sizeHeldFor("unregistered", "paused");
  return { ...counts, running: counts.running + executing, pending: counts.pending - executing - held, paused: held };
}

function collect(core: Core, query: TaskQuery, limit: number, now: number): { rows: Task[]; next: number | null } {
  if (query.status?.length === 1 && query.status[0] === "running") return running(core, query, limit, now);
  const filter = filterOf(core, query);
  if (!filter) return { rows: [], next: null };
  const wanted = query.status && new Set<string>(query.status);
  const found: Task[] = [];
  let budget: number = filter.isIndexed ? Infinity : LIMITS.pageRowsReadMax;
  let before = query.before ?? core.state.nextId;
  while (before > 1 && budget > 0 && found.length < limit) {
    const low = Math.max(1, before - budget);
    const room = limit - found.length;
    const rows = core.store
      .exec<TaskRow>(
        `SELECT tasks.* FROM ${filter.from} WHERE tasks.id < ? AND tasks.id >= ?${filter.where} ORDER BY tasks.id DESC LIMIT ?`,
        ...filter.fromBindings,
        before,
        low,
        ...filter.bindings,
        room,
      )
      .toArray();
    for (const row of rows) {
      const task = view(core, row, now);
      if (!wanted || wanted.has(task.status)) found.push(task);
    }
    const reached = rows.length === room ? rows.at(-1)!.id : low;
    budget -= before - reached;
    before = rows.length === 0 ? nextBelow(core, low) : reached;
  }
  return { rows: found, next: before > 1 && nextBelow(core, before) > 1 ? before : null };
}

/** Purged stretches cost nothing: on to the next id that exists. */
function nextBelow(core: Core, below: number): number {
  const row = core.store.exec<{ id: number | null }>("SELECT max(id) AS id FROM tasks WHERE id < ?", below).one();
  return row.id === null ? 1 : row.id + 1;
}

/** Those in a run or leased: memory knows them. */
function running(core: Core, query: TaskQuery, limit: number, now: number): { rows: Task[]; next: null } {
  const ids = [...core.runs.values()].flatMap((run) => (run.current === undefined ? [] : [run.current]));
  for (const { task } of core.leases.all()) ids.push(task);
  const before = query.before ?? Infinity;
  const rows = readTasks(
    core.store,
    ids.filter((id) => id < before).sort((one, other) => other - one),
  );
  const { status: _status, before: _before, limit: _limit, ...others } = query;
  const matching = new Set(matchesOf(core, others, rows));
  return {
    rows: rows
      .filter((row) => matching.has(row.id))
      .slice(0, limit)
      .map((row) => view(core, row, now)),
    next: null,
  };
}

function matchesOf(core: Core, query: TaskQuery, rows: readonly TaskRow[]): number[] {
  const filter = filterOf(core, query);
  if (!filter) return [];
  const ids = JSON.stringify(rows.map((row) => row.id));
  return core.store
    .exec<{ id: number }>(
      `SELECT tasks.id FROM ${filter.from} WHERE tasks.id IN (SELECT value FROM json_each(?))${filter.where}`,
      ...filter.fromBindings,
      ids,
      ...filter.bindings,
    )
    .toArray()
    .map((row) => row.id);
}

const SHOWN: Record<Status, StoredStatus> = {
  ...(Object.fromEntries(Object.keys(STATUS_CODE).map((status) => [status, status])) as Record<StoredStatus, StoredStatus>),
  // Both are shown for rows that are pending on disk.
  paused: "pending",
  running: "pending",
};

/** The query as SQL over `tasks`; null when nothing can match. */
function filterOf(core: Core, query: TaskQuery): Filter | null {
  const parts: string[] = [];
  const bindings: SqlStorageValue[] = [];
  const add = (part: string, ...values: SqlStorageValue[]) => {
    parts.push(` AND ${part}`);
    bindings.push(...values);
  };
  let from = "tasks";
  const fromBindings: SqlStorageValue[] = [];
  if (query.status) {
    const codes = [...new Set(query.status.map((status) => STATUS_CODE[SHOWN[status]]))];
    // In a run pending, leased running.
    if (query.status.includes("running")) codes.push(STATUS_CODE.running);
    if (codes.every((code) => code === STATUS_CODE.failed || code === STATUS_CODE.dead_letter)) {
      from = "tasks INDEXED BY tasks_failures";
      add("tasks.status IN (11, 12)");
    }
    add(`tasks.status IN (${codes.join(", ")})`);
  }
  if (query.type !== undefined) add("tasks.type = ?", query.type);
  if (query.group !== undefined) add("tasks.grp = ?", query.group);
  if (query.priority !== undefined) add("tasks.priority = ?", query.priority);
  if (query.key !== undefined) add("tasks.key = ?", query.key);
  if (query.since !== undefined) add("tasks.created_at >= ?", query.since);
  if (query.until !== undefined) add("tasks.created_at < ?", query.until);
  if (query.schedule !== undefined) add("tasks.schedule = ?", Number(query.schedule.slice(query.schedule.lastIndexOf("_s") + 2)) || -1);
  if (query.error !== undefined) add("instr(lower(coalesce(tasks.error, '')), lower(?)) > 0", query.error);
  if (query.q !== undefined)
    add(
      "instr(lower(coalesce(tasks.label, '') || char(10) || coalesce(tasks.key, '') || char(10) || coalesce(tasks.error, '')), lower(?)) > 0",
      query.q,
    );
  const defaults: Record<string, string> = {
    ...core.outside.registry.defaults.tags,
    ...core.definition?.defaults.tags,
    _domain: core.name,
  };
  if (query.parent !== undefined) {
    if (from === "tasks") from = "tasks INDEXED BY tasks_parent";
    add("tasks.parent = ?", query.parent);
  }
  for (const [key, value] of query.tags ?? []) {
    if (defaults[key] === value) {
      // A default tag has no row: it is today's definition, unless the task has its own.
      if (key !== "_domain") add("coalesce(json_extract(tasks.tags, ?), ?) = ?", `$.${JSON.stringify(key)}`, value, value);
    } else if (from === "tasks") {
      from = "tags AS tag CROSS JOIN tasks ON tasks.id = tag.task AND tag.key = ? AND tag.value = ?";
      fromBindings.push(key, value);
    } else {
      add("EXISTS (SELECT 1 FROM tags AS other WHERE other.key = ? AND other.value = ? AND other.task = tasks.id)", key, value);
    }
  }
  return { from, fromBindings, where: parts.join(""), bindings, isIndexed: from !== "tasks" };
}
