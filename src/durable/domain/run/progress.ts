import type { Progress } from "../../../domains/task.ts";
import { estimate, type Known, learnDuration, takeReport } from "../../../policy/progress.ts";
import type { ProgressReport } from "../../protocol.ts";
import type { Core } from "../core.ts";

/** Shorter ones are over before anybody has looked. */
const WORTH_MS = 100;

/** How far executions have come: kept in memory while they run, never a row. */
export class Progresses {
  private readonly latest = new Map<number, Known>();

  report({ id, ...report }: ProgressReport, now: number): void {
    this.latest.set(id, takeReport(this.latest.get(id), report, now));
  }

  forgetAll(tasks: readonly number[]): void {
    if (this.latest.size > 0) for (const task of tasks) this.latest.delete(task);
  }

  /** What is known of a running task. */
  of(core: Core, { id, type }: { id: number; type: string }, startedAt: number): Progress | null {
    return estimate(this.latest.get(id), startedAt, core.clock.now(), core.state.typical[type]);
  }
}

/** Notes how long an execution took: in the state row, which is written with its end anyway. */
export function learn(core: Core, type: string, ms: number): void {
  const known = core.state.typical[type];
  if (!known && ms < WORTH_MS) return;
  core.touch().typical[type] = learnDuration(known, ms);
}
