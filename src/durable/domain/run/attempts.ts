import { cutUtf8 } from "../../../policy/text.ts";
import { LIMITS } from "../../../policy/limits.ts";
import type { Task, TaskError } from "../../../domains/task.ts";
import type { TaskRow } from "../rows.ts";

/** A charged failure as its row has it. Those of older versions have no duration. */
interface Attempt {
  attempt: number;
  at: number;
  message: string;
  durationMs?: number;
}

const read = ({ errors }: Pick<TaskRow, "errors">): Attempt[] => (errors === null ? [] : (JSON.parse(errors) as Attempt[]));

/** The column with one more failure at its end, the oldest dropped. */
export function rememberAttempt(row: TaskRow, attempt: number, startedAt: number, now: number, error: TaskError): string {
  const message = cutUtf8(error.message, LIMITS.errorHistoryBytesMax);
  const attempts = [...read(row), { attempt, at: now, message, durationMs: Math.max(0, now - startedAt) }];
  return JSON.stringify(attempts.slice(-LIMITS.errorsMax));
}

/** The failures as they are shown. */
export const viewAttempts = (row: Pick<TaskRow, "errors">): Task["errors"] =>
  read(row).map(({ attempt, at, message, durationMs = null }) => ({ attempt, at: new Date(at).toISOString(), message, durationMs }));
