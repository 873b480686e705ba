import type { Shown, Task } from "../../api/answers.ts";
import { now } from "../../clock.ts";
import { duration, words } from "../../format.ts";
import { When } from "../../parts/when.tsx";
import { isEnded } from "../../task-status.ts";

interface Step {
  at: string;
  what: string;
  status: Shown;
  note?: string;
}

/** Its states in time, the future ones last, and how its life divides into waiting and running. */
export function Timeline({ task }: { task: Task }) {
  const steps = stepsOf(task);
  return (
    <div class="body">
      <Division task={task} />
      <ol class="timeline">
        {steps.map(({ at, what, status, note }) => (
          <li key={`${at} ${what}`} class={`is-${status}${Date.parse(at) > now.value ? " is-future" : ""}`}>
            <span class="timeline-what">{what}</span>
            <When at={at} both />
            {note === undefined ? null : <div class="dim cut">{note}</div>}
          </li>
        ))}
      </ol>
    </div>
  );
}

function stepsOf(task: Task): Step[] {
  const { status, attempt, createdAt, startedAt, finishedAt, runAt, expiresAt, error, errors } = task;
  const steps: Step[] = [{ at: createdAt, what: "submitted", status: "pending" }];
  if (startedAt) steps.push({ at: startedAt, what: attempt > 1 ? `started, attempt ${attempt}` : "started", status: "running" });
  // The last failure of one that failed is its end; of one that was retried and got done, or was poisoned, it is not.
  const isLast = (status === "failed" || status === "dead_letter") && error?.code !== "poison";
  for (const { attempt: number, at, message, durationMs } of isLast ? errors.slice(0, -1) : errors) {
    const ran = durationMs === null ? "" : ` after ${duration(durationMs)}`;
    steps.push({ at, what: `attempt ${number} failed${ran}`, status: "failed", note: message });
  }
  if (finishedAt) steps.push({ at: finishedAt, what: words(status), status });
  if (runAt && !isEnded(status) && status !== "running")
    steps.push({ at: runAt, what: attempt > 0 ? "next attempt" : "due", status: "scheduled" });
  if (expiresAt && !isEnded(status)) steps.push({ at: expiresAt, what: "expires", status: "expired" });
  return steps.sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
}

/** One bar: waiting, then running. */
function Division({ task: { createdAt, startedAt, finishedAt, status, waitMs, executions } }: { task: Task }) {
  const end = finishedAt ? Date.parse(finishedAt) : now.value;
  const wait = startedAt ? waitMs : end - Date.parse(createdAt);
  const run = startedAt && (finishedAt || status === "running") ? Math.max(0, end - Date.parse(startedAt)) : 0;
  if (wait + run <= 0) return null;
  return (
    <div>
      <div class="division" role="img" aria-label={`waited ${duration(wait)}, ran ${duration(run)}`}>
        <span class="division-wait" style={{ flexGrow: Math.max(wait, (wait + run) / 50) }} />
        {run > 0 ? <span class="division-run" style={{ flexGrow: Math.max(run, (wait + run) / 50) }} /> : null}
      </div>
      <div class="row dim">
        <span class="grow">waited {duration(wait)}</span>
        {run > 0 ? <span>{runText(executions, finishedAt !== null, duration(run))}</span> : null}
      </div>
    </div>
  );
}

/** Of several starts the last one counts. */
function runText(executions: number, ended: boolean, run: string): string {
  return `${executions > 1 ? "since its last start it " : ""}${ended ? "ran" : "has run"} ${run}`;
}
