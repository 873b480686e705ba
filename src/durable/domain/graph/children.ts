import { taskId } from "../../../policy/ids.ts";
import type { Core } from "../core.ts";
import type { Family } from "./family.ts";
import type { TaskRow } from "../rows.ts";

/** The children of one task, as rows; found by the index of parents. */

const SLICE = 500;

/** In numbers; failures of an earlier life of the parent are not counted. */
export function countChildren(core: Core, parent: number, life: number): Family {
  const query = `SELECT count(*) AS total, coalesce(sum(status < 10), 0) AS active,
      coalesce(sum(status > 10 AND status <> 14 AND life = ?3), 0) AS failed
    FROM (SELECT status, coalesce(options ->> '$.life', 0) AS life FROM tasks INDEXED BY tasks_parent WHERE parent = ?1
      UNION ALL SELECT status, life FROM kin WHERE parent = ?2)`;
  return { ...core.store.exec<Family & Record<string, SqlStorageValue>>(query, taskId(core.name, parent), parent, life).one() };
}

/** Some of those that live and were not told to stop yet, of the parent's lives up to `life`. */
export function readLivingChildren(core: Core, parent: string, life: number = Number.MAX_SAFE_INTEGER): TaskRow[] {
  const query = `SELECT * FROM tasks INDEXED BY tasks_parent
    WHERE parent = ? AND status < 10 AND cancelling = 0 AND coalesce(options ->> '$.life', 0) <= ? LIMIT ${SLICE}`;
  return core.store.exec<TaskRow>(query, parent, life).toArray();
}

/** Those that have one of these names. */
export function readNamedChildren(core: Core, parent: string, names: readonly string[]): TaskRow[] {
  if (names.length === 0) return [];
  const query =
    "SELECT t.* FROM json_each(?2) AS j CROSS JOIN tasks AS t INDEXED BY tasks_parent ON t.parent = ?1 AND t.key_hash = j.value";
  return core.store.exec<TaskRow>(query, parent, JSON.stringify(names)).toArray();
}

export interface ChildSize extends Record<string, SqlStorageValue> {
  id: number;
  type: string;
  status: number;
  bytes: number;
}

/** What a parent is handed, in the order of their ids: how large result and error of each are. Failures of an earlier life are left out. */
export function readChildSizes(core: Core, parent: number, life: number): ChildSize[] {
  const query = `SELECT id, type, status, coalesce(octet_length(result), 0) + coalesce(octet_length(error), 0) AS bytes
    FROM tasks INDEXED BY tasks_parent WHERE parent = ?1 AND (status <= 10 OR coalesce(options ->> '$.life', 0) = ?2) ORDER BY id`;
  return core.store.exec<ChildSize>(query, taskId(core.name, parent), life).toArray();
}

/** Results and errors as JSON texts. */
export function readEnds(core: Core, ids: readonly number[]): { id: number; result: string | null; error: string | null }[] {
  if (ids.length === 0) return [];
  return core.store
    .exec<{ id: number; result: string | null; error: string | null }>(
      "SELECT t.id, t.result, t.error FROM json_each(?) AS j CROSS JOIN tasks AS t ON t.id = j.value",
      JSON.stringify(ids),
    )
    .toArray();
}

/** Ids of those that live, at most so many. */
export function readLivingIds(core: Core, parent: number, limit: number): number[] {
  return core.store
    .exec<{ id: number }>(
      "SELECT id FROM tasks INDEXED BY tasks_parent WHERE parent = ? AND status < 10 LIMIT ?",
      taskId(core.name, parent),
      limit,
    )
    .toArray()
    .map(({ id }) => id);
}

/** Ids of all of them, at most so many. */
export function readChildIds(core: Core, parent: number, limit: number): number[] {
  return core.store
    .exec<{ id: number }>(
      "SELECT id FROM tasks INDEXED BY tasks_parent WHERE parent = ? ORDER BY id LIMIT ?",
      taskId(core.name, parent),
      limit,
    )
    .toArray()
    .map(({ id }) => id);
}

/** Which of these ended tasks have a living parent of this domain, or a living child. */
export function withLiveKin(core: Core, ids: readonly number[]): number[] {
  const query = `SELECT t.id FROM json_each(?1) AS j CROSS JOIN tasks AS t ON t.id = j.value
    WHERE (t.parent IS NOT NULL OR t.family IS NOT NULL) AND (
      EXISTS (SELECT 1 FROM tasks AS p WHERE p.id = CAST(substr(t.parent, length(?2) + 2) AS INTEGER) AND substr(t.parent, 1, length(?2) + 1) = ?2 || '_' AND p.status < 10)
      OR EXISTS (SELECT 1 FROM tasks AS c INDEXED BY tasks_parent WHERE t.family IS NOT NULL AND c.parent = ?2 || '_' || t.id AND c.status < 10)
      OR EXISTS (SELECT 1 FROM kin AS k WHERE t.family IS NOT NULL AND k.parent = t.id AND k.status < 10))`;
  return core.store
    .exec<{ id: number }>(query, JSON.stringify(ids), core.name)
    .toArray()
    .map(({ id }) => id);
}
