import type { Task } from "../../../domains/task.ts";
import { fail, invariant, type MillraceError } from "../../../policy/errors.ts";
import { STATUS_CODE } from "../../../policy/status.ts";
import type { Settlement } from "../../protocol.ts";
import { subjectOf } from "../history/chronicle.ts";
import type { Core } from "../core.ts";
import { learn } from "../run/progress.ts";
import { dispatch } from "../run/dispatch.ts";
import { end, ended, remove } from "../run/end.ts";
import type { Lease } from "./leases.ts";
import { changeTask, readTask, type TaskRow } from "../rows.ts";
import { charge, lifeAfterStart, startedBy } from "../run/settle.ts";
import { endStopped, stoppedBy } from "../run/stop.ts";
import { view } from "../look/view.ts";
import { linger } from "../run/linger.ts";
import { queue } from "../run/order.ts";

/** The lease, while it is held; the fence of everything that a pull worker says. */
export function mustHold(core: Core, id: string): Lease {
  const lease = core.leases.get(id);
  if (!lease || lease.until <= core.clock.now()) throw lost(id);
  return lease;
}

const lost = (lease: string): MillraceError =>
  fail("lease_lost", "This lease is over: it ran out, or its task was settled. Nothing was changed; drop the work and claim again.", {
    lease,
  });

/** Whether its worker should stop: the task was cancelled, its deadline has passed, or it is paused. */
export function isUnwanted(core: Core, lease: Lease): boolean {
  const row = rowOf(core, lease);
  return row.cancelling !== 0 || isOverdue(row, core.clock.now()) || isPausedNow(core, lease, row);
}

/** A pause holds its task, or did when its worker was told: the lease ends, without a charge, when it would. */
function isPausedNow(core: Core, lease: Lease, row: TaskRow): boolean {
  if (core.pauses.stops(row.grp)) lease.stopped = true;
  return lease.stopped === true;
}

const isOverdue = (row: TaskRow, now: number): boolean => row.deadline_at !== null && row.deadline_at <= now;

function rowOf(core: Core, lease: Lease): TaskRow {
  const row = readTask(core.store, lease.task);
  invariant(row, `leased task ${lease.task} has no row`);
  return row;
}

/** Holds the lease until `until`, at least as long as before. */
export function extend(core: Core, id: string, until: number): Lease {
  return core.transact("lease.renew", () => {
    const lease = mustHold(core, id);
    if (until > lease.until && !isPausedNow(core, lease, rowOf(core, lease))) {
      core.touch();
      core.leases.extend(core.store, lease, until);
    }
    return lease;
  });
}

/** What a worker says of its task, while it holds the lease: the same ends as those of a pushed one. Answers with the task. */
export function settleLease(core: Core, id: string, settlement: Settlement): Task {
  return core.transact("lease.settle", () => {
    const lease = mustHold(core, id);
    const now = core.clock.now();
    const before = rowOf(core, lease);
    close(core, lease, before, settlement, now);
    dispatch(core);
    const after = readTask(core.store, lease.task);
    if (after) return view(core, after, now);
    // `keep: false`: it went with its end.
    return view(
      core,
      { ...before, ...startedBy(before, lease.at), status: STATUS_CODE.completed, attempt: before.attempt + 1, finished_at: now },
      now,
    );
  });
}

/** Ends what ran out: charged an attempt, and once more by the retry policy. Part of a transaction. */
export function expireLeases(core: Core, now: number): void {
  for (const lease of [...core.leases.all()]) {
    if (lease.until > now) continue;
    const message = `The lease of worker ${lease.worker} ran out after ${lease.until - lease.at} ms without an answer. Renew it in time, or claim with a longer one.`;
    const error = { name: "LeaseExpiredError", message, code: "lease_expired" };
    close(core, lease, rowOf(core, lease), { kind: "fail", error, retryable: true }, now);
  }
}

function close(core: Core, lease: Lease, row: TaskRow, settlement: Settlement, now: number): void {
  core.unlease(lease);
  core.progresses.forgetAll([row.id]);
  const started = startedBy(row, lease.at);
  const stopped = stoppedBy(row.cancelling) ?? (isOverdue(row, now) ? "deadline" : undefined);
  if (endStopped(core, row, stopped, started)) return;
  if (settlement.kind === "complete") complete(core, row, settlement.result, started);
  else if (settlement.kind === "fail" && !isPausedNow(core, lease, row)) charge(core, row, settlement, now, started);
  else release(core, lease, row, started);
}

function complete(core: Core, row: TaskRow, result: string | undefined, started: Partial<TaskRow>): void {
  learn(core, row.type, core.clock.now() - started.started_at!);
  const isKept = core.definition?.types.get(row.type)?.keep !== false;
  if (!isKept && !core.upstreams.has(row.id) && row.parent === null) {
    core.moved("running", "completed");
    const durationMs = Math.max(0, core.clock.now() - (started.started_at ?? 0));
    core.events.record("task.completed", [subjectOf(row)], { attempt: row.attempt + 1, durationMs });
    ended(core, "completed", [row.id]);
    remove(core, [{ id: row.id, tags: row.tags, options: row.options, family: null, status: STATUS_CODE.completed }]);
    return;
  }
  if (!isKept) linger(core, [row.id]);
  end(core, row, "complete", "completed", { ...started, attempt: row.attempt + 1, result: result ?? null, error: null, interruptions: 0 });
}

/** To the front again, not charged. */
function release(core: Core, lease: Lease, row: TaskRow, started: Partial<TaskRow>): void {
  const reason = core.pauses.stops(row.grp) ? "pause" : lease.yields === undefined ? "released" : "preempt";
  changeTask(core.store, row, "release", "running", "pending", { ...started, ...lifeAfterStart(row, lease.at) });
  core.moved("running", "pending");
  if (reason === "preempt") core.touch().totals.preempted += 1;
  core.events.record("task.preempted", [subjectOf(row)], { reason });
  queue(core, row);
}
