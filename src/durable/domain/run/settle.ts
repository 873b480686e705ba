import { invariant } from "../../../policy/errors.ts";
import { LIMITS } from "../../../policy/limits.ts";
import { toRanges } from "../../../policy/ranges.ts";
import { retryDelayMs } from "../../../policy/retry.ts";
import { STATUS_CODE, statusFromCode } from "../../../policy/status.ts";
import type { AbortReason, RunOutcome } from "../../protocol.ts";
import { announceBack, announceCurrent, announceSettled, subject } from "./announce.ts";
import { rememberAttempt } from "./attempts.ts";
import { errorFact, subjectOf } from "../history/chronicle.ts";
import { countSize } from "../look/figures.ts";
import type { Core } from "../core.ts";
import { ioChange } from "../gates/budgets.ts";
import { dispatch } from "./dispatch.ts";
import { end, ended, remove } from "./end.ts";
import { changeTask, completeRange, completeWithResults, optionsOf, readTask, readTasks, setColumns, type TaskRow } from "../rows.ts";
import type { Run } from "./run.ts";
import { endStopped, isFinal, stoppedBy } from "./stop.ts";
import { toFinalize, toWaiting } from "../graph/family.ts";
import { linger } from "./linger.ts";
import { learn } from "./progress.ts";
import { queue } from "./order.ts";

type Failure = Extract<RunOutcome, { ok: false }>;
type Success = Extract<RunOutcome, { ok: true }>;

/**
 * Takes in what a runner says of its run, in one transaction: outcomes, tasks it will not start, and whether it is
 * done. What the run no longer holds (settled before, put back, over) is ignored: that is the fence.
 */
export function settle(
  core: Core,
  run: Run,
  report: { outcomes: readonly RunOutcome[]; unstarted: readonly number[]; finished: boolean },
): void {
  core.transact("settle", () => {
    const now = core.clock.now();
    const completed: [id: number, result: string | undefined][] = [];
    announceSettled(
      core,
      run,
      report.outcomes.map(({ id }) => id).filter((id) => run.open.has(id)),
    );
    for (const outcome of report.outcomes) {
      if (!run.open.delete(outcome.id)) continue;
      core.claims.delete(outcome.id);
      core.budgets.end(outcome.id, now, outcome.io);
      const stopped = run.aborts.get(outcome.id);
      if (!outcome.ok) failed(core, run, outcome, now);
      else if (isFinal(stopped)) endDone(core, run, outcome, stopped);
      else if (!(outcome.memo || outcome.io || run.parents.has(outcome.id)) || !returned(core, run, outcome))
        completed.push([outcome.id, outcome.result]);
    }
    complete(core, run, completed, now);
    const failures = report.outcomes.reduce((sum, { ok }) => sum + (ok ? 0 : 1), 0);
    if (failures > 0) countSize(core, "failure", failures);
    putBack(
      core,
      run,
      report.unstarted.filter((id) => run.open.has(id)),
      true,
    );
    if (report.finished) {
      // A runner answers for every task it was given; one it forgot would otherwise never move again.
      putBack(core, run, [...run.open]);
      core.close(run);
    } else {
      core.touch().runs[run.id] = run.stored();
    }
    run.currentSince = now;
    announceCurrent(core, run);
    dispatch(core);
  });
}

/** The usual end, for many at once. Types with `keep: false` go with it: their rows are deleted as they are, not written first. */
function complete(core: Core, run: Run, completed: readonly [number, string | undefined][], now: number): void {
  if (completed.length === 0) return;
  const [first] = completed;
  // Settled together they were short, and how long each took nobody knows.
  const { type } = subject(run, first![0]);
  if (completed.length === 1 && type !== undefined) learn(core, type, now - run.currentSince);
  const unkept = unkeptOf(core, run, completed);
  const gone = new Set(unkept.map((row) => row.id));
  writeCompleted(core, run, gone.size === 0 ? completed : completed.filter(([id]) => !gone.has(id)), now);
  core.moved("pending", "completed", completed.length);
  core.events.record(
    "task.completed",
    completed.map(([id]) => subject(run, id)),
    { durationMs: Math.max(0, now - run.currentSince) },
  );
  ended(
    core,
    "completed",
    completed.map(([id]) => id),
  );
  if (run.kin.size > 0) {
    for (const [id] of completed) {
      const parent = run.kin.get(id);
      if (parent !== undefined) core.families.childEnded(parent, id, "completed", 0);
    }
  }
  remove(
    core,
    unkept.map(({ id, tags, options, family }) => ({ id, tags, options, family, status: STATUS_CODE.completed })),
  );
}

/** Neighbours without results in one statement, results in another. */
function writeCompleted(core: Core, run: Run, completed: readonly [number, string | undefined][], now: number): void {
  const withResult = completed.filter((pair): pair is [number, string] => pair[1] !== undefined);
  const without = withResult.length === completed.length ? [] : completed.filter(([, result]) => result === undefined).map(([id]) => id);
  for (const [first, count] of toRanges(without)) completeRange(core.store, first, first + count - 1, run.currentSince, now);
  if (withResult.length > 0) completeWithResults(core.store, withResult, run.currentSince, now);
}

/**
 * Of a task with children, one whose type has `finalize`, or one that has recorded bytes: it has returned, and waits for children
 * while any lives. False: it ends like any other, since nobody will see what it recorded.
 */
function returned(core: Core, run: Run, { id, memo, io, ...outcome }: Success): boolean {
  const result = outcome.result ?? null;
  const row = readTask(core.store, id);
  invariant(row, `task ${id} of run ${run.id} has no row`);
  const started = { ...startedBy(row, run.currentSince), ...ioChange(row, io) };
  const isKept = core.definition?.types.get(row.type)?.keep !== false;
  if (core.families.of(row).active > 0) toWaiting(core, row, result, started);
  else if (memo) toFinalize(core, row, { ...started, memo: result });
  else if (!isKept && row.family === null) return false;
  else {
    end(core, row, "complete", "completed", { ...started, result, memo: null, error: null, attempt: row.attempt + 1, interruptions: 0 });
    if (!isKept) linger(core, [row.id]);
  }
  return true;
}

/** The rows of types with `keep: false`, but for those that others, or schedules, depend on: they stay for their sake. */
function unkeptOf(core: Core, run: Run, completed: readonly [number, string | undefined][]): TaskRow[] {
  const types = core.definition?.types;
  if (![...run.types.keys()].some((type) => types?.get(type)?.keep === false)) return [];
  const unkept = readTasks(
    core.store,
    completed.map(([id]) => id),
  ).filter((row) => types?.get(row.type)?.keep === false);
  const { prerequisites } = core.state;
  const needed = unkept
    .filter((row) => core.upstreams.has(row.id) || row.parent !== null || prerequisites.includes(row.id))
    .map((row) => row.id);
  if (needed.length === 0) return unkept;
  linger(core, needed);
  return unkept.filter((row) => !needed.includes(row.id));
}

function failed(core: Core, run: Run, outcome: Failure, now: number): void {
  const row = readTask(core.store, outcome.id);
  invariant(row, `task ${outcome.id} of run ${run.id} has no row`);
  const reason: AbortReason | undefined = stoppedBy(row.cancelling) ?? run.aborts.get(outcome.id) ?? outcome.aborted;
  const started = { ...ioChange(row, outcome.io), ...startedBy(row, run.currentSince) };
  if (endStopped(core, row, reason, started)) return;
  // Not charged: the mill stopped it, or its runner lost the lease.
  if (reason === "pause" || reason === "lease" || reason === "preempt") {
    if (reason === "preempt") core.touch().totals.preempted += 1;
    core.events.record("task.preempted", [subjectOf(row)], { reason: reason === "lease" ? "interrupted" : reason });
    back(core, row, started);
  } else charge(core, row, outcome, now, started);
}

/** A charged failure: once more after a while, or the end. */
export function charge(
  core: Core,
  row: TaskRow,
  outcome: Pick<Failure, "error" | "retryable" | "retryAfterMs">,
  now: number,
  started: Partial<TaskRow> & { started_at: number },
): void {
  const attempt = row.attempt + 1;
  const change: Partial<TaskRow> = {
    ...started,
    attempt,
    error: JSON.stringify(outcome.error),
    errors: rememberAttempt(row, attempt, started.started_at, now, outcome.error),
    suspect: 0,
    interruptions: 0,
  };
  const policy = optionsOf(row).retry ?? core.defaultsOf(row.type)?.retry;
  if (!outcome.retryable) return end(core, row, "fail", "failed", change);
  if (policy && attempt > policy.attempts) return end(core, row, "exhaust", "dead_letter", change);
  // A deploy took the type away: it is held like the others, until one that brings it back says how often it is tried.
  const delay = outcome.retryAfterMs ?? (policy ? retryDelayMs(policy, attempt - 1, core.clock.random()) : 0);
  retry(core, row, now, Math.min(delay, LIMITS.delayMsMax), { ...change, ...lifeAfterStart(row, started.started_at) });
}

function retry(core: Core, row: TaskRow, now: number, delay: number, change: Partial<TaskRow>): void {
  core.touch().totals.retried += 1;
  const { attempt, error, expires_at } = change;
  if (expires_at !== null && expires_at !== undefined) core.alarm.soon("expiry", expires_at);
  const from = statusFromCode(row.status);
  core.events.record("task.failed", [subjectOf(row)], { attempt, willRetry: true, retryAfterMs: Math.max(0, delay), ...errorFact(error) });
  if (delay <= 0) {
    changeTask(core.store, row, "retry", from, "pending", change);
    if (from !== "pending") core.moved(from, "pending");
    queue(core, row);
    return;
  }
  changeTask(core.store, row, "retry", from, "scheduled", { ...change, run_at: now + delay });
  core.moved(from, "scheduled");
  core.alarm.soon("due", now + delay);
}

/** Once it has started: a ttl from submission is over, one from the first attempt begins with that. Only what changes, since the column is indexed. */
export function lifeAfterStart(row: TaskRow, startedAt: number): Partial<TaskRow> {
  const { ttlMs, ttlFrom } = optionsOf(row);
  if (ttlFrom === "firstAttempt" && ttlMs !== undefined && row.ttl_at === null) {
    const ttl_at = (row.started_at ?? startedAt) + ttlMs;
    return { ttl_at, expires_at: Math.min(ttl_at, row.deadline_at ?? Infinity) };
  }
  return ttlFrom !== "firstAttempt" && row.ttl_at !== null ? { ttl_at: null, expires_at: row.deadline_at } : {};
}

/** What an execution leaves on its row. */
export const startedBy = (row: TaskRow, at: number) => ({
  started_at: at,
  first_started_at: row.first_started_at ?? row.started_at ?? at,
  executions: row.executions + 1,
});

/** Back to the front, not charged: one row, so that people see that it was begun. */
function back(core: Core, row: TaskRow, started: Partial<TaskRow> & { started_at: number }): void {
  const life = lifeAfterStart(row, started.started_at);
  setColumns(core.store, row.id, { ...started, ...life });
  core.touch();
  queue(core, row);
}

/**
 * To the front again without a row; unless it was cancelled or its deadline passed meanwhile.
 *
 * @param unstarted its runner says that it never started: its token is there again
 */
function putBack(core: Core, run: Run, ids: readonly number[], unstarted = false): void {
  if (ids.length === 0) return;
  core.touch();
  for (const row of readTasks(core.store, ids)) {
    run.open.delete(row.id);
    core.claims.delete(row.id);
    core.budgets.end(row.id, core.clock.now());
    const executed = (run.types.get(row.type) ?? 1) - 1;
    if (executed > 0) run.types.set(row.type, executed);
    else run.types.delete(row.type);
    if (unstarted) core.rates.take(row.type, -1);
    if (endStopped(core, row, stoppedBy(row.cancelling) ?? run.aborts.get(row.id), {})) continue;
    announceBack(core, run, row.id, run.aborts.get(row.id));
    queue(core, row);
  }
}

/** It got done, too late: it was told to stop before. */
function endDone(core: Core, run: Run, { id, io }: RunOutcome, stopped: AbortReason | undefined): void {
  const row = readTask(core.store, id);
  invariant(row, `task ${id} has no row`);
  endStopped(core, row, stoppedBy(row.cancelling) ?? stopped, { ...startedBy(row, run.startedAt), ...ioChange(row, io) });
}
