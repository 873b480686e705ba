import { LIMITS } from "../../../policy/limits.ts";
import type { TagKeys, TagValues } from "../../looks.ts";
import type { Core } from "../core.ts";
import { defaultTags, keyRange } from "./filter.ts";

/** How many tasks have which keys, by key. Every task has the keys of the default tags. */
export function tagKeys(core: Core, { prefix }: { prefix: string }): TagKeys {
  const defaults = defaultTags(core);
  const all = total(core);
  const counts = new Map<string, number>();
  for (const key of Object.keys(defaults)) if (key.startsWith(prefix)) counts.set(key, all);
  const found = keysFrom(core, prefix);
  const share = Math.floor(LIMITS.tagRowsReadMax / Math.max(1, found.length));
  let exact = found.length <= LIMITS.pageMax;
  for (const key of found.slice(0, LIMITS.pageMax)) {
    if (counts.has(key)) continue;
    const count = countOf(core, key, share);
    if (count === share) exact = false;
    counts.set(key, count);
  }
  const keys = [...counts].map(([key, count]) => ({ key, count })).sort((one, other) => (one.key < other.key ? -1 : 1));
  return { keys: keys.slice(0, LIMITS.pageMax), exact: exact && keys.length <= LIMITS.pageMax };
}

/** How many tasks have which values under a key, the most frequent first. Who names no other has the default's. */
export function tagValues(core: Core, { key }: { key: string }): TagValues {
  const read = LIMITS.tagRowsReadMax;
  const rows = core.store
    .exec<{ value: string; count: number }>(
      "SELECT value, count(*) AS count FROM (SELECT value FROM tags WHERE key = ? LIMIT ?) GROUP BY value",
      key,
      read,
    )
    .toArray();
  const own = rows.reduce((sum, { count }) => sum + count, 0);
  const counts = new Map(rows.map(({ value, count }) => [value, count]));
  const usual = Object.hasOwn(defaultTags(core), key) ? defaultTags(core)[key] : undefined;
  if (usual !== undefined && total(core) > own) counts.set(usual, (counts.get(usual) ?? 0) + total(core) - own);
  const values = [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((one, other) => other.count - one.count || (one.value < other.value ? -1 : 1));
  return { values: values.slice(0, LIMITS.pageMax), exact: own < read && values.length <= LIMITS.pageMax };
}

const total = (core: Core): number => Object.values(core.state.counts).reduce((sum, count) => sum + count, 0);

/** One row read for each key, however many tasks have it: from each to the least that comes after it. One more than are shown. */
function keysFrom(core: Core, prefix: string): string[] {
  const [range, bounds] = keyRange("key", prefix);
  const query = `WITH RECURSIVE found(key) AS (
      SELECT (SELECT min(key) FROM tags WHERE ${range})
      UNION ALL SELECT (SELECT min(key) FROM tags WHERE key > found.key AND ${range}) FROM found WHERE found.key IS NOT NULL
    ) SELECT key FROM found WHERE key IS NOT NULL LIMIT ?`;
  return core.store
    .exec<{ key: string }>(query, ...bounds, ...bounds, LIMITS.pageMax + 1)
    .toArray()
    .map(({ key }) => key);
}

const countOf = (core: Core, key: string, most: number): number =>
  core.store.exec<{ n: number }>("SELECT count(*) AS n FROM (SELECT 1 FROM tags WHERE key = ? LIMIT ?)", key, most).one().n;
