import type { ProgressReport } from "../../protocol.ts";
import type { Subject } from "../history/chronicle.ts";
import type { Core } from "../core.ts";

/** A task's progress is one event in this time at most: the latest counts. */
const EVERY_MS = 250;

interface Pace {
  subject: () => Subject;
  startedAt: number;
  toldAt: number;
  isNew: boolean;
}

/** Takes in what executors say of their progress, and tells it in good time: never a row. */
export class ProgressTeller {
  private readonly core: Core;
  private readonly paces = new Map<number, Pace>();
  private stopTimer: (() => void) | undefined;

  constructor(core: Core) {
    this.core = core;
  }

  /** @param subject asked for when it is told */
  report(report: ProgressReport, startedAt: number, subject: () => Subject): void {
    const now = this.core.clock.now();
    this.core.progresses.report(report, now);
    const pace = this.paces.get(report.id);
    if (pace && pace.startedAt === startedAt) {
      pace.isNew = true;
      return;
    }
    const fresh: Pace = { subject, startedAt, toldAt: now, isNew: true };
    this.paces.set(report.id, fresh);
    this.tell(report.id, fresh, now);
    this.wait();
  }

  private tell(task: number, pace: Pace, now: number): void {
    const subject = pace.subject();
    const progress = this.core.progresses.of(this.core, { id: task, type: subject.type ?? "" }, pace.startedAt);
    pace.isNew = false;
    pace.toldAt = now;
    if (progress) this.core.events.note("task.progress", subject, { progress });
  }

  private wait(): void {
    if (this.stopTimer || this.paces.size === 0) return;
    const next = Math.min(...[...this.paces.values()].map(({ toldAt }) => toldAt)) + EVERY_MS;
    this.stopTimer = this.core.clock.after(Math.max(1, next - this.core.clock.now()), () => this.round());
  }

  private round(): void {
    this.stopTimer = undefined;
    const now = this.core.clock.now();
    for (const [task, pace] of this.paces) {
      if (now - pace.toldAt < EVERY_MS) continue;
      if (pace.isNew) this.tell(task, pace, now);
      else this.paces.delete(task);
    }
    this.wait();
  }
}
