import { fail } from "../../policy/errors.ts";
import { taskId } from "../../policy/ids.ts";
import { isTerminal, statusFromCode } from "../../policy/status.ts";
import { mustRead } from "./cancel.ts";
import type { Core } from "./core.ts";
import { dispatch } from "./dispatch.ts";
import { changeTask, readHolders, type TaskRow } from "./rows.ts";
import { optionsOf } from "./settle.ts";

/** Reopens an ended task under its id: attempt 1, errors kept, tags, ttl and policy kept; its key must be free. */
export function retry(core: Core, id: number, replacement?: { payload: string; hash?: string; key?: string }): void {
  core.transact("retry", () => {
    const row = mustRead(core, id);
    const status = statusFromCode(row.status);
    if (!isTerminal(status) || status === "superseded") {
      throw fail("invalid_state", `Task ${taskId(core.name, id)} is ${status}; only a task that has ended (and was not superseded) can be retried.`, { id: taskId(core.name, id), status });
    }
    const hash = replacement && row.key === null ? (replacement.hash ?? null) : row.key_hash;
    claimKey(core, row, hash);
    const now = core.clock.now();
    changeTask(core.store, row, "reopen", status, "pending", {
      attempt: 0, interruptions: 0, suspect: 0, cancelling: 0, result: null, error: null, finished_at: null, started_at: null, run_at: null,
      key_hash: hash, held: hash === null ? null : 1,
      ...(replacement ? { payload: replacement.payload } : {}),
      ...lifeAgain(core, row, now),
    });
    core.moved(status, "pending");
    core.state.totals.reopened += 1;
    core.lanes.add(core.laneOf(row.type), row.priority, row.id);
    dispatch(core);
  });
}

function claimKey(core: Core, row: TaskRow, hash: string | null): void {
  const holder = hash === null ? undefined : readHolders(core.store, [hash])[0];
  if (!holder) return;
  const id = taskId(core.name, row.id);
  const heldBy = taskId(core.name, holder.id);
  throw fail("invalid_state", `Task ${id} cannot be retried: its duplicate key is held by ${heldBy}. Wait for that one to end, or cancel it.`, { id, heldBy });
}

/** The ttl starts anew; a deadline that has passed would end it at once, so it is dropped. */
function lifeAgain(core: Core, row: TaskRow, now: number): Partial<TaskRow> {
  const { ttlMs, ttlFrom } = optionsOf(row);
  const ttl_at = ttlMs === undefined || ttlFrom === "firstAttempt" ? null : now + ttlMs;
  const deadline_at = row.deadline_at !== null && row.deadline_at > now ? row.deadline_at : null;
  const least = Math.min(ttl_at ?? Infinity, deadline_at ?? Infinity);
  if (least !== Infinity) core.alarm.soon("expiry", least);
  return { ttl_at, deadline_at, expires_at: least === Infinity ? null : least };
}

/** A delayed task, or one that waits for its next attempt, goes at once. */
export function runNow(core: Core, id: number): void {
  core.transact("run-now", () => {
    const row = mustRead(core, id);
    const status = statusFromCode(row.status);
    if (status === "pending") return;
    if (status !== "scheduled") {
      throw fail("invalid_state", `Task ${taskId(core.name, id)} is ${status}; only a scheduled task can be run now.`, { id: taskId(core.name, id), status });
    }
    changeTask(core.store, row, "run-now", "scheduled", "pending", { run_at: null });
    core.moved("scheduled", "pending");
    core.lanes.add(core.laneOf(row.type), row.priority, row.id);
    dispatch(core);
  });
}
