import { retryDelayMs, type RetryPolicy } from "./retry.ts";
import type { TerminalStatus } from "./status.ts";

/** How long a singleton rests after so many failed rounds in a row: 1 s, 2 s, 4 s, … at most 5 minutes. No jitter: there is but one. */
const REST: RetryPolicy = { kind: "exponential", attempts: 0, initialMs: 1_000, maxMs: 300_000, jitter: "none" };

/** How many rounds in a row have failed, this one included. One that was cancelled or the like says nothing either way. */
export function failuresAfter(failures: number, ended: TerminalStatus): number {
  if (ended === "completed") return 0;
  return ended === "failed" || ended === "dead_letter" ? failures + 1 : failures;
}

/**
 * How long after the end of a round the next one begins.
 *
 * @param everyMs 0: at once
 * @param failures rounds in a row that failed, up to this one
 */
export function nextRoundMs(everyMs: number, failures: number): number {
  return failures === 0 ? everyMs : Math.max(everyMs, retryDelayMs(REST, failures - 1, 0));
}
