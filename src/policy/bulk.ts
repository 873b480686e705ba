import { fail } from "./errors.ts";
import { isTerminal, type Status, STATUSES, TERMINAL } from "./status.ts";

/** What can be done to many tasks at once. */
export const BULK_ACTIONS = ["cancel", "retry", "delete"] as const;
/** One of them. */
export type BulkAction = (typeof BULK_ACTIONS)[number];

/** What each action can be done to; a task that was superseded has been replaced, so it is not retried. */
const ALLOWED: Readonly<Record<BulkAction, readonly Status[]>> = {
  cancel: [...STATUSES.filter((status) => !isTerminal(status)), "paused"],
  retry: TERMINAL.filter((status) => status !== "superseded"),
  delete: TERMINAL,
};

/** What a filter without `status` means: to run again what has succeeded has to be asked for. */
const USUAL: Readonly<Record<BulkAction, readonly Status[]>> = { ...ALLOWED, retry: ["failed", "dead_letter"] };

/**
 * The statuses that an action is about.
 *
 * @throws `invalid_request` where it can do nothing to one that the filter names
 * @example `bulkStatuses("retry", undefined) // ["failed", "dead_letter"]`
 */
export function bulkStatuses(action: BulkAction, given: readonly Status[] | undefined): Status[] {
  if (given === undefined) return [...USUAL[action]];
  const wrong = given.find((status) => !ALLOWED[action].includes(status));
  if (given.length > 0 && wrong === undefined) return [...new Set(given)];
  const path = "filter.status";
  const message = `A bulk ${action} takes tasks that are ${ALLOWED[action].join(", ")}; got ${wrong ?? "none"}.`;
  throw fail("invalid_request", message, { issues: [{ path, message }] });
}
