import type { Clock } from "../clock.ts";
import type { WaitOptions } from "../domains/handle.ts";
import type { ResultAnswer } from "../domains/task.ts";
import { parseDuration } from "../policy/duration.ts";
import { fail, MillraceError } from "../policy/errors.ts";
import { abortable } from "./abort.ts";

const DEFAULT_MS = 60_000;
/** One question waits this long at most; then it is asked again, on a fresh connection. */
const SLICE_MS = 30_000;
const BACKOFF_MS = 250;
const BACKOFF_MAX_MS = 5_000;

/**
 * Waits for a task's result by asking again and again until the caller's own deadline, across objects that go away.
 *
 * @param ask one question; answers at once when the task has ended, else after `waitMs`
 */
export async function awaitResult(
  id: string,
  ask: (waitMs: number, signal: AbortSignal | undefined) => Promise<ResultAnswer>,
  { timeout, signal }: { [Option in keyof WaitOptions]: WaitOptions[Option] | undefined },
  clock: Clock,
): Promise<unknown> {
  const timeoutMs = timeout === undefined ? DEFAULT_MS : parseDuration(timeout, "timeout");
  const deadline = clock.now() + timeoutMs;
  let failures = 0;
  for (;;) {
    signal?.throwIfAborted();
    const asked = clock.now();
    const waitMs = Math.max(0, Math.min(SLICE_MS, deadline - asked));
    try {
      const answer = await abortable(ask(waitMs, signal), signal);
      failures = 0;
      if ("result" in answer) return answer.result;
      if (answer.ended) throw endedOtherwise(id, answer);
      if (clock.now() >= deadline || waitMs === 0) throw stillActive(id, answer.status, timeoutMs);
      // One that answers without waiting must not be asked in a tight loop.
      if (clock.now() - asked < waitMs / 2) await abortable(clock.sleep(Math.min(BACKOFF_MS, deadline - clock.now()), signal), signal);
    } catch (error) {
      const delay = retryDelay(error, (failures += 1), clock);
      if (delay === undefined || clock.now() + delay >= deadline) throw error;
      await abortable(clock.sleep(delay, signal), signal);
    }
  }
}

/** How long to wait before the next question, or `undefined` when asking again is of no use. */
function retryDelay(error: unknown, failures: number, clock: Clock): number | undefined {
  const passing =
    MillraceError.is(error, "domain_unreachable") || MillraceError.is(error, "overloaded") || MillraceError.is(error, "too_many_requests");
  if (!passing) return undefined;
  const told = (error as MillraceError).facts.retryAfterMs;
  const backoff = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** Math.min(failures, 10)) * (0.5 + clock.random() / 2);
  return typeof told === "number" ? Math.max(told, backoff) : backoff;
}

function endedOtherwise(id: string, { status, error }: { status: string; error: { message: string } | null }): MillraceError {
  const why = error === null ? "" : `: ${error.message}`;
  return fail("invalid_state", `${id} has no result: it ended ${status}${why}`, { id, status, error, ended: true });
}

function stillActive(id: string, status: string, timeoutMs: number): MillraceError {
  return fail(
    "invalid_state",
    `${id} was still ${status} after ${timeoutMs} ms. It goes on; wait longer with { timeout }, or ask for it later.`,
    {
      id,
      status,
      error: null,
      ended: false,
      timeoutMs,
    },
  );
}
