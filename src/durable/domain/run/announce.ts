import type { AbortReason, RunTask } from "../../protocol.ts";
import type { Subject } from "../history/chronicle.ts";
import type { Core } from "../core.ts";
import type { Run } from "./run.ts";

// Of a run only the first unsettled task executes: that one has started, and the others start as those before them settle.

/** What events say of a task that goes into a run. */
export const subjectOfRun = ({
  id,
  type,
  label,
  tags,
  attempt,
  timeoutMs,
  createdAt,
  executions,
}: RunTask): Subject & { timeoutMs: number } => ({
  id,
  type,
  label,
  tags,
  facts: { attempt },
  timeoutMs,
  createdAt,
  isFirst: executions === 1,
});

/** The task that executes now has started, unless that was told before. */
export function announceCurrent(core: Core, run: Run): void {
  const { current } = run;
  if (run.closed || current === undefined || current === run.announced) return;
  run.announced = current;
  core.events.record("task.started", [subject(run, current)]);
}

/** These have started and been settled since. Before their ends are recorded. */
export function announceSettled(core: Core, run: Run, ids: readonly number[]): void {
  core.events.record(
    "task.started",
    ids.filter((id) => id !== run.announced).map((id) => subject(run, id)),
  );
}

/** One that had started goes back, uncharged; one that had not is simply ready again. */
export function announceBack(core: Core, run: Run, id: number, reason: AbortReason | "interrupted" | undefined): void {
  if (id !== run.announced) return;
  run.announced = undefined;
  const why = reason === undefined || reason === "lease" ? "interrupted" : reason;
  core.events.record("task.preempted", [subject(run, id)], { reason: why });
}

export const subject = (run: Run, id: number): Subject => run.subjects.get(id) ?? { id };
