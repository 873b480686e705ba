import type { TaskError } from "../domains/task.ts";
import type { Report } from "../policy/progress.ts";
import type { IoByAxis } from "../policy/io.ts";
import type { StoredStatus, TerminalStatus } from "../policy/status.ts";
import type { SubmitAnswer, SubmitItem } from "./protocol.ts";

// Runs: what an object and a runner say to each other.

/** One task as a run carries it. Absent fields have their defaults. */
export interface RunTask {
  /** The counter; the full id is `${domain}_${id}`. */
  id: number;
  type: string;
  payload: string;
  /** 1 first. */
  attempt: number;
  executions: number;
  priority: number;
  createdAt: number;
  timeoutMs: number;
  maxAttempts: number;
  key?: string;
  label?: string;
  tags?: Record<string, string>;
  schedule?: string;
  group?: string;
  /** What it depends on, in the order of the submit. */
  dependencies?: RunDependency[];
  /** Full id of its parent. */
  parent?: string;
  /** It has children from an earlier execution. */
  isParent?: true;
  /** Only `finalize` is left of it. */
  finalize?: { memo: string; children: RunChild[] };
}

/** A child as its parent's `finalize` gets it: the result as JSON text. */
export interface RunChild {
  id: string;
  type: string;
  status: TerminalStatus;
  result?: string;
  error?: TaskError;
  /** Result or error did not fit: `ctx.child(id)` asks for it. */
  truncated?: true;
}

/** A dependency as a run carries it: the result as JSON text. */
export interface RunDependency {
  id: string;
  status: StoredStatus | "purged";
  result?: string;
  /** The result did not fit: it is asked for by `ctx.dependency(id)`. */
  truncated?: true;
}

export interface RunRequest {
  /** 96 random bits, the fence. */
  run: string;
  domain: string;
  tasks: RunTask[];
}

/** What became of one task of a run. */
export type RunOutcome = (
  | {
      id: number;
      ok: true;
      result?: string;
      /** What `result` holds is what `execute` returned: the task has children, and `finalize` comes when they have ended. */
      memo?: true;
    }
  | {
      id: number;
      ok: false;
      error: TaskError;
      retryable: boolean;
      /** From `RetryAfterError`. */
      retryAfterMs?: number;
      /** Set when the execution ended because its signal was aborted with this reason. */
      aborted?: AbortReason;
    }
) & {
  /** What it recorded by `ctx.recordIo`. */
  io?: IoByAxis;
};

/** Why the object stops an execution. `lease` is the runner's own: it was not renewed. */
export type AbortReason = "cancel" | "supersede" | "child" | "timeout" | "deadline" | "pause" | "preempt" | "lease";

/** The answer to a run: what was not sent by `settle` before, and the ids that were never started (recalled or aborted first). */
export interface RunAnswer {
  outcomes: RunOutcome[];
  unstarted: number[];
}

export interface ProgressReport extends Report {
  id: number;
}

/**
 * What the runner holds of the object: passed as an argument of `run`, so that it dies with the object's
 * incarnation. Every call rejects with `lease_lost` once the run is over for the object.
 */
export interface RunLink {
  /** Called once, a few ms into a run that is still going; answers with what the object wanted to say before. */
  attach(control: RunControl): Promise<{ abort: [id: number, reason: AbortReason][]; recall: boolean }>;
  settle(outcomes: RunOutcome[]): Promise<void>;
  /** Children of a task of this run, or of its parent. A refusal is an answer (`acceptAnswer`). */
  spawn(request: SpawnRequest): Promise<SpawnAnswer>;
  /** `execute` has returned, of a type with `finalize`: whether there are children to wait for. If not, none is taken any more. */
  returned(id: number): Promise<boolean>;
  progress(reports: ProgressReport[]): Promise<void>;
}

/** What the object holds of the runner: handed over by `attach` or `resume`. */
export interface RunControl {
  /** The lease goes on for another 10 s. */
  renew(): Promise<void>;
  /** Abort the execution of a task if it is under way, else do not start it. The outcome tells which. */
  abort(id: number, reason: AbortReason): Promise<void>;
  /** A question: the ids that will not be started any more. */
  recall(): Promise<number[]>;
}

/** How a runner whose link broke finds its object again: by name, with what it has. Answers with a fresh link, or rejects with `lease_lost`. */
export interface RunResume {
  resumeRun(request: {
    run: string;
    outcomes: RunOutcome[];
    unstarted: number[];
    finished: boolean;
    control?: RunControl;
  }): Promise<RunLink | null>;
  ask(kind: "copyOf", id: string): Promise<RunDependency | null>;
  ask(kind: "childCopy", of: { parent: number; child: string }): Promise<RunChild | null>;
}

/** The runner's one entry point. */
export interface RunnerApi {
  run(request: RunRequest, link: RunLink): Promise<RunAnswer>;
}

/** Children on their way to their parent's object. Each item's `hash` is its name among the parent's children. */
export interface SpawnRequest {
  /** Who asks: a task of the run. */
  task: number;
  /** Children of its parent, not its own. */
  sibling?: true;
  /** The domain they are for. */
  domain: string;
  items: SubmitItem[];
}

export type SpawnAnswer = SubmitAnswer | { elsewhere: string };
