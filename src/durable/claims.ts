import type { Task, TaskError } from "../domains/task.ts";

export interface ClaimRequest {
  /** Who asks, for people. */
  worker: string;
  /** Pull types of the domain. */
  types: string[];
  /** 1 to 100. */
  max: number;
  /** 5 s to 12 h. */
  leaseMs: number;
  /** At most 30 s. */
  waitMs: number;
}

/** A task in the hands of a pull worker. */
export interface Claim {
  /** The lease's id: it cannot be guessed, and is the fence. */
  lease: string;
  /** RFC 3339; by the domain's time alone. */
  leaseUntil: string;
  task: Task;
}

/** What a renewal answers. */
export interface Renewal {
  /** When the lease ends now; RFC 3339. */
  leaseUntil: string;
  /** The task was cancelled, or its deadline has passed: stop, and settle in whatever way. */
  cancelled: boolean;
}

/** What a pull worker says of its task. */
export type Settlement =
  | { kind: "complete"; result?: string }
  | { kind: "fail"; error: TaskError; retryable: boolean; retryAfterMs?: number }
  | { kind: "release" };
