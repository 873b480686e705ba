import type { HeldFigures, SizeFigures, TypeFigures } from "../../policy/figures.ts";
import { STATUSES, TERMINAL, type StoredStatus, type TerminalStatus } from "../../policy/status.ts";
import { type Flags, NO_FLAGS, type Pause } from "../../policy/coordination/flags.ts";
import type { Bucket } from "../../policy/bucket.ts";
import type { Rate } from "../../policy/rate.ts";
import type { IoByAxis } from "../../policy/io.ts";
import type { Typical } from "../../policy/progress.ts";
import type { Ranges } from "../../policy/ranges.ts";
import type { Cost, Store } from "./store.ts";
import type { Wave } from "./graph/waves.ts";

/** A run as the state row names it: enough to know, after a crash, what was under way. */
export interface StoredRun {
  ids: Ranges;
  at: number;
  /** The code version that started it: work interrupted by a deploy is not charged. */
  version: string;
  group?: string;
}

/** The domain's own pause. */
export interface OwnPause extends Pause {
  /** A drain: what runs may go on until then; epoch ms. Absent: it is aborted at once. */
  abortAt?: number;
}

/** Transitions since creation; the law is inserted = live + finished + purged. */
const TOTALS = [
  "inserted",
  "started",
  "completed",
  "failed",
  "dead_letter",
  "cancelled",
  "superseded",
  "expired",
  "dependency_failed",
  "retried",
  "reopened",
  "purged",
  "interrupted",
  "preempted",
  "upgraded",
  "duplicates",
  "requeued",
  "debounced",
  "schedulesSkipped",
] as const;
type Total = (typeof TOTALS)[number];

/** The one JSON row of an object, written at most once a transaction. */
export interface State {
  nextId: number;
  /** No task below it is pending: where the scan at wake begins. */
  oldest: number;
  runs: Record<string, StoredRun>;
  counts: Record<StoredStatus, number>;
  totals: Record<Total, number>;
  /** The domain's own pause. */
  pause: OwnPause | null;
  /** How long it lasted in all while the mill was not paused, counted up to `pausedAt`; ms and epoch ms. */
  pausedMs: number;
  pausedAt: number;
  /** What the coordinator last told. */
  flags: Flags;
  maxConcurrency: number | null | undefined;
  /** Retention: where the walk over the primary key stands, and when ages are looked at next. */
  purgeCursor: number;
  agesAt: number | null;
  /** While a walk is under way: finished tasks of types that have a number of their own. And how many had ended at the last one; null: one is due. */
  ofTypes: Record<string, Partial<Record<TerminalStatus, number>>> | null;
  walkedAt: number | null;
  /** A walk that looks at ages is under way: it begins at the first row and goes through to the last. */
  isAging: boolean;
  /** Rows of `edges`: nobody looks for dependents where there are none. */
  edges: number;
  /** Rows of `remotes` and `watchers`: nobody looks into them where there are none. */
  remotes: number;
  watchers: number;
  /** Other domains that tasks here depend on, by the number that stands for them. */
  domains: string[];
  /** Tasks, and stand-ins, that the instances of schedules depend on: they are kept. */
  prerequisites: number[];
  /** Backfills that are not through all domains, by name. */
  waves: Record<string, Wave>;
  /** The highest id of a message so far. */
  lastMessage: number;
  /** The number of the last event: the next is higher, whatever the clock says. */
  lastSeq: number;
  /** For `/metrics`. */
  figures: { types: Record<string, TypeFigures>; sizes: SizeFigures; held?: HeldFigures };
  /** Completed tasks of types with `keep: false` that are kept for the sake of others. */
  lingering: Ranges;
  /** Which declared schedules the object has seen. */
  declared: string;
  /** The round of each singleton that lives, and how many before it failed in a row. */
  singletons: Record<string, { task: number; failures: number }>;
  /** Rate limits of types that were set live; null: none, whatever the code says. */
  rates: Record<string, Rate | null>;
  /** What is left of each limited type's tokens; absent: all. */
  buckets: Record<string, Bucket>;
  /** How fast what its tasks declare has been seen to move, in bytes a second. */
  io: IoByAxis;
  /** The highest id of a schedule so far: tasks name them, so none is used again. */
  lastSchedule: number;
  /** How long executions of each type take that take their time. */
  typical: Record<string, Typical>;
  /** The highest id of a bulk job so far. */
  lastBulk: number;
  cost: {
    rowsRead: number;
    rowsWritten: number;
    alarmsSet: number;
    coordinatorCalls: number;
    requests: number;
    statements: Record<string, Cost>;
  };
}

const zeros = <Key extends string>(keys: readonly Key[]): Record<Key, number> =>
  Object.fromEntries(keys.map((key) => [key, 0])) as Record<Key, number>;

/** The state of an object that has never stored one. */
export const freshState = (): State => ({
  nextId: 1,
  oldest: 1,
  runs: {},
  counts: zeros(STATUSES),
  totals: zeros(TOTALS),
  pause: null,
  pausedMs: 0,
  pausedAt: 0,
  flags: NO_FLAGS,
  maxConcurrency: undefined,
  purgeCursor: 0,
  agesAt: null,
  isAging: false,
  ofTypes: null,
  walkedAt: 0,
  edges: 0,
  remotes: 0,
  watchers: 0,
  domains: [],
  prerequisites: [],
  waves: {},
  lastMessage: 0,
  lastSeq: 0,
  figures: { types: {}, sizes: { batches: 0 } },
  lingering: [],
  declared: "",
  singletons: {},
  rates: {},
  buckets: {},
  io: {},
  lastSchedule: 0,
  typical: {},
  lastBulk: 0,
  cost: { rowsRead: 0, rowsWritten: 0, alarmsSet: 0, coordinatorCalls: 0, requests: 0, statements: {} },
});

/** The stored state; fields that a later version added have their fresh values. */
export function loadState(store: Store, now: number): State {
  const row = store.exec<{ json: string }>("SELECT json FROM state WHERE id = 1").toArray()[0];
  const fresh = freshState();
  if (!row) return fresh;
  const { paused, ...stored } = JSON.parse(row.json) as Partial<State> & { paused?: boolean };
  return {
    ...fresh,
    // As it was written before pauses had a beginning.
    ...(paused === true ? { pause: { since: now } } : {}),
    ...stored,
    counts: { ...fresh.counts, ...stored.counts },
    totals: { ...fresh.totals, ...stored.totals },
    cost: { ...fresh.cost, ...stored.cost },
  };
}

export function saveState(store: Store, state: State): void {
  store.exec("INSERT INTO state (id, json) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET json = excluded.json", JSON.stringify(state));
}

/** How many tasks have ended and are still kept. */
export const finishedCount = (state: State): number => TERMINAL.reduce((sum, status) => sum + state.counts[status], 0);

/** Adds what the store has metered to the state's cost. */
export function meter(state: State, store: Store): void {
  for (const [kind, cost] of Object.entries(store.drain())) {
    const total = (state.cost.statements[kind] ??= { calls: 0, rowsRead: 0, rowsWritten: 0 });
    total.calls += cost.calls;
    total.rowsRead += cost.rowsRead;
    total.rowsWritten += cost.rowsWritten;
    state.cost.rowsRead += cost.rowsRead;
    state.cost.rowsWritten += cost.rowsWritten;
  }
}

/** No task below it is pending: the least of the ready order and of the runs under way. */
export function oldestPending(state: State, ready: number | undefined): number {
  let least = Math.min(ready ?? Infinity, state.nextId);
  for (const { ids } of Object.values(state.runs)) for (const [first] of ids) least = Math.min(least, first);
  return least;
}
