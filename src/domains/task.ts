import type { Io } from "../policy/io.ts";
import type { Overlap } from "../policy/firing.ts";
import type { Status, StoredStatus, TerminalStatus } from "../policy/status.ts";

export type { Gate, GateName, Why } from "../policy/why.ts";

/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What a task failed with. */
export interface TaskError {
  name: string;
  message: string;
  code?: string;
  stack?: string;
}

/** A task as everybody sees it: the same over RPC and HTTP. Times are RFC 3339 in UTC. */
export interface Task<Payload = Json, Result = Json> {
  /** Such as `media_4217`; the same until history forgets it. */
  id: string;
  domain: string;
  type: string;
  status: Status;
  /** As it was submitted; without the members that a viewer may not see. */
  payload: Payload;
  /** null until it has completed, and where it has none. */
  result: Result | null;
  /** Of the last failed attempt, or of its end. */
  error: TaskError | null;
  /** The duplicate key, as the call or its type named it; null where the payload is the key, and where there is none. */
  key: string | null;
  label: string | null;
  /** 0 (most urgent) to 255. */
  priority: number;
  /** The same, as aging has raised it by now. */
  effectivePriority: number;
  group: string | null;
  /** Its own, its type's and its domain's, with `_domain`. */
  tags: Record<string, string>;
  /** Charged attempts so far, the running one included. */
  attempt: number;
  /** The first and all retries of its policy. */
  maxAttempts: number;
  /** Starts, charged or not. */
  executions: number;
  /** Its last 20 charged failures; `durationMs` is how long that attempt ran, null where an older version kept it. */
  errors: { attempt: number; at: string; message: string; durationMs: number | null }[];
  /** Id of the task whose child it is. */
  parent: string | null;
  /** How many it has, how many of them have not ended, and have failed. */
  children: { total: number; active: number; failed: number };
  /** `purged`: it has ended, and the history keeps it no longer. */
  dependsOn: { id: string; status: StoredStatus | "purged" }[];
  /** Not before; null: at once. */
  runAt: string | null;
  /** When its ttl ends; null: none, or it started in time. */
  expiresAt: string | null;
  createdAt: string;
  /** Of the latest attempt. */
  startedAt: string | null;
  finishedAt: string | null;
  /** From submission to the first start (to now while it waits). */
  waitMs: number;
  /** Of its latest attempt; null until the task has ended. */
  durationMs: number | null;
  progress: Progress | null;
  /** Bytes: what its type expects of an execution, and what its executions have recorded in all. */
  io: { expected: Io | null; actual: Io | null };
  /** Bytes of JSON. */
  sizes: { payload: number; result: number };
  /** Id of the schedule that made it. */
  schedule: string | null;
  /** When it ends `expired`, wherever it is. */
  deadline: string | null;
  /** What holds it, while it shows `paused`. */
  pausedBy: ("mill" | "domain" | "group" | "unregistered")[];
}

/** A dependency as a running task sees it. */
export interface Dependency {
  id: string;
  status: StoredStatus | "purged";
  /** null where it has none, did not complete, or is `truncated`. */
  result: Json;
  /** Beyond 4 MiB of results in all: `await ctx.dependency(id)` has it. */
  truncated?: true;
}

/** A child as its parent's `finalize` sees it. */
export interface Child {
  id: string;
  type: string;
  status: TerminalStatus;
  /** null where it has none, did not complete, or is `truncated`. */
  result: Json;
  error: TaskError | null;
  /** Beyond 4 MiB of results and errors in all: `await ctx.child(id)` has them. */
  truncated?: true;
}

/** Tasks and what they wait for. */
export interface Graph {
  nodes: { id: string; type: string; label: string | null; status: Status }[];
  edges: { from: string; to: string; kind: "depends" | "child" }[];
  /** There is more: it ends after 1,000 tasks. */
  truncated?: true;
}

/** How far an execution has come. */
export interface Progress {
  /** As last said, 0 to 1; where nothing was said, as far as tasks of its type usually are after so long. */
  fraction: number;
  message: string | null;
  /** `perSecond`: smoothed over the last reports; null until it is known. */
  bytes?: { done: number; total: number; perSecond: number | null };
  /** Where it probably is by now; 0.99 at most unless it has said more. */
  extrapolated?: number;
  /** Until its end; null: nobody can tell. */
  etaMs?: number | null;
}

/** What became of a submit. */
export type Outcome =
  | { outcome: "inserted"; id: string }
  | { outcome: "duplicate"; id: string }
  | { outcome: "upgraded"; id: string }
  /** The key's task has begun: the new one waits until it has ended. */
  | { outcome: "requeued"; id: string }
  /** `replacedId`: where the old content is to be found, or the task that had begun and is stopped. */
  | { outcome: "superseded"; id: string; replacedId: string }
  | { outcome: "debounced"; id: string };

/** The answer to waiting for a result. */
export type ResultAnswer<Result = Json> =
  | { status: "completed"; result: Result | null }
  | { status: Status; error: TaskError | null; ended: boolean };

/** One page of a list, newest first. */
export interface Page<Item> {
  items: Item[];
  next: string | null;
}

/** A schedule as everybody sees it. */
export interface Schedule {
  id: string;
  domain: string;
  name: string | null;
  type: string;
  payload: Json;
  every?: number;
  cron?: string;
  timezone: string;
  paused: boolean;
  pausedReason: "user" | "undeclared" | null;
  declared: boolean;
  overlap: Overlap;
  catchUpMs: number;
  jitterMs: number;
  maxRuns: number | null;
  /** How many instances it has submitted, triggered ones too. */
  runs: number;
  /** How many planned times the overlap policy let pass. */
  skipped: number;
  lastRun: string | null;
  lastTask: string | null;
  nextRuns: string[];
  createdAt: string;
  options: Json;
}
