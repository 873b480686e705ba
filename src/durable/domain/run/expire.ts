import type { Core } from "../core.ts";
import { end } from "./end.ts";
import { readTasks, setColumns } from "../rows.ts";
import { type Placed, queue } from "./order.ts";

const SLICE = 500;

/** Ends tasks whose ttl or deadline is over; those under way are aborted by their deadline and left alone by their ttl. */
export function expire(core: Core, now: number): boolean {
  const due = core.store
    .exec<{ id: number }>(
      "SELECT id FROM tasks WHERE expires_at IS NOT NULL AND status < 10 AND expires_at <= ? ORDER BY expires_at LIMIT ?",
      now,
      SLICE,
    )
    .toArray();
  for (const row of readTasks(
    core.store,
    due.map((task) => task.id),
  )) {
    const run = core.claims.get(row.id);
    const isDeadline = row.deadline_at !== null && row.deadline_at <= now;
    core.touch();
    if (!run && !core.leases.ofTask(row.id)) {
      end(core, row, "expire", "expired", {});
      continue;
    }
    // A claimed task does not expire by its ttl; out of the index, so that the alarm does not ring for it for ever.
    setColumns(core.store, row.id, { expires_at: isDeadline ? null : row.deadline_at });
    if (isDeadline && run) core.abort(run, row.id, "deadline");
  }
  return due.length === SLICE;
}

/** Moves tasks whose time has come into the ready order. */
export function promote(core: Core, now: number): boolean {
  const due = core.store
    .exec<Placed & Record<string, SqlStorageValue>>(
      "UPDATE tasks SET status = 0 WHERE id IN (SELECT id FROM tasks WHERE status = 1 AND run_at <= ? ORDER BY run_at LIMIT ?) RETURNING id, priority, type, grp, fair, family",
      now,
      SLICE,
    )
    .toArray();
  if (due.length > 0) core.moved("scheduled", "pending", due.length);
  for (const row of due) queue(core, row);
  return due.length === SLICE;
}
