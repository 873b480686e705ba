import type { Duration } from "./duration.ts";
import { parseDuration } from "./duration.ts";

/** A retry policy; made by `constant`, `linear` or `exponential`. `attempts` counts re-runs after the first. */
export interface RetryPolicy {
  kind: "constant" | "linear" | "exponential";
  attempts: number;
  initialMs: number;
  maxMs: number;
  jitter: "full" | "none";
}

/** Doubles from `initial` to at most `max`, with full jitter. */
export function exponential(attempts: number, initial: Duration, max: Duration, options: { jitter?: "full" | "none" } = {}): RetryPolicy {
  return { kind: "exponential", attempts, initialMs: parseDuration(initial, "initial"), maxMs: parseDuration(max, "max"), jitter: options.jitter ?? "full" };
}
