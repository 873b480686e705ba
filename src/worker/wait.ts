import type { ResultAnswer } from "../domains/task.ts";
import { MillraceError } from "../policy/errors.ts";
import type { Call } from "./route.ts";

/** One question waits this long at most, then it is asked again: an object that was replaced is noticed in time. */
const SLICE_MS = 30_000;
const PAUSE_MS = 200;

/**
 * A task's result as soon as it has ended, else its status after `waitMs`. The wait is the gateway's: where the object
 * goes away in the middle, the new one is asked.
 *
 * @throws `task_not_found`, `too_many_requests`; `domain_unreachable` and `overloaded` where that is so until the end
 */
export async function awaitEnd({ api, clock, context }: Call, id: string, waitMs: number): Promise<ResultAnswer> {
  const deadline = clock.now() + waitMs;
  const { signal } = context.req.raw;
  for (;;) {
    const asked = clock.now();
    const slice = Math.max(0, Math.min(SLICE_MS, deadline - asked));
    try {
      const answer = await api.result(id, slice);
      if ("result" in answer || answer.ended || clock.now() >= deadline || signal?.aborted) return answer;
      // One that answers before its time must not be asked in a tight loop.
      if (clock.now() - asked < slice / 2) await clock.sleep(Math.min(PAUSE_MS, deadline - clock.now()), signal);
    } catch (error) {
      if (!isPassing(error) || clock.now() + PAUSE_MS >= deadline || signal?.aborted) throw error;
      await clock.sleep(PAUSE_MS, signal);
    }
  }
}

function isPassing(error: unknown): boolean {
  const revived = MillraceError.revive(error);
  if (revived instanceof MillraceError) return revived.code === "domain_unreachable" || revived.code === "overloaded";
  const { retryable, durableObjectReset } = (error ?? {}) as Record<string, unknown>;
  return retryable === true || durableObjectReset === true;
}
