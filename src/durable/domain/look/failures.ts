import { failurePattern } from "../../../policy/failure-pattern.ts";
import { taskId } from "../../../policy/ids.ts";
import { LIMITS } from "../../../policy/limits.ts";
import type { FailureGroup, FailureQuery, Failures } from "../../looks.ts";
import type { Core } from "../core.ts";

/** Of an error what its pattern is made of. */
export interface Sample {
  name: string | null;
  message: string | null;
}

interface Row extends Sample, Record<string, SqlStorageValue> {
  id: number;
  at: number;
  name: string | null;
  message: string | null;
}

interface Group extends Omit<FailureGroup, "first" | "last"> {
  first: number;
  last: number;
}

// Only what patterns are made of: messages and stacks of 20,000 rows would not fit into memory.
export const SAMPLE = `CASE WHEN json_valid(tasks.error) THEN tasks.error ->> '$.name' END AS name,
    CASE WHEN json_valid(tasks.error) THEN substr(tasks.error ->> '$.message', 1, 512) END AS message`;
const READ = `SELECT id, finished_at AS at, ${SAMPLE}
  FROM tasks INDEXED BY tasks_failures WHERE status IN (11, 12) AND id > ?`;

/** Failed and dead-lettered tasks that are kept, by what their errors have in common. Reads the newest 20,000 failures. */
export function failures(core: Core, { type, since, limit }: FailureQuery): Failures {
  const most = LIMITS.pageRowsReadMax;
  const oldest = core.store
    .exec<{ id: number }>("SELECT id FROM tasks INDEXED BY tasks_failures WHERE status IN (11, 12) ORDER BY id DESC LIMIT 1 OFFSET ?", most)
    .toArray()[0];
  const groups = new Map<string, Group>();
  const rows = core.store.exec<Row>(
    `${READ}${type === undefined ? "" : " AND type = ?"}${since === undefined ? "" : " AND finished_at >= ?"} ORDER BY id DESC`,
    oldest?.id ?? 0,
    ...(type === undefined ? [] : [type]),
    ...(since === undefined ? [] : [since]),
  );
  for (const row of rows) add(core, groups, row);
  const items = [...groups.values()].sort((one, other) => other.count - one.count || other.last - one.last);
  return {
    items: items.slice(0, limit).map((group) => ({ ...group, first: iso(group.first), last: iso(group.last) })),
    exact: oldest === undefined && items.length <= limit,
  };
}

/** What the failure is grouped by. */
export const patternOf = ({ name, message }: Sample): string => failurePattern(name ?? "", message ?? "");

function add(core: Core, groups: Map<string, Group>, { id, at, ...sample }: Row): void {
  const { message } = sample;
  const pattern = patternOf(sample);
  const group = groups.get(pattern);
  if (!group) {
    groups.set(pattern, { pattern, count: 1, first: at, last: at, example: taskId(core.name, id), message: message ?? "" });
    return;
  }
  group.count += 1;
  group.first = Math.min(group.first, at);
  group.last = Math.max(group.last, at);
}

const iso = (at: number): string => new Date(at).toISOString();
