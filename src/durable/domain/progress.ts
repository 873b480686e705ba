import type { ProgressReport } from "../protocol.ts";
import type { Progress } from "../../domains/task.ts";

/** How far executions have come: kept in memory while they run, never a row. */
export class Progresses {
  private readonly latest = new Map<number, { report: ProgressReport; at: number }>();

  report(report: ProgressReport, now: number): void {
    this.latest.set(report.id, { report, at: now });
  }

  forgetAll(tasks: readonly number[]): void {
    if (this.latest.size > 0) for (const task of tasks) this.latest.delete(task);
  }

  /** What is known of a running task; the remaining time from its own rate, capped below the end. */
  of(task: number, startedAt: number): Progress | null {
    const known = this.latest.get(task);
    if (!known) return null;
    const { fraction, message, bytes } = known.report;
    const elapsed = known.at - startedAt;
    const etaMs = fraction > 0 && elapsed > 0 ? Math.round((elapsed / fraction) * (1 - fraction)) : null;
    return { fraction, message, ...(bytes ? { bytes } : {}), etaMs };
  }
}
