import type { TaskError } from "../../domains/task.ts";
import type { AbortReason, RunOutcome } from "../../durable/protocol.ts";
import { LIMITS } from "../../policy/limits.ts";
import { cutUtf8, utf8Bytes } from "../../policy/text.ts";

const CODE_CHARS_MAX = 128;
const NAME_CHARS_MAX = 128;

/**
 * What a throw of user code means for its task: any value may be thrown, none makes this function throw.
 * Retryable unless it is a `NonRetryableError`, judged by name too: a bundle may hold two copies of the class.
 */
export function failed(id: number, thrown: unknown): RunOutcome {
  const error = describe(thrown);
  const outcome: RunOutcome = { id, ok: false, error, retryable: error.name !== "NonRetryableError" };
  if (error.name === "RetryAfterError") {
    const delay = read(thrown, "retryAfterMs");
    if (typeof delay === "number" && Number.isFinite(delay) && delay >= 0) outcome.retryAfterMs = Math.round(delay);
  }
  return outcome;
}

/** A failure that no further attempt can mend, found by Millrace itself. */
export function refused(id: number, code: "invalid_payload" | "invalid_result" | "result_too_large", message: string): RunOutcome {
  return {
    id,
    ok: false,
    error: { name: "MillraceError", message: cutUtf8(message, LIMITS.errorMessageBytesMax), code },
    retryable: false,
  };
}

/** The outcome of an execution that was stopped; what becomes of the task is the object's to say. */
export function stopped(id: number, reason: AbortReason, timeoutMs: number): RunOutcome {
  const { name, code, message } = ABORTS[reason];
  return { id, ok: false, error: { name, message: message(timeoutMs), code }, retryable: true, aborted: reason };
}

/** The reason that `ctx.signal` is aborted with: a `TimeoutError` or an `AbortError`, like the platform's own. */
export function abortError(reason: AbortReason, timeoutMs: number): Error {
  const { name, message } = ABORTS[reason];
  return new DOMException(message(timeoutMs), name);
}

const ABORTS: Record<AbortReason, { name: string; code: string; message: (timeoutMs: number) => string }> = {
  cancel: { name: "AbortError", code: "cancelled", message: () => "The task was cancelled." },
  supersede: { name: "AbortError", code: "superseded", message: () => "A newer submission with the same key took the task's place." },
  child: { name: "AbortError", code: "child_failed", message: () => "One of the task's children failed, and failFast is on." },
  timeout: {
    name: "TimeoutError",
    code: "timeout",
    message: (timeoutMs) =>
      `The attempt took longer than its timeout of ${timeoutMs} ms. Raise the type's timeout, or make the task smaller.`,
  },
  deadline: { name: "TimeoutError", code: "deadline", message: () => "The task's deadline has passed." },
  pause: {
    name: "AbortError",
    code: "paused",
    message: () => "The task was stopped because of a pause; it goes back uncharged.",
  },
  preempt: {
    name: "AbortError",
    code: "preempted",
    message: () => "The task was stopped to make room for a more urgent one; it goes back uncharged.",
  },
  lease: {
    name: "AbortError",
    code: "lease_lost",
    message: () => "The run was not renewed in time, so it counts as lost; its tasks run again elsewhere.",
  },
};

/**
 * A completed task with its result as JSON text. `undefined` is no result at all; one that JSON cannot hold, or that is
 * over the limit, fails the task for good: the next attempt would return the same. A memo is what `execute` hands to
 * `finalize`, with the same limit.
 */
export function completed(id: number, value: unknown, what: "result" | "memo" = "result"): RunOutcome {
  if (value === undefined) return { id, ok: true };
  let result: string | undefined;
  try {
    result = JSON.stringify(value);
  } catch (thrown) {
    return refused(id, "invalid_result", `The ${what} cannot be turned into JSON: ${describe(thrown).message} Return plain JSON data.`);
  }
  if (result === undefined) return { id, ok: true };
  // A UTF-16 unit takes at most three bytes: short results need no count.
  if (result.length * 3 <= LIMITS.resultBytesMax) return { id, ok: true, result };
  const bytes = utf8Bytes(result);
  if (bytes <= LIMITS.resultBytesMax) return { id, ok: true, result };
  const message = `The ${what} takes ${bytes} bytes of JSON; at most ${LIMITS.resultBytesMax} are kept. Store it elsewhere (R2, KV) and return a reference.`;
  return refused(id, "result_too_large", message);
}

/** Name, message, code and stack of anything that was thrown, within the limits. */
export function describe(thrown: unknown): TaskError {
  if (typeof thrown !== "object" || thrown === null) return { name: "Error", message: cutUtf8(plain(thrown), LIMITS.errorMessageBytesMax) };
  const name = read(thrown, "name");
  const message = read(thrown, "message");
  const code = read(thrown, "code");
  const stack = read(thrown, "stack");
  const error: TaskError = {
    name: typeof name === "string" && name !== "" ? name.slice(0, NAME_CHARS_MAX) : "Error",
    message: cutUtf8(typeof message === "string" ? message : plain(thrown), LIMITS.errorMessageBytesMax),
  };
  if (typeof code === "string") error.code = code.slice(0, CODE_CHARS_MAX);
  if (typeof stack === "string") error.stack = cutUtf8(stack, LIMITS.errorStackBytesMax);
  return error;
}

// What is thrown may be a proxy or have getters that throw.
function read(thrown: unknown, key: string): unknown {
  try {
    return (thrown as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

function plain(thrown: unknown): string {
  try {
    if (typeof thrown === "object") return JSON.stringify(thrown) ?? String(thrown);
    return String(thrown);
  } catch {
    return "a value was thrown that cannot be shown";
  }
}
