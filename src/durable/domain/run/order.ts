import { FINALIZE_LEVEL } from "../../../policy/priority.ts";
import type { Core } from "../core.ts";
import type { TaskRow } from "../rows.ts";

/** What says where a pending task stands in the ready order. */
export type Placed = Pick<TaskRow, "id" | "type" | "priority"> & Partial<Pick<TaskRow, "family" | "grp" | "fair">>;

/** The level of a row: what is left of a parent when its children have ended goes before all new work. */
const levelOf = (row: Pick<Placed, "priority" | "family">): number => (row.family === FAMILY.finalizing ? FINALIZE_LEVEL : row.priority);

/** The column `family`: null for a task that never had children. */
export const FAMILY = { parent: 1, finalizing: 2 } as const;

/** A pending row takes its place in the ready order. */
export function queue(core: Core, row: Placed): void {
  core.lanes.add(core.laneOf(row), levelOf(row), row.id);
}

/** It leaves it. */
export function unqueue(core: Core, row: Placed): void {
  core.lanes.remove(core.laneOf(row), levelOf(row), row.id);
  core.gatekeeper.forget(row.id);
}
