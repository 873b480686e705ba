import type { EdgeKind } from "../../../policy/dependencies.ts";
import { bothTables } from "../rows.ts";
import type { State } from "../state.ts";
import type { Store } from "../store.ts";

/** One edge, with the status that its dependent has on disk. */
export interface Edge extends Record<string, SqlStorageValue> {
  upstream: number;
  dependent: number;
  kind: EdgeKind;
  status: number;
}

type Pair = readonly [upstream: number, dependent: number, kind: EdgeKind];
/** Pairs in one parameter: 25 bytes each keep it far under its limit. */
const SLICE = 20_000;

/** A row each: what a dependency costs. */
export function insertEdges(store: Store, edges: readonly Pair[]): void {
  for (let start = 0; start < edges.length; start += SLICE) {
    const slice = edges.slice(start, start + SLICE);
    store.exec(
      "INSERT INTO edges (upstream, dependent, kind) SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)",
      JSON.stringify(slice),
    );
  }
}

/** Everything that waits, or waited, for these tasks. */
export function readEdges(store: Store, upstreams: readonly number[]): Edge[] {
  return store
    .exec<Edge>(
      "SELECT e.upstream, e.dependent, e.kind, t.status FROM json_each(?) AS j CROSS JOIN edges AS e ON e.upstream = j.value CROSS JOIN tasks AS t ON t.id = e.dependent",
      JSON.stringify(upstreams),
    )
    .toArray();
}

/** A successor follows once. */
export function deleteAfterEdges(store: Store, upstreams: readonly number[]): number {
  return store.exec("DELETE FROM edges WHERE upstream IN (SELECT value FROM json_each(?)) AND kind = 'after'", JSON.stringify(upstreams))
    .rowsWritten;
}

/** The edges of dependents that are gone. */
export function deleteEdges(store: Store, pairs: readonly (readonly [upstream: number, dependent: number])[]): number {
  let count = 0;
  for (let start = 0; start < pairs.length; start += SLICE) {
    const slice = JSON.stringify(pairs.slice(start, start + SLICE));
    count += store.exec(
      "DELETE FROM edges WHERE (upstream, dependent) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))",
      slice,
    ).rowsWritten;
  }
  return count;
}

/** Which of these ended tasks something alive depends on, or another domain has not been told of: those stay. */
export function withLiveDependents(store: Store, ids: readonly number[]): Set<number> {
  const query = `SELECT j.value AS id FROM json_each(?) AS j
    WHERE EXISTS (SELECT 1 FROM edges AS e CROSS JOIN tasks AS t ON t.id = e.dependent WHERE e.upstream = j.value AND t.status < 10)
      OR EXISTS (SELECT 1 FROM watchers AS w WHERE w.upstream = j.value AND w.owed IS NOT NULL)`;
  return new Set(
    store
      .exec<{ id: number }>(query, JSON.stringify(ids))
      .toArray()
      .map((row) => row.id),
  );
}

/**
 * Live tasks that have dependents, here or in another domain. Steps from upstream to upstream, so that it costs a look for
 * each, not one for each edge: one task may have thousands, ended ones too.
 */
export function readUpstreams(store: Store, state: Pick<State, "counts" | "remotes" | "watchers">): Set<number> {
  const found = new Set<number>();
  const read = (query: string): void => {
    for (const { id } of store.exec<{ id: number }>(query)) found.add(id);
  };
  if (state.counts.blocked > 0) read(`${STEPS} SELECT ids.id FROM ids CROSS JOIN tasks AS t ON t.id = ids.id WHERE t.status < 10`);
  if (state.counts.blocked > 0 && state.remotes > 0) read("SELECT id FROM remotes WHERE status < 10");
  if (state.watchers > 0)
    read("SELECT DISTINCT w.upstream AS id FROM watchers AS w CROSS JOIN tasks AS t ON t.id = w.upstream WHERE t.status < 10");
  return found;
}

const STEPS = `WITH RECURSIVE ids (id) AS (
  SELECT min(upstream) FROM edges
  UNION ALL
  SELECT (SELECT min(upstream) FROM edges WHERE upstream > ids.id) FROM ids WHERE ids.id IS NOT NULL)`;

/** How many tasks that have not ended each of these still waits for; 0 for those that are not in the answer. */
export function countBlockers(store: Store, dependents: readonly number[]): Map<number, number> {
  const query = `SELECT t.id,
      (SELECT count(*) FROM json_each(t.options, '$.dependsOn') AS u CROSS JOIN tasks AS x ON x.id = u.value WHERE x.status < 10)
      + (SELECT count(*) FROM json_each(t.options, '$.dependsOn') AS u CROSS JOIN remotes AS x ON x.id = u.value WHERE u.value < 0 AND x.status < 10)
      + (SELECT count(*) FROM edges AS e CROSS JOIN tasks AS x ON x.id = e.upstream WHERE e.upstream = t.options ->> '$.after' AND e.dependent = t.id AND e.kind = 'after' AND x.status < 10) AS n
    FROM json_each(?) AS d CROSS JOIN tasks AS t ON t.id = d.value`;
  return new Map(
    store
      .exec<{ id: number; n: number }>(query, JSON.stringify(dependents))
      .toArray()
      .map(({ id, n }) => [id, n]),
  );
}

/** The statuses of tasks, as numbers, of stand-ins too; those that are gone are not in the answer. */
export function readStatuses(store: Store, ids: readonly number[]): Map<number, number> {
  const statuses = new Map<number, number>();
  for (const [table, some] of bothTables(ids)) {
    const query = `SELECT t.id, t.status FROM json_each(?) AS j CROSS JOIN ${table} AS t ON t.id = j.value`;
    for (const { id, status } of store.exec<{ id: number; status: number }>(query, some)) statuses.set(id, status);
  }
  return statuses;
}
