/** What a burst is to submit, and how. */
export interface Burst {
  type: string;
  tasks: number;
  /** Tasks per submit; 1: `submit`, else `submitAll`. */
  batch: number;
  /** How many callers submit at once. */
  callers: number;
  /** Options of every task. */
  options?: object;
  /** Each with an explicit key of its own. */
  keys?: boolean;
  /** Learn of the end by asking, not by the last one's result: for tasks that end out of order or are not kept. */
  poll?: boolean;
}

/** What the domain's own meter counted meanwhile. */
export interface Cost {
  rowsRead: number;
  rowsWritten: number;
  alarmsSet: number;
  coordinatorCalls: number;
  statements: Record<string, { calls: number; rowsRead: number; rowsWritten: number }>;
}

/** Tasks that are made in other ways than by a submit and the runner, and what all of it wrote, by kind of statement. */
export interface MadeAnswer {
  tasks: number;
  rowsWritten: number;
  statements: Record<string, number>;
}

/** What a pause, and the resume after it, wrote in the domain, and how many tasks were pending behind it. */
export interface PauseAnswer {
  pending: number;
  pauseRows: number;
  resumeRows: number;
  pauseMs: number;
}

/** A bulk job over many tasks, and how long single submits took meanwhile. */
export interface BulkAnswer {
  done: number;
  failed: number;
  ms: number;
  rowsWritten: number;
  rowsRead: number;
  /** Of each submit, one after the other: without a job, and beside it. */
  alone: number[];
  beside: number[];
}

/** Rows written for dependencies alone, by kind of statement. */
export interface EdgesAnswer {
  statements: Record<string, number>;
}

export interface BurstAnswer extends Cost {
  ms: number;
  /** Until the last submit was answered. */
  submitMs: number;
  runs: number;
  /** How many tasks completed meanwhile: at least as many as were ordered. */
  completed: number;
}
