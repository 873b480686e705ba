import { fail } from "../../policy/errors.ts";
import { parseTaskId, taskId } from "../../policy/ids.ts";
import { LIMITS } from "../../policy/limits.ts";
import type { SubmitItem } from "../protocol.ts";
import { readLivingIds } from "./children.ts";
import type { Core } from "./core.ts";
import { optionsOf, readTask, readTasks, type TaskRow } from "./rows.ts";

/**
 * Refuses children that depend on something which itself waits for their parent: its own parents, what depends on it, and
 * so on. Looks at 1,000 tasks at most; beyond that they are let in.
 */
export function refuseCycles(core: Core, parent: TaskRow, items: readonly SubmitItem[]): void {
  const asked = new Set<number>();
  for (const { dependsOn } of items) {
    for (const one of dependsOn ?? []) {
      const parsed = typeof one === "string" ? parseTaskId(one) : null;
      if (parsed?.domain === core.name) asked.add(parsed.counter);
    }
  }
  if (asked.size === 0) return;
  const above = ancestorsOf(core, parent);
  const seen = new Set<number>();
  for (const first of asked) {
    let level = [first];
    while (level.length > 0 && seen.size < LIMITS.cycleNodesMax) {
      if (level.some((id) => above.has(id))) throw cycle(core, parent.id, first);
      for (const id of level) seen.add(id);
      level = waitedFor(core, level).filter((id) => !seen.has(id));
    }
  }
}

/** A task and everything above it, by its parents. */
function ancestorsOf(core: Core, row: TaskRow): Set<number> {
  const above = new Set([row.id]);
  for (let next: TaskRow | undefined = row; next?.parent && above.size < LIMITS.cycleNodesMax;) {
    const parent = parseTaskId(next.parent)!;
    if (parent.domain !== core.name) break;
    above.add(parent.counter);
    next = readTask(core.store, parent.counter);
  }
  return above;
}

/** What living tasks wait for: their dependencies, and their living children. */
function waitedFor(core: Core, ids: readonly number[]): number[] {
  const found: number[] = [];
  for (const row of readTasks(core.store, ids)) {
    if (row.status >= 10) continue;
    found.push(...dependenciesOf(core, row));
    if (row.family !== null) found.push(...readLivingIds(core, row.id, LIMITS.cycleNodesMax));
  }
  return [...new Set(found)];
}

/** Those of this domain. */
function dependenciesOf(core: Core, row: TaskRow): number[] {
  return (optionsOf(row).dependsOn ?? []).flatMap((one: number | string) => {
    if (typeof one === "number") return [one];
    const parsed = parseTaskId(one);
    return parsed?.domain === core.name ? [parsed.counter] : [];
  });
}

function cycle(core: Core, parent: number, upstream: number): Error {
  const [id, other] = [taskId(core.name, parent), taskId(core.name, upstream)];
  const why = id === other ? `${id} waits for its children` : `${other} waits for ${id}, and that one for its children`;
  return fail("dependency_cycle", `A child of ${id} cannot depend on ${other}: ${why}. Nothing was spawned.`, { id, dependency: other });
}
