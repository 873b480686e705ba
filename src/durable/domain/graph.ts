import type { Graph } from "../../domains/task.ts";
import { parseTaskId, taskId } from "../../policy/ids.ts";
import { LIMITS } from "../../policy/limits.ts";
import { mustRead } from "./cancel.ts";
import { readChildIds } from "./children.ts";
import type { Core } from "./core.ts";
import { readEdges } from "./edges.ts";
import { readTasks, type TaskRow, optionsOf } from "./rows.ts";
import { shownStatus } from "./view.ts";

/**
 * Everything a task depends on, everything that depends on it, and its family up and down, level by level, at most 1,000 tasks. What its
 * neighbours have to do with third tasks is not followed.
 */
export function graph(core: Core, id: number): Graph {
  const rows = new Map<number, TaskRow>([[id, mustRead(core, id)]]);
  const edges = new Map<string, Graph["edges"][number]>();
  const link = (from: number, to: number, kind: Graph["edges"][number]["kind"] = "depends") =>
    edges.set(`${kind} ${from} ${to}`, { from: taskId(core.name, from), to: taskId(core.name, to), kind });
  let truncated = false;
  const grow = (next: (level: readonly TaskRow[]) => number[]) => {
    let level = [rows.get(id)!];
    while (level.length > 0) {
      const found = [...new Set(next(level))].filter((one) => !rows.has(one));
      const room = LIMITS.graphNodesMax - rows.size;
      if (found.length > room) truncated = true;
      level = readTasks(core.store, found.slice(0, room));
      for (const row of level) rows.set(row.id, row);
    }
  };
  grow((level) => level.flatMap((row) => (optionsOf(row).dependsOn ?? []).map((upstream) => (link(upstream, row.id), upstream))));
  grow((level) => level.flatMap((row) => parentOf(core, row).map((parent) => (link(parent, row.id, "child"), parent))));
  grow((level) => level.flatMap((row) => childrenOf(core, row).map((child) => (link(row.id, child, "child"), child))));
  grow((level) =>
    readEdges(
      core.store,
      level.map((row) => row.id),
    )
      .filter((edge) => edge.kind !== "after")
      .map((edge) => (link(edge.upstream, edge.dependent), edge.dependent)),
  );
  return {
    nodes: [...rows.values()].map((row) => ({
      id: taskId(core.name, row.id),
      type: row.type,
      label: row.label,
      status: shownStatus(core, row),
    })),
    edges: [...edges.values()],
    ...(truncated ? { truncated } : {}),
  };
}

function parentOf(core: Core, row: TaskRow): number[] {
  const parsed = row.parent === null ? null : parseTaskId(row.parent);
  return parsed?.domain === core.name ? [parsed.counter] : [];
}

const childrenOf = (core: Core, row: TaskRow): number[] => (row.family === null ? [] : readChildIds(core, row.id, LIMITS.graphNodesMax));
