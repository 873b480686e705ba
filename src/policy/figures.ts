import type { Bucket } from "./bucket.ts";
import { own } from "./own.ts";
import type { Rate } from "./rate.ts";

/** What is counted of each type, since the domain's creation: transitions, so that a task that is reopened ends twice. */
export const COUNTED = [
  "submitted",
  "dispatched",
  "completed",
  "failed",
  "retried",
  "dead_lettered",
  "superseded",
  "cancelled",
  "expired",
  "dependency_failed",
  "preempted",
  "reopened",
  "recurring_skipped",
] as const;
export type Counted = (typeof COUNTED)[number];

/** Upper bounds of the histograms, inclusive; what lies above goes into one bucket more. Seconds, and numbers of tasks. */
export const BOUNDS = {
  seconds: [0.005, 0.025, 0.1, 0.25, 1, 2.5, 10, 30, 60, 300, 3_600],
  tasks: [1, 2, 5, 10, 25, 50, 100, 250, 1_000, 10_000],
} as const;

/** A histogram: a number for each bound and one for what lies above, then the sum. */
export type Histogram = number[];

/** Ends that have a duration. */
export type Timed = "completed" | "failed" | "dead_letter";

/** The figures of one type. */
export interface TypeFigures {
  /** In the order of `COUNTED`. */
  n: number[];
  /** Seconds from submit to the first start. */
  wait?: Histogram;
  /** Seconds of the last execution, by how it ended. */
  run?: Partial<Record<Timed, Histogram>>;
  /** Ms of all executions that were answered, those of retried attempts too. */
  wallMs?: number;
}

/** Sizes of what comes and goes at once. */
export interface SizeFigures {
  batches: number;
  batch?: Histogram;
  completion?: Histogram;
  failure?: Histogram;
}

/** What sets a ready task aside that has a free slot: the names that `why` has for it. Rate limits are counted by what they limit. */
export const DENIALS = ["gate", "gate_error", "pressure", "io"] as const;
export type Denial = (typeof DENIALS)[number];

/** What held tasks back; absent: nothing has. */
export interface HeldFigures {
  /** Tasks newly set aside, by what did it. */
  denials?: Partial<Record<Denial, number>>;
  /** How often what waited of a type had to wait for the next token. */
  throttles?: Record<string, number>;
}

/** What a domain tells the coordinator of itself, now and then. */
export interface DomainFigures {
  /** How many tasks show each status. */
  statuses: Record<string, number>;
  types: Record<string, TypeFigures>;
  sizes: SizeFigures;
  held?: HeldFigures;
  /** The rate limits of its types, each with its bucket: what is in it by now is seen without asking. */
  rates?: Record<string, Rate & { bucket?: Bucket }>;
  purged: number;
  cap: number | null;
  oldestPendingMs: number | null;
  cost: { rowsRead: number; rowsWritten: number; coordinatorCalls: number; requests: number };
}

/**
 * What a domain tells now, with nothing lower than it told before of what it counts in memory until its next change: that much is
 * lost with the object, and a counter that goes back looks to Prometheus as if it had begun anew and come all the way again.
 */
export function neverBack(before: DomainFigures, told: DomainFigures): DomainFigures {
  const held = { denials: most(before.held?.denials, told.held?.denials), throttles: most(before.held?.throttles, told.held?.throttles) };
  return { ...told, held, cost: most(before.cost, told.cost) as DomainFigures["cost"] };
}

function most(some: Partial<Record<string, number>> = {}, others: Partial<Record<string, number>> = {}): Record<string, number> {
  const names = new Set([...Object.keys(some), ...Object.keys(others)]);
  return Object.fromEntries([...names].map((name) => [name, Math.max(own(some, name) ?? 0, own(others, name) ?? 0)]));
}

/** Of a type that nothing has been counted of. */
export const noFigures = (): TypeFigures => ({ n: COUNTED.map(() => 0) });

/** Counts `times` values into a histogram, made where there is none. */
export function observe(histogram: Histogram | undefined, bounds: readonly number[], value: number, times = 1): Histogram {
  const counts = histogram ?? Array.from({ length: bounds.length + 2 }, () => 0);
  const found = bounds.findIndex((bound) => value <= bound);
  counts[found === -1 ? bounds.length : found]! += times;
  // To the microsecond: the sum is stored with every change, and needs no more digits.
  counts[bounds.length + 1] = Math.round((counts[bounds.length + 1]! + value * times) * 1e6) / 1e6;
  return counts;
}
