import type { Duration } from "./duration.ts";
import { parseDuration } from "./duration.ts";
import { fail } from "./errors.ts";
import { DELAY_MS_MAX } from "./limits.ts";
import { didYouMean } from "./names.ts";

/** A retry policy; made by `constant`, `linear` or `exponential`. `attempts` counts re-runs after the first. */
export interface RetryPolicy {
  kind: "constant" | "linear" | "exponential";
  attempts: number;
  initialMs: number;
  maxMs: number;
  jitter: "full" | "none";
}

/** `full`: uniform between nothing and the computed delay. `none`: exactly the computed delay. */
export interface RetryOptions {
  jitter?: "full" | "none";
}

/** How many re-runs a policy may ask for. */
const ATTEMPTS_MAX = 10_000;
const KINDS = ["constant", "linear", "exponential"] as const;
const FIELDS = ["kind", "attempts", "initial", "max", "jitter"];

/**
 * Always waits `delay`; full jitter unless `{ jitter: "none" }`.
 *
 * @param attempts re-runs after the first, 0 to 10,000
 * @throws `invalid_request`
 * @example `constant(3, "10s", { jitter: "none" })`
 */
export function constant(attempts: number, delay: Duration, options: RetryOptions = {}): RetryPolicy {
  const delayMs = parseDuration(delay, "delay");
  return checked({ kind: "constant", attempts, initialMs: delayMs, maxMs: delayMs, jitter: options.jitter ?? "full" });
}

/**
 * Waits `initial`, then twice, three times, … that, at most `max`; full jitter unless `{ jitter: "none" }`.
 *
 * @param attempts re-runs after the first, 0 to 10,000
 * @throws `invalid_request`, also when `initial` is more than `max`
 * @example `linear(10, "5s", "1m") // 5 s, 10 s, 15 s, …`
 */
export function linear(attempts: number, initial: Duration, max: Duration, options: RetryOptions = {}): RetryPolicy {
  return growing("linear", attempts, initial, max, options);
}

/**
 * Waits `initial`, then doubles it to at most `max`; full jitter unless `{ jitter: "none" }`.
 *
 * @param attempts re-runs after the first, 0 to 10,000
 * @throws `invalid_request`, also when `initial` is more than `max`
 * @example `exponential(5, "2s", "2m") // up to 2 s, 4 s, 8 s, …`
 */
export function exponential(attempts: number, initial: Duration, max: Duration, options: RetryOptions = {}): RetryPolicy {
  return growing("exponential", attempts, initial, max, options);
}

/**
 * A retry policy from untrusted JSON: `{ kind, attempts, initial, max?, jitter? }`. `max` belongs to `linear` and
 * `exponential`; without it they grow to 5 minutes, or stay at `initial` where that is more.
 *
 * @throws `invalid_request` naming the field
 * @example `parseRetryPolicy({ kind: "linear", attempts: 3, initial: "1s", max: "10s" })`
 */
export function parseRetryPolicy(json: unknown, name = "retry"): RetryPolicy {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw refuse(
      name,
      `${name} must be an object such as {"kind":"exponential","attempts":5,"initial":"2s","max":"2m"}; got ${show(json)}.`,
    );
  }
  for (const field of Object.keys(json)) {
    if (FIELDS.includes(field)) continue;
    const hint = didYouMean(field, FIELDS);
    throw refuse(
      `${name}.${field}`,
      `${name} has no field ${show(field)}${hint ? `; did you mean "${hint}"?` : `; it takes ${FIELDS.join(", ")}.`}`,
    );
  }
  const { kind, attempts, initial, max, jitter } = json as Record<string, unknown>;
  if (!KINDS.includes(kind as RetryPolicy["kind"]))
    throw refuse(`${name}.kind`, `${name}.kind must be one of ${KINDS.join(", ")}; got ${show(kind)}.`);
  if (kind === "constant" && max !== undefined)
    throw refuse(`${name}.max`, `${name}.max makes no sense for a constant policy; leave it out.`);
  const initialMs = parseDuration(initial, `${name}.initial`);
  const growsTo = kind === "constant" ? initialMs : Math.max(300_000, initialMs);
  return checked(
    {
      kind: kind as RetryPolicy["kind"],
      attempts: attempts as number,
      initialMs,
      maxMs: max === undefined ? growsTo : parseDuration(max, `${name}.max`),
      jitter: (jitter ?? "full") as "full" | "none",
    },
    name,
  );
}

/**
 * How long to wait before the next re-run, in whole milliseconds.
 *
 * @param retriesSoFar re-runs that were made already: 0 before the first
 * @param random uniform in [0, 1), for the jitter
 */
export function retryDelayMs(policy: RetryPolicy, retriesSoFar: number, random: number): number {
  const { kind, initialMs, maxMs } = policy;
  // 2^63 times the smallest delay is beyond every `max`, so that the power cannot overflow.
  const factor = kind === "constant" ? 1 : kind === "linear" ? retriesSoFar + 1 : 2 ** Math.min(retriesSoFar, 63);
  const delay = Math.min(initialMs * factor, maxMs);
  return Math.round(policy.jitter === "full" ? delay * random : delay);
}

function growing(kind: "linear" | "exponential", attempts: number, initial: Duration, max: Duration, options: RetryOptions): RetryPolicy {
  return checked({
    kind,
    attempts,
    initialMs: parseDuration(initial, "initial"),
    maxMs: parseDuration(max, "max"),
    jitter: options.jitter ?? "full",
  });
}

function checked(policy: RetryPolicy, name = "retry"): RetryPolicy {
  const { attempts, initialMs, maxMs, jitter } = policy;
  if (!Number.isInteger(attempts) || attempts < 0 || attempts > ATTEMPTS_MAX) {
    throw refuse(
      `${name}.attempts`,
      `${name}.attempts must be an integer from 0 to ${ATTEMPTS_MAX}: the re-runs after the first; got ${show(attempts)}.`,
    );
  }
  if (initialMs > maxMs)
    throw refuse(`${name}.initial`, `${name}.initial (${initialMs} ms) must not be more than ${name}.max (${maxMs} ms).`);
  if (maxMs > DELAY_MS_MAX) throw refuse(`${name}.max`, `${name} may not wait longer than 10 years; got ${maxMs} ms.`);
  if (jitter !== "full" && jitter !== "none")
    throw refuse(`${name}.jitter`, `${name}.jitter must be "full" or "none"; got ${show(jitter)}.`);
  return policy;
}

function refuse(path: string, message: string) {
  return fail("invalid_request", message, { issues: [{ path, message }] });
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
