import { isFailedChild } from "../../../policy/children.ts";
import { parseTaskId, taskId } from "../../../policy/ids.ts";
import { isTerminal, STATUS_CODE, statusFromCode, type TerminalStatus } from "../../../policy/status.ts";
import { MillraceError } from "../../../policy/errors.ts";
import { cancelRow } from "../run/cancel.ts";
import { subjectOf } from "../history/chronicle.ts";
import type { Core } from "../core.ts";
import { end } from "../run/end.ts";
import { abandonAway, tellParents } from "./kin.ts";
import { linger } from "../run/linger.ts";
import { FAMILY, queue } from "../run/order.ts";
import { changeTask, lifeOf, optionsOf, readTask, setColumns, type TaskRow } from "../rows.ts";
import { STOPPING } from "../run/stop.ts";
import { countChildren, readLivingChildren } from "./children.ts";

/** A task's children in numbers. */
export interface Family {
  total: number;
  active: number;
  failed: number;
}

interface Ended {
  parent: number;
  child: string;
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
  /** Parents whose children another domain has refused. */
  private unborn: number[] = [];
  /** Children of parents in other domains, which are to be told how these stand. */
  private readonly away = new Set<number>();
  /** Who waits for the ids of children in other domains, by parent and name. */
  private readonly births = new Map<string, Set<(child: string | MillraceError) => void>>();

  constructor(core: Core) {
    this.core = core;
  }

  /** Memory from storage. */
  forget(): void {
    this.known.clear();
    this.ends = [];
    this.abandoned = [];
    this.unborn = [];
    this.away.clear();
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
    if (parsed.domain !== this.core.name) return this.tellParent(child);
    const parent = parsed.counter;
    const family = this.known.get(parent);
    if (family) family.active -= 1;
    const isFailure = isFailedChild(to) && this.countsFor(parent, life);
    this.ends.push({ parent, child: taskId(this.core.name, child), to, isFailure });
    if (family && isFailure) family.failed += 1;
  }

  /** One of another domain has ended, as its row of `kin` says by now. */
  childEndedAway(parent: number, child: string, to: TerminalStatus, failedLife: number | undefined): void {
    this.ends.push({ parent, child, to, isFailure: failedLife !== undefined && this.countsFor(parent, failedLife) });
  }

  /** The parent of this child, in another domain, is to hear how it stands. */
  tellParent(child: number): void {
    this.away.add(child);
  }

  /** The numbers of this parent are counted anew. */
  recount(parent: number): void {
    this.known.delete(parent);
  }

  /** Children that it was to have are none after all: if it waits for nobody else, it goes on. */
  recheck(parent: number): void {
    this.recount(parent);
    this.unborn.push(parent);
  }

  /** Resolves with the ids of children in another domain as soon as it has answered; rejects with what it refused. */
  async awaitBirths(parent: number, names: readonly string[]): Promise<string[]> {
    const answers = await Promise.all(
      names.map(
        (name) =>
          new Promise<string | MillraceError>((resolve) => {
            const key = `${parent} ${name}`;
            const waiting = this.births.get(key) ?? new Set();
            this.births.set(key, waiting.add(resolve));
          }),
      ),
    );
    for (const answer of answers) if (answer instanceof MillraceError) throw answer;
    return answers as string[];
  }

  /** A child in another domain has an id, or was refused: after the commit whoever waits hears of it. */
  born(parent: number, name: string, child: string | MillraceError): void {
    const key = `${parent} ${name}`;
    this.core.after(() => {
      const waiting = this.births.get(key) ?? [];
      this.births.delete(key);
      for (const resolve of waiting) resolve(child);
    });
  }

  /** A child lives again: it was retried. */
  reopened(parentId: string, child: number, from: TerminalStatus, life: number): void {
    const parsed = parseTaskId(parentId)!;
    if (parsed.domain !== this.core.name) return this.tellParent(child);
    const family = this.known.get(parsed.counter);
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
    while (this.ends.length + this.abandoned.length + this.unborn.length > 0) {
      const { ends, abandoned, unborn } = this;
      this.ends = [];
      this.abandoned = [];
      this.unborn = [];
      for (const parent of abandoned) this.cancelChildren(parent);
      for (const one of ends) this.judge(one);
      for (const parent of unborn) this.goOn(parent);
    }
    if (this.away.size === 0) return;
    const told = [...this.away];
    this.away.clear();
    tellParents(this.core, told);
  }

  /** Failures of the life before a parent was retried count no more. */
  private countsFor(parent: number, life: number): boolean {
    const row = readTask(this.core.store, parent);
    return row !== undefined && lifeOf(row) === life;
  }

  private cancelChildren(parent: number): void {
    for (;;) {
      const rows = readLivingChildren(this.core, taskId(this.core.name, parent));
      if (rows.length === 0) return abandonAway(this.core, parent);
      for (const row of rows) cancelRow(this.core, row);
    }
  }

  private goOn(parent: number): void {
    const row = readTask(this.core.store, parent);
    if (row?.status === STATUS_CODE.waiting && this.of(row).active === 0) childrenOver(this.core, row);
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
function failParent(core: Core, row: TaskRow, child: string, to: TerminalStatus): void {
  if (row.cancelling !== 0) return;
  const error = childError(child, to);
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
  core.events.record("task.waiting", [subjectOf(row)], { children: { ...core.families.of(row) } });
}
