import { LIMITS } from "../../../policy/limits.ts";
import { FIRST_TERMINAL_CODE, STATUS_CODE } from "../../../policy/status.ts";
import { readLivingIds } from "./children.ts";
import type { Core } from "../core.ts";
import { readLivingKin } from "./kin.ts";
import { optionsOf, readTasks, type TaskRow } from "../rows.ts";

/** What is known before a walk. */
interface Known {
  /** Met before, and not gone through again; what is met comes to it. */
  seen?: Set<number>;
  /** What these wait for instead: it is about to change. */
  renewed?: ReadonlyMap<number, readonly number[]>;
}

/**
 * Everything that some tasks wait for in this domain, near and far, themselves included, and as stand-ins the tasks of other
 * domains where it goes on; about 1,000 of them, `isCut` where there are more.
 */
export function walk(
  core: Core,
  starts: readonly number[],
  { seen = new Set(), renewed }: Known = {},
): { seen: Set<number>; isCut: boolean } {
  let level = starts.filter((id) => !seen.has(id));
  for (const id of level) seen.add(id);
  while (level.length > 0 && seen.size <= LIMITS.graphNodesMax) {
    const rows = readTasks(
      core.store,
      level.filter((id) => id > 0),
    );
    level = [...new Set(rows.flatMap((row) => renewed?.get(row.id) ?? waitedFor(core, row)))].filter((id) => !seen.has(id));
    for (const id of level) seen.add(id);
  }
  return { seen, isCut: seen.size > LIMITS.graphNodesMax };
}

/** What a task waits for: its dependencies while it is blocked, its living children before it ends. */
function waitedFor(core: Core, row: TaskRow): number[] {
  if (row.status >= FIRST_TERMINAL_CODE) return [];
  const children = row.family === null ? [] : [...readLivingIds(core, row.id, LIMITS.graphNodesMax), ...readLivingKin(core, row.id)];
  if (row.status !== STATUS_CODE.blocked) return children;
  const { dependsOn = [], after } = optionsOf(row);
  return [...dependsOn, ...(after === undefined ? [] : [after]), ...children];
}
