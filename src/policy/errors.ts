import { type Duration, parseDuration } from "./duration.ts";

/** Every stable error code with the HTTP status it is answered with. */
export const ERROR_STATUS = {
  invalid_request: 400,
  invalid_payload: 400,
  invalid_tag: 400,
  invalid_dependency: 400,
  dependency_cycle: 400,
  not_submittable: 400,
  not_implemented: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  unknown_domain: 404,
  unknown_type: 404,
  task_not_found: 404,
  schedule_not_found: 404,
  bulk_not_found: 404,
  method_not_allowed: 405,
  rejected_duplicate: 409,
  invalid_state: 409,
  lease_lost: 409,
  idempotency_conflict: 409,
  payload_too_large: 413,
  too_many_requests: 429,
  internal: 500,
  overloaded: 503,
  storage_full: 503,
  domain_unreachable: 503,
} as const;

/** A stable error code; what a program may switch on. */
export type ErrorCode = keyof typeof ERROR_STATUS;

/** Facts that an error carries beside its message: the offending value, a hint, a list of issues. */
export type ErrorFacts = Record<string, unknown>;

const BRAND = "MillraceError";

/**
 * Every error that Millrace itself throws: a stable `code`, the HTTP `status` it maps to, a message that
 * says what was wrong and what to do next, and `facts` for programs.
 *
 * @example
 * ```ts
 * try { await handle.submit("resize", payload); }
 * catch (error) { if (MillraceError.is(error, "unknown_type")) console.log(error.facts.didYouMean); }
 * ```
 */
export class MillraceError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly facts: ErrorFacts;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message);
    this.name = BRAND;
    this.code = code;
    this.status = ERROR_STATUS[code];
    this.facts = facts;
  }

  /** Whether `error` is a Millrace error (of `code`, when given), also after it crossed RPC as a plain `Error`. */
  static is(error: unknown, code?: ErrorCode): error is MillraceError {
    if (typeof error !== "object" || error === null) return false;
    const candidate = error as Partial<MillraceError>;
    if (candidate.name !== BRAND || typeof candidate.code !== "string" || !Object.hasOwn(ERROR_STATUS, candidate.code)) return false;
    return code === undefined || candidate.code === code;
  }

  /** The error as a `MillraceError` again after it crossed RPC (which keeps own properties, not classes); others unchanged. */
  static revive(error: unknown): unknown {
    if (error instanceof MillraceError || !MillraceError.is(error)) return error;
    return new MillraceError(error.code, error.message, error.facts);
  }
}

/** Shorthand used all over: build, do not throw, so that the caller's `throw` stays visible to the type checker. */
export function fail(code: ErrorCode, message: string, facts?: ErrorFacts): MillraceError {
  return new MillraceError(code, message, facts);
}

/** A law of the code itself: stays on in production, because going on after it broke would write wrong rows. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new MillraceError("internal", `Invariant broken: ${message}. This is a bug in Millrace; please report it.`);
}

/**
 * Thrown by user code: the task fails for good, without a retry.
 *
 * @example `throw new NonRetryableError("the customer is gone", { code: "customer_gone" })`
 */
export class NonRetryableError extends Error {
  readonly code: string | undefined;
  constructor(message: string, options: { code?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "NonRetryableError";
    this.code = options.code;
  }
}

/**
 * Thrown by user code: the attempt failed, and the next one should come after this long instead of what the retry
 * policy says. It still counts as an attempt.
 *
 * @example `throw new RetryAfterError("30s", "the API answered 429")`
 */
export class RetryAfterError extends Error {
  /** Whole milliseconds, not negative. */
  readonly retryAfterMs: number;

  /**
   * @param delay a duration, or milliseconds ≥ 0
   * @param message what went wrong
   * @throws `invalid_request` when `delay` is no duration
   */
  constructor(delay: Duration, message?: string, options: { cause?: unknown } = {}) {
    const retryAfterMs = parseDuration(delay, "retryAfter");
    super(message ?? `Try again in ${retryAfterMs} ms.`, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "RetryAfterError";
    this.retryAfterMs = retryAfterMs;
  }
}
