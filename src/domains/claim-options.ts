import type { Duration } from "../policy/duration.ts";

/** What a pull worker asks for. */
export interface ClaimOptions<Type extends string = string> {
  /** The worker's name, for people; 1 to 128 bytes. */
  worker: string;
  /** Pull types; default all of the domain. */
  types?: readonly Type[];
  /** How many tasks at most, 1 to 100; default 1. Each takes a slot. */
  max?: number;
  /** 5 s to 12 h, default 20 s; each renewal holds for as long again. */
  lease?: Duration;
  /** How long to wait for the first one, at most 30 s; default: not at all. */
  wait?: Duration;
}

/** What a renewal may tell. */
export interface RenewOptions {
  /** A fraction from 0 to 1, or bytes, of which rate and remaining time are derived; shown with the task. */
  progress?: number | { fraction: number; message?: string | null } | { bytes: { done: number; total: number }; message?: string | null };
}

/** How a failure is to be taken. */
export interface FailOptions {
  /** Default true: by the task's retry policy. */
  retryable?: boolean;
  /** Instead of what the policy says. */
  retryAfter?: Duration;
}
