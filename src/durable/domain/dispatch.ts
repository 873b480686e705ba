import { runShare } from "../../policy/batch.ts";
import { LIMITS } from "../../policy/limits.ts";
import type { Pick } from "../../policy/lanes.ts";
import { toRanges } from "../../policy/ranges.ts";
import type { RetryPolicy } from "../../policy/retry.ts";
import type { RunTask } from "../protocol.ts";
import { scheduleId } from "../../policy/ids.ts";
import type { Core } from "./core.ts";
import { end } from "./end.ts";
import { readForRun, readTask, type RunRow, type TaskOptions } from "./rows.ts";
import { Run } from "./run.ts";

/**
 * Starts runs while there is a free slot and a ready task: part of the transaction that made either, so that a run
 * costs no row of its own but its line in the state row.
 */
export function dispatch(core: Core): void {
  const now = core.clock.now();
  if (core.state.paused) return;
  for (let free = core.holder.free(now); free > 0 && core.lanes.readySize > 0; free -= 1) {
    const run = fill(core, now, free);
    if (!run) return;
  }
  if (core.lanes.readySize > 0) core.after(() => core.outside.sync());
}

/** Takes the next tasks into one run: as many as fit into its time, its bytes and a fair share of the slots. */
function fill(core: Core, now: number, free: number): Run | undefined {
  const most = runShare(core.lanes.readySize, free);
  const tasks: RunTask[] = [];
  let weight = 0;
  let bytes = 0;
  let full = false;
  while (!full && tasks.length < most && core.lanes.readySize > 0) {
    // Read no more than the run will hold: as many as the types seen so far let through.
    const wanted = tasks.length === 0 ? core.lastFill : Math.max(1, Math.floor((1 - weight) / (weight / tasks.length)));
    const picks = core.lanes.take(Math.min(wanted, most - tasks.length));
    for (const [index, pick] of picks.entries()) {
      const kept = admit(core, pick, now, (row) => {
        const size = row[3].length;
        const alone = row[12] === 1;
        if (tasks.length > 0 && (alone || bytes + size > LIMITS.runBytesMax || !core.sizes.admits(weight, row[1]))) return false;
        weight += core.sizes.weight(row[1]);
        bytes += size;
        tasks.push(toRunTask(core, row));
        full = alone || weight >= 1 - 1e-9;
        return !full || "last";
      });
      if (kept < pick.count) core.lanes.putBack([{ ...pick, first: pick.first + kept, count: pick.count - kept }]);
      if (full || kept < pick.count) {
        core.lanes.putBack(picks.slice(index + 1));
        full = true;
        break;
      }
    }
  }
  if (tasks.length === 0) return undefined;
  core.lastFill = tasks.length;
  return start(core, tasks, now);
}

/** Reads the rows of a pick and offers each in turn; answers how many left the lanes for good. */
function admit(core: Core, pick: Pick, now: number, offer: (row: RunRow) => boolean | "last"): number {
  let taken = 0;
  for (const row of readForRun(core.store, pick.first, pick.first + pick.count - 1)) {
    const [id, type, priority] = row;
    const lane = core.laneOf(type);
    if (lane !== "") {
      core.lanes.add(lane, priority, id);
    } else if (isOver(core, row, now)) {
      // Ended while it waited: it leaves the order, and the run goes on with the next.
    } else {
      const answer = offer(row);
      if (answer === false) return taken;
      if (answer === "last") return taken + 1;
    }
    taken += 1;
  }
  return pick.count;
}

/** A task whose time ran out in the queue, or that was cancelled while claimed and has come back, ends here. */
function isOver(core: Core, row: RunRow, now: number): boolean {
  const [id, , , , , , , , , , , , , , ttlAt, cancelling, deadlineAt] = row;
  if (cancelling === 1) end(core, readTask(core.store, id)!, "cancel", "cancelled", {});
  else if ((deadlineAt ?? Infinity) <= now || (ttlAt ?? Infinity) <= now) end(core, readTask(core.store, id)!, "expire", "expired", {});
  else return false;
  return true;
}

function start(core: Core, tasks: RunTask[], now: number): Run {
  const ids = tasks.map((task) => task.id);
  const run = new Run(core.clock.token(12), now, core.outside.version, ids);
  for (const { type } of tasks) run.types.set(type, (run.types.get(type) ?? 0) + 1);
  core.state.runs[run.id] = { ids: toRanges(ids), at: now, version: run.version };
  core.state.totals.started += 1;
  core.open(run, tasks);
  return run;
}

function toRunTask(core: Core, row: RunRow): RunTask {
  const [id, type, priority, payload, attempt, executions, createdAt, optionsText, key, label, tags, schedule] = row;
  const options: TaskOptions | undefined = optionsText === null ? undefined : (JSON.parse(optionsText) as TaskOptions);
  const defaults = core.defaultsOf(type)!;
  const retry: RetryPolicy = options?.retry ?? defaults.retry;
  const task: RunTask = {
    id, type, priority, payload, createdAt,
    attempt: attempt + 1,
    executions: executions + 1,
    timeoutMs: options?.timeoutMs ?? defaults.timeoutMs,
    maxAttempts: retry.attempts + 1,
  };
  if (key !== null) task.key = key;
  if (label !== null) task.label = label;
  if (tags !== null) task.tags = JSON.parse(tags) as Record<string, string>;
  if (schedule !== null) task.schedule = scheduleId(core.name, schedule);
  return task;
}
