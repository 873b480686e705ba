import type { Clock } from "../../../clock.ts";
import { fail } from "../../../policy/errors.ts";
import { LIMITS } from "../../../policy/limits.ts";

/** Callers that wait for tasks to end; in memory only, since a caller asks again when the object goes away. */
export class Waiters {
  private readonly clock: Clock;
  private readonly waiting = new Map<number, Set<() => void>>();
  private count = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Resolves when the task ends, or after `waitMs`. */
  wait(task: number, waitMs: number): Promise<void> {
    if (this.count >= LIMITS.waitersMax) {
      throw fail(
        "too_many_requests",
        `More than ${LIMITS.waitersMax} callers wait for results of this domain; ask again in a moment, without waiting.`,
        { retryAfterMs: 1_000 },
      );
    }
    this.count += 1;
    return new Promise((resolve) => {
      const done = () => {
        stop();
        const set = this.waiting.get(task);
        set?.delete(done);
        if (set?.size === 0) this.waiting.delete(task);
        this.count -= 1;
        resolve();
      };
      const stop = this.clock.after(waitMs, done);
      const set = this.waiting.get(task) ?? new Set();
      this.waiting.set(task, set.add(done));
    });
  }

  get size(): number {
    return this.count;
  }

  has(task: number): boolean {
    return this.waiting.has(task);
  }

  /** The task has ended: after its commit. */
  wake(task: number): void {
    for (const done of [...(this.waiting.get(task) ?? [])]) done();
  }
}
