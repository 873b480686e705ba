import type { AuditApi } from "../policy/audit.ts";
import type { Claim, ClaimRequest, Renewal, Settlement } from "./claims.ts";
import type { DomainSnapshot, Drained } from "./snapshots.ts";
import type { DependencyPolicy } from "../policy/dependencies.ts";
import type { Strategy } from "../policy/duplicates.ts";
import type { Overlap } from "../policy/firing.ts";
import type { Rate } from "../policy/rate.ts";
import type { RetryPolicy } from "../policy/retry.ts";
import type { Status } from "../policy/status.ts";
import type { Graph, Outcome, ResultAnswer, Schedule, Task, Why } from "../domains/task.ts";
import type { BulkJob, BulkRequest } from "./bulk.ts";
import type { LookName, Looks } from "./looks.ts";
import type { ProgressReport } from "./run-protocol.ts";

export type * from "./run-protocol.ts";

export type { BulkJob, BulkMatch, BulkRequest } from "./bulk.ts";
export type { FailureGroup, Failures, Looks, SeriesView, TagKeys, TagValues } from "./looks.ts";
export type { DomainSnapshot, Drained } from "./snapshots.ts";

/** What of a domain changes live; absent: stays. */
export interface DomainChange {
  maxConcurrency?: number | null;
  /** By type; null: no limit. */
  rates?: Record<string, Rate | null>;
}

// ── submit ────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * One task on its way into a Domain object: validated, defaults applied, functions of the definition already
 * run. Only fields that differ from the default are present; durations, never instants, unless the user gave one.
 */
export interface SubmitItem {
  type: string;
  /** JSON text of the schema's *input*. */
  payload: string;
  /** 128-bit duplicate key as 32 hex digits (type and key, or type and canonical payload); absent: a plain task. */
  hash?: string;
  /** The explicit key, for people; a default key is only a hash. */
  key?: string;
  label?: string;
  /** The group that it belongs to; absent: none. */
  group?: string;
  /** What it takes turns by. */
  fair?: string;
  /** Own tags: of the call and of the type. The domain's defaults are merged at read. */
  tags?: Record<string, string>;
  /** 0 to 255. */
  priority: number;
  delayMs?: number;
  /** Epoch ms; the past is now. */
  runAt?: number;
  ttlMs?: number;
  ttlFrom?: "firstAttempt";
  /** Epoch ms, or from now. */
  deadlineAt?: number;
  deadlineMs?: number;
  /** Only when the call names them; else the definition's of the day. */
  timeoutMs?: number;
  retry?: RetryPolicy;
  /** Default: skip. Only on items with a hash. */
  onDuplicate?: Strategy;
  /** Full ids; a number is the index of an earlier item of the same request. */
  dependsOn?: (string | number)[];
  /** Not the caller's: tasks of its domain that lie above it by way of others, looked up where it may take a task's place. */
  above?: number[];
  /** Default: cancel. */
  onDependencyFailure?: Exclude<DependencyPolicy, "cancel">;
  /** Only when the call names it; else the definition's of the day. */
  failFast?: boolean;
  /** Full id of the task whose child it becomes; `hash` is then its name among that one's children. All items of a request have the same. */
  parent?: string;
}

export interface SubmitRequest {
  items: SubmitItem[];
  /** Of children: the domain they are for, where the request goes to their parent's. */
  domain?: string;
  /** `key` already names token and domain; `body` is a hash of what was asked. */
  idempotency?: { key: string; body: string };
  /** Answer with the tasks, too. */
  view?: boolean;
}

export interface SubmitAnswer {
  outcomes: Outcome[];
  tasks?: Task[];
  /** The stored outcome of an earlier call with the same idempotency key. */
  replayed?: boolean;
}

// ── queries ───────────────────────────────────────────────────────────────────────────────────────────────

export interface TaskQuery {
  status?: Status[];
  type?: string;
  group?: string;
  priority?: number;
  /** `[key, value]` pairs, all of which must match. */
  tags?: [string, string][];
  /** At least one key that begins so. */
  tagPrefix?: string;
  key?: string;
  error?: string;
  q?: string;
  schedule?: string;
  parent?: string;
  /** Epoch ms, about `createdAt`. */
  since?: number;
  until?: number;
  limit?: number;
  /** Only ids below this counter. */
  before?: number;
}

/** A page inside one domain: `next` is the counter to pass as `before`, or null at the end. */
export interface TaskPage {
  items: Task[];
  next: number | null;
}

export interface ScheduleInput {
  name?: string;
  /** The task it submits; checked like a submit. */
  item: SubmitItem;
  everyMs?: number;
  cron?: string;
  timezone?: string;
  initialDelayMs?: number;
  /** Default: skip. */
  overlap?: Overlap;
  catchUpMs?: number;
  jitterMs?: number;
  /** Null: no bound. */
  maxRuns?: number | null;
}

/** What the Domain object answers to gateway and handles, over RPC. Ids are full ids (`media_17`). */
export interface DomainApi extends AuditApi {
  submit(request: SubmitRequest): Promise<SubmitAnswer>;
  get(id: string): Promise<Task>;
  /** Waits up to `waitMs` for the end; 429 `too_many_requests` beyond 1,000 waiters. */
  result(id: string, waitMs: number): Promise<ResultAnswer>;
  list(query: TaskQuery): Promise<TaskPage>;
  count(query: TaskQuery): Promise<number>;
  look<Kind extends LookName>(kind: Kind, body: Looks[Kind]["body"]): Promise<Looks[Kind]["answer"]>;
  cancel(id: string): Promise<Task>;
  /** Acts on every task that exists now and matches, slice by slice; answers with the job before it has begun. */
  startBulk(request: BulkRequest): Promise<BulkJob>;
  /** Reopens a finished task under its id; optionally with another payload (JSON text, with its new hash). */
  retry(id: string, replacement?: { payload: string; hash?: string; key?: string }): Promise<Task>;
  runNow(id: string): Promise<Task>;
  /** Reopens an ended task, and all that depended on it. */
  backfill(id: string): Promise<Task>;
  /** What it depends on and what depends on it, near and far. */
  graph(id: string): Promise<Graph>;
  /** Everything that keeps the task from running now. */
  why(id: string): Promise<Why>;
  snapshot(): Promise<DomainSnapshot>;
  configure(change: DomainChange): Promise<DomainSnapshot>;
  pause(): Promise<DomainSnapshot>;
  /** A pause that lets what runs go on for `timeoutMs`, then gives it back; answers after `waitMs` at most, and 2 s. */
  drain(timeoutMs: number, waitMs: number): Promise<DomainSnapshot & Drained>;
  resumeDomain(): Promise<DomainSnapshot>;
  createSchedule(input: ScheduleInput): Promise<{ schedule: Schedule; created: boolean }>;
  schedules(query: { limit?: number; before?: number }): Promise<{ items: Schedule[]; next: number | null }>;
  schedule(id: string): Promise<Schedule>;
  updateSchedule(id: string, change: Partial<ScheduleInput>): Promise<Schedule>;
  scheduleAction(id: string, action: "pause" | "resume" | "trigger" | "delete"): Promise<Schedule>;
  /** Leases up to `max` of the most urgent tasks of those types to a pull worker; empty after `waitMs`. */
  claim(request: ClaimRequest): Promise<Claim[]>;
  /** The type of the task that is leased. @throws `lease_lost`, like the others */
  leasedType(lease: string): Promise<string>;
  renewLease(lease: string, progress?: Omit<ProgressReport, "id">): Promise<Renewal>;
  /** Ends the lease: what became of its task. Answers with the task. */
  settleLease(lease: string, settlement: Settlement): Promise<Task>;
  /** The sweeper's poke: bring declared schedules up to date, re-derive the alarm, dispatch what is ready. */
  poke(): Promise<{ active: number }>;
}

// ── pull workers ──────────────────────────────────────────────────────────────────────────────────────────
export type { Claim, ClaimRequest, Renewal, Settlement } from "./claims.ts";

// ── objects ↔ coordinator: see policy/coordination ────────────────────────────────────────────────────────
