import { type Clock, systemClock } from "../clock.ts";
import type { TaskHandle } from "../domains/handle.ts";
import type { Task } from "../domains/task.ts";
import { type Duration, parseDuration } from "../policy/duration.ts";
import { fail, MillraceError } from "../policy/errors.ts";
import { isTerminal, type Status } from "../policy/status.ts";

/** How often a status that is not an end is looked for. */
const LOOK_MS = 20;

/** How long to wait, and by which clock. */
export interface WaitForTaskOptions {
  /** Default 10 s. */
  timeout?: Duration;
  clock?: Clock;
}

/**
 * Waits until a task has a status and answers with its record. An end is waited for with `result`, which misses
 * nothing; a status on the way is looked for every 20 ms.
 *
 * @param task `handle.task(submitted)`
 * @throws `invalid_state` at once when it ended in another way, or when the time is up
 * @example `const task = await waitForTask(media.task(submitted), "dead_letter", { timeout: "5s" });`
 */
export async function waitForTask<Input, Result>(
  task: TaskHandle<string, Input, Result>,
  status: Status,
  { timeout = "10s", clock = systemClock }: WaitForTaskOptions = {},
): Promise<Task<Input, Result>> {
  const timeoutMs = parseDuration(timeout, "timeout");
  const deadline = clock.now() + timeoutMs;
  if (isTerminal(status)) await end(task, timeoutMs);
  for (;;) {
    const record = await task.get();
    if (record.status === status) return record;
    if (isTerminal(record.status))
      throw other(record, status, `it ended ${record.status}${record.error ? `: ${record.error.message}` : ""}`);
    if (clock.now() >= deadline) throw other(record, status, `it was still ${record.status} after ${timeoutMs} ms`);
    await clock.sleep(LOOK_MS);
  }
}

async function end(task: TaskHandle, timeout: number): Promise<void> {
  try {
    await task.result({ timeout });
  } catch (error) {
    // How it ended, or that it did not, is told by its record.
    if (!MillraceError.is(error, "invalid_state")) throw error;
  }
}

function other(record: Task<unknown, unknown>, wanted: Status, why: string): MillraceError {
  return fail("invalid_state", `${record.id} did not become ${wanted}: ${why}.`, {
    id: record.id,
    status: record.status,
    error: record.error,
  });
}
