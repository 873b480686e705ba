import { NonRetryableError, RetryAfterError } from "../../policy/errors.ts";
import type { AnswerHead } from "./answer.ts";
import { shown } from "./follow.ts";
import { parseRetryAfter } from "./retry-after.ts";

/**
 * The error for an answer that is not 2xx: for good (4xx but 408, 425 and 429; a 1xx or 3xx that leads nowhere), to
 * be retried when the answer says so, or with the type's own backoff. Its message holds status and beginning.
 */
export function refusal(response: Response, url: URL, head: AnswerHead, now: number, retryAfterMaxMs: number): Error {
  const said = head.text === "" ? "with an empty body" : `${head.text}${head.truncated ? "…" : ""}`;
  const message = `${shown(url)} answered ${response.status}: ${said}`;
  if (!isRetryable(response.status)) return new NonRetryableError(message, { code: `http_${response.status}` });
  const wait = parseRetryAfter(response.headers.get("retry-after"), now, retryAfterMaxMs);
  return wait === undefined ? new Error(message) : new RetryAfterError(wait, message);
}

/** Timeout, too early, too many, and everything that is the server's own fault. */
const isRetryable = (status: number): boolean => status === 408 || status === 425 || status === 429 || status >= 500;
