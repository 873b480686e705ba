import { LIMITS } from "../../../policy/limits.ts";
import type { Core } from "../core.ts";
import { subject } from "./announce.ts";
import type { Run } from "./run.ts";

/** How long an executor may take to heed its signal before it is told of. `onCancel` has its own time on top. */
const HEED_MS = 5_000;

/** An executor that goes on though it was told to stop, or its time is over, keeps its slot: everybody is told, once. */
export function noteOverrun(core: Core, run: Run, now: number): void {
  const { current } = run;
  if (current === undefined) return;
  if (run.overrun?.id !== current) run.overrun = { id: current };
  const { overrun } = run;
  const reason = run.aborts.get(current);
  if (reason !== undefined) overrun.stoppedAt ??= now;
  if (overrun.isTold) return;
  const timeoutMs = run.subjects.get(current)?.timeoutMs;
  const over = overrun.stoppedAt ?? (timeoutMs === undefined ? Infinity : run.currentSince + timeoutMs);
  if (now - over < HEED_MS + LIMITS.cancelHookMs * (reason === "cancel" || reason === "supersede" ? 1 : 0)) return;
  overrun.isTold = true;
  core.events.note("task.overrun", subject(run, current), { reason: reason ?? "timeout", overdueMs: now - over });
}
