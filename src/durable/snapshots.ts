import type { Progress } from "../domains/task.ts";
import type { Status } from "../policy/status.ts";

/** A domain at a glance. */
export interface DomainSnapshot {
  name: string;
  paused: boolean;
  pausedBy: ("mill" | "domain")[];
  maxConcurrency: number | null;
  counts: Record<Status, number>;
  totals: Record<string, number>;
  /** At most 100. */
  running: { id: string; type: string; startedAt: string; attempt: number; progress: Progress | null }[];
  oldestPendingMs: number | null;
  slots: { granted: number; using: number };
  /** Rate limits by type; `available`: tasks that could start now. */
  rates: Record<string, { permits: number; perMs: number; burst: number; available: number }>;
  /** Messages to other domains that are not delivered, by target; `attempts`: failures in a row. */
  outbox: { domain: string; messages: number; attempts: number; oldestMs: number }[];
  cost: {
    rowsRead: number;
    rowsWritten: number;
    alarmsSet: number;
    coordinatorCalls: number;
    requests: number;
    /** All that at list prices, without the time that the object is awake. */
    dollars: number;
    /** For a million of the tasks that came in; null before the first. */
    dollarsPerMillion: number | null;
    /** Wall time of executors, by type. */
    types: Record<string, { executions: number; wallMs: number }>;
    /** Per statement kind, such as `insert tasks`. */
    statements: Record<string, { calls: number; rowsRead: number; rowsWritten: number }>;
  };
}

/** What became of a drain so far. */
export interface Drained {
  /** Nothing runs or is leased any more. */
  drained: boolean;
  /** Ids of tasks that were running when the time was over, and went back. */
  returned: string[];
}
