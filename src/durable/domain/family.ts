import { isFailedChild } from "../../policy/children.ts";
import { parseTaskId, taskId } from "../../policy/ids.ts";
import { isTerminal, STATUS_CODE, statusFromCode, type TerminalStatus } from "../../policy/status.ts";
import { cancelRow } from "./cancel.ts";
import type { Core } from "./core.ts";
import { end } from "./end.ts";
import { linger } from "./linger.ts";
import { FAMILY, queue } from "./order.ts";
import { changeTask, lifeOf, optionsOf, readTask, setColumns, type TaskRow } from "./rows.ts";
import { STOPPING } from "./stop.ts";
import { countChildren, readLivingChildren } from "./children.ts";

/** A task's children in numbers. */
export interface Family {
  total: number;
  active: number;
  failed: number;
}

interface Ended {
  parent: number;
  child: number;
  to: TerminalStatus;
  isFailure: boolean;
}

const NONE: Family = { total: 0, active: 0, failed: 0 };

/**
 * Parents and their children. The numbers live in memory, counted when first asked for; what the end of a child, or of a
 * parent, means for the others is noted where it happens and judged at the end of the same transaction.
 */
export class Families {
  private readonly core: Core;
  /** Of living parents. */
  private readonly known = new Map<number, Family>();
  private ends: Ended[] = [];
  private abandoned: number[] = [];

  constructor(core: Core) {
    this.core = core;
  }

  /** Memory from storage. */
  forget(): void {
    this.known.clear();
    this.ends = [];
    this.abandoned = [];
  }

  /** How many children a task has, as they are now. */
  of(row: TaskRow): Family {
    if (row.family === null) return NONE;
    const known = this.known.get(row.id);
    if (known) return known;
    const family = countChildren(this.core, row.id, lifeOf(row));
    if (row.status < STATUS_CODE.completed) this.known.set(row.id, family);
    return family;
  }

  /** New children of a living parent; those that were there and live again, too. */
  added(parent: number, total: number, active: number): void {
    const family = this.known.get(parent);
    if (!family) return;
    family.total += total;
    family.active += active;
  }

  /** A task that has ended, whose row is written: what it means for its parent, and for its children. */
  ended(row: Pick<TaskRow, "id" | "family" | "parent"> & { life: number }, to: TerminalStatus): void {
    if (row.family !== null) {
      this.known.delete(row.id);
      if (to !== "completed") this.abandoned.push(row.id);
    }
    if (row.parent !== null) this.childEnded(row.parent, row.id, to, row.life);
  }

  /** The same for children of which nothing else is known. */
  childEnded(parentId: string, child: number, to: TerminalStatus, life: number): void {
    const parsed = parseTaskId(parentId)!;
    if (parsed.domain !== this.core.name) return;
    const parent = parsed.counter;
    const family = this.known.get(parent);
    if (family) family.active -= 1;
    this.ends.push({ parent, child, to, isFailure: isFailedChild(to) && this.countsFor(parent, life) });
    if (family && this.ends.at(-1)!.isFailure) family.failed += 1;
  }

  /** A child lives again: it was retried. */
  reopened(parentId: string, from: TerminalStatus, life: number): void {
    const parsed = parseTaskId(parentId)!;
    const family = parsed.domain === this.core.name ? this.known.get(parsed.counter) : undefined;
    if (!family) return;
    family.active += 1;
    if (isFailedChild(from) && this.countsFor(parsed.counter, life)) family.failed -= 1;
  }

  /** The living children of a task that has ended, or will, in another way than by completing. */
  abandon(parent: number): void {
    this.abandoned.push(parent);
  }

  /** What was noted in this transaction, and what follows from it, through all generations. */
  settle(): void {
    while (this.ends.length > 0 || this.abandoned.length > 0) {
      const { ends, abandoned } = this;
      this.ends = [];
      this.abandoned = [];
      for (const parent of abandoned) this.cancelChildren(parent);
      for (const one of ends) this.judge(one);
    }
  }

  /** Failures of the life before a parent was retried count no more. */
  private countsFor(parent: number, life: number): boolean {
    const row = readTask(this.core.store, parent);
    return row !== undefined && lifeOf(row) === life;
  }

  private cancelChildren(parent: number): void {
    for (;;) {
      const rows = readLivingChildren(this.core, parent);
      if (rows.length === 0) return;
      for (const row of rows) cancelRow(this.core, row);
    }
  }

  private judge({ parent, child, to, isFailure }: Ended): void {
    const { core } = this;
    const known = this.known.get(parent);
    if (known && known.active > 0 && !isFailure) return;
    const row = readTask(core.store, parent);
    if (!row || isTerminal(statusFromCode(row.status))) return;
    const family = this.of(row);
    if (isFailure && isFailFast(core, row)) failParent(core, row, child, to);
    else if (family.active === 0 && row.status === STATUS_CODE.waiting) childrenOver(core, row);
  }
}

const isFailFast = (core: Core, row: TaskRow): boolean => optionsOf(row).failFast ?? core.defaultsOf(row.type)?.failFast ?? true;

/** The first failed child fails its parent and cancels the others; a parent that executes is told to stop. */
function failParent(core: Core, row: TaskRow, child: number, to: TerminalStatus): void {
  if (row.cancelling !== 0) return;
  const error = childError(taskId(core.name, child), to);
  const run = core.claims.get(row.id);
  if (!run) return end(core, row, "child", "failed", { error });
  core.touch();
  setColumns(core.store, row.id, { cancelling: STOPPING.child, error });
  core.abort(run, row.id, "child");
  core.families.abandon(row.id);
}

/** The error of a task that failed by one of its children, as JSON. */
function childError(child: string, to: string): string {
  const message = `Its child ${child} ended ${to}, and failFast is on: the other children were cancelled. Look at that one, then retry this task; what has completed is not done again.`;
  return JSON.stringify({ name: "ChildError", message, code: "child_failed" });
}

/** All children have ended: what is left is `finalize`, or nothing. */
function childrenOver(core: Core, row: TaskRow): void {
  const type = core.definition?.types.get(row.type);
  if (!type || type.finalize) return toFinalize(core, row, {});
  end(core, row, "complete", "completed", { result: row.memo, memo: null, error: null, attempt: row.attempt + 1, interruptions: 0 });
  if (!type.keep) linger(core, [row.id]);
}

/** To the very front: what has begun ends before new work begins. */
export function toFinalize(core: Core, row: TaskRow, change: Partial<TaskRow>): void {
  const from = statusFromCode(row.status);
  changeTask(core.store, row, "finalize", from, "pending", { ...change, family: FAMILY.finalizing });
  if (from !== "pending") core.moved(from, "pending");
  core.touch();
  queue(core, { ...row, family: FAMILY.finalizing });
}

/** `execute` has returned while children live: the parent waits and holds no slot. Its ttl is over, its deadline is not. */
export function toWaiting(core: Core, row: TaskRow, memo: string | null, change: Partial<TaskRow>): void {
  changeTask(core.store, row, "wait", "pending", "waiting", {
    ...change,
    memo,
    ttl_at: null,
    expires_at: row.deadline_at,
    suspect: 0,
    interruptions: 0,
    error: null,
  });
  core.moved("pending", "waiting");
}
