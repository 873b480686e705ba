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
