import { fail } from "../../../policy/errors.ts";
import { taskId } from "../../../policy/ids.ts";
import { isTerminal, statusFromCode } from "../../../policy/status.ts";
import type { Core } from "../core.ts";
import { dispatch } from "./dispatch.ts";
import { end } from "./end.ts";
import { readTask, setColumns, type TaskRow } from "../rows.ts";
import { STOPPING } from "./stop.ts";

/** The row of a task, or `task_not_found`. */
export function mustRead(core: Core, id: number): TaskRow {
  const row = readTask(core.store, id);
  if (!row)
    throw fail("task_not_found", `There is no task ${taskId(core.name, id)}: it never existed, or the history's retention has purged it.`, {
      id: taskId(core.name, id),
    });
  return row;
}

/**
 * Ends a task that has not begun at once. One in a run is marked (a row, so that a crash does not forget it) and
 * told to stop; it ends when its runner has answered. A task that has ended already is refused.
 */
export function cancel(core: Core, id: number): void {
  core.transact("cancel", () => {
    const row = mustRead(core, id);
    const status = statusFromCode(row.status);
    if (isTerminal(status)) {
      if (status === "cancelled") return;
      throw fail("invalid_state", `Task ${taskId(core.name, id)} has ended (${status}); only an active task can be cancelled.`, {
        id: taskId(core.name, id),
        status,
      });
    }
    cancelRow(core, row);
    // One that waits for it, or for one of its children, may go now.
    dispatch(core);
  });
}

/** The same for a row that has not ended; part of a transaction. */
export function cancelRow(core: Core, row: TaskRow): void {
  const run = core.claims.get(row.id);
  if (!run && !core.leases.ofTask(row.id)) return end(core, row, "cancel", "cancelled", {});
  // Told to stop before: by another cancel, or by a newer submission.
  if (row.cancelling !== 0) return;
  core.touch();
  setColumns(core.store, row.id, { cancelling: STOPPING.cancel });
  if (row.family !== null) core.families.abandon(row.id);
  // A pull worker sees it when it renews.
  if (run) core.abort(run, row.id, "cancel");
}
