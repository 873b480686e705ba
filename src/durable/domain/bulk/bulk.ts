import { MillraceError } from "../../../policy/errors.ts";
import { parseTaskId, taskId } from "../../../policy/ids.ts";
import { LIMITS } from "../../../policy/limits.ts";
import { isTerminal, statusFromCode } from "../../../policy/status.ts";
import type { BulkJob, BulkMatch, BulkMatchRequest, BulkQuery } from "../../bulk.ts";
import { type BulkRow, dueBulk, endBulk, forgetBulk, nextBulkAt, writeBulk } from "./bulk-rows.ts";
import { cancelRow } from "../run/cancel.ts";
import type { Core } from "../core.ts";
import { dispatch } from "../run/dispatch.ts";
import { remove } from "../run/end.ts";
import { patternOf, SAMPLE, type Sample } from "../look/failures.ts";
import { type Filter, filterOf } from "../look/filter.ts";
import { unneeded } from "../history/purge.ts";
import { reopen } from "../run/reopen.ts";
import { refuseRound } from "../schedules/rounds.ts";
import { readTask } from "../rows.ts";
import { shownStatus } from "../look/view.ts";
import { climb, matchesOf, nextAbove, nextBelow, walk } from "../look/walk.ts";

/** Of a task as much as has to be judged; payloads stay on disk. */
const COLUMNS = "tasks.id, tasks.status, tasks.type, tasks.grp, tasks.parent, tasks.tags, tasks.options, tasks.family, tasks.finished_at";
type Met = Pick<
  NonNullable<ReturnType<typeof readTask>>,
  "id" | "status" | "type" | "grp" | "parent" | "tags" | "options" | "family" | "finished_at"
> &
  Partial<Sample>;

/** What a pattern is made of is read where it is asked for alone. */
const columnsOf = ({ pattern }: BulkQuery): string => (pattern === undefined ? COLUMNS : `${COLUMNS}, ${SAMPLE}`);

/** Rows that are read at once. */
const STEP = LIMITS.bulkSlice * 2;

/** What a slice has done: how many, and which it could do nothing to. */
interface Deed {
  done: number;
  refused: BulkJob["errors"];
}

/**
 * One slice of the oldest job: its tasks, its books and where it stands commit together, so that after a crash at whatever
 * point it goes on with the task after the last. True when more is due at once.
 */
export function advanceBulk(core: Core): boolean {
  const now = core.clock.now();
  const job = dueBulk(core, now);
  if (!job) return false;
  return core.transact("bulk", () => {
    core.touch();
    if (job.finished_at !== null) forgetBulk(core, now);
    else if (slice(core, job, now)) endBulk(core, job, now);
    dispatch(core);
    const next = nextBulkAt(core);
    core.alarm.set("bulk", next);
    return next !== null && next <= now;
  });
}

/** Ends a job whose slices fail again and again: a bug must not ring the object for ever. */
export function giveUpBulk(core: Core, error: unknown): void {
  const job = dueBulk(core, core.clock.now());
  if (!job || job.finished_at !== null) return;
  core.transact("bulk", () => {
    core.touch();
    const errors: BulkJob["errors"] = [{ id: "", message: `The job was given up: ${String(error).slice(0, 300)}` }];
    writeBulk(core, { ...job, errors: JSON.stringify(errors) });
    endBulk(core, job, core.clock.now());
    core.alarm.set("bulk", nextBulkAt(core));
  });
}

/** True when its walk is through. */
function slice(core: Core, job: BulkRow, now: number): boolean {
  const query = JSON.parse(job.filter) as BulkQuery;
  const filter = filterOf(core, query);
  const { met, cursor } = meet(core, job, filter, query);
  const deed = ACTS[job.action](core, met, { now, filter, query });
  const known = job.errors === null ? [] : (JSON.parse(job.errors) as BulkJob["errors"]);
  const errors = [...known, ...deed.refused.slice(0, LIMITS.bulkErrorsMax - known.length)];
  const failed = job.failed + deed.refused.length;
  writeBulk(core, { ...job, cursor, done: job.done + deed.done, failed, errors: errors.length === 0 ? null : JSON.stringify(errors) });
  return job.action === "retry" ? cursor >= job.bound - 1 : cursor <= 1;
}

/** The next tasks that match, and where the walk stands then: step by step, so that little more is read than is found. */
function meet(core: Core, { action, bound, ...job }: BulkRow, filter: Filter, query: BulkQuery): { met: Met[]; cursor: number } {
  const isUp = action === "retry";
  const end = isUp ? bound - 1 : 1;
  const isWanted = wantedBy(core, query);
  const met: Met[] = [];
  let { cursor } = job;
  for (let budget: number = LIMITS.bulkRowsReadMax; budget > 0 && met.length < LIMITS.bulkSlice && cursor !== end; budget -= STEP) {
    const step = { limit: LIMITS.bulkSlice - met.length, budget: STEP };
    const { rows, reached } = isUp
      ? climb<Met>(core, filter, { ...step, after: cursor, bound }, columnsOf(query))
      : walk<Met>(core, filter, { ...step, before: cursor }, columnsOf(query));
    met.push(...rows.filter(isWanted));
    if (rows.length > 0) cursor = reached;
    else cursor = isUp ? nextAbove(core, reached, bound) : nextBelow(core, reached);
  }
  return { met, cursor };
}

/** On disk a task that runs, one that is ready and one behind a pause are the same; no index has patterns. */
function wantedBy(core: Core, { status = [], pattern }: BulkQuery): (row: Met) => boolean {
  if (pattern !== undefined) return ({ name = null, message = null }) => patternOf({ name, message }) === pattern;
  const wanted = new Set<string>(status);
  const ready = ["pending", "paused", "running"].filter((one) => wanted.has(one)).length;
  return ready === 0 || ready === 3 ? () => true : (row) => wanted.has(shownStatus(core, row));
}

interface Act {
  now: number;
  filter: Filter;
  query: BulkQuery;
}

const ACTS: Readonly<Record<BulkRow["action"], (core: Core, rows: readonly Met[], act: Act) => Deed>> = {
  // From the newest down: what depends on a task, or follows it, ends before that task sets it free.
  cancel: (core, rows, { filter, query }) => {
    const ids = rows.map(({ id }) => id);
    const parents = parentsOf(core, rows, filter, query);
    for (const id of [...parents, ...ids]) {
      const row = readTask(core.store, id);
      // It may have ended by the end of another: that is what was wanted.
      if (row && !isTerminal(statusFromCode(row.status))) cancelRow(core, row);
    }
    // Those that have ended are not met again; one that is told to stop is, and counts then.
    const ended = parents.filter((id) => isTerminal(statusFromCode(readTask(core.store, id)!.status)));
    return { done: ids.length + ended.length, refused: [] };
  },
  // From the oldest up: what others depend on is reopened before them.
  retry: (core, rows) => {
    const refused: Deed["refused"] = [];
    for (const { id } of rows) {
      const row = readTask(core.store, id)!;
      try {
        if (!isTerminal(statusFromCode(row.status))) continue;
        refuseRound(core, row.type, id);
        reopen(core, row, {});
      } catch (error) {
        // Thrown before the first change; anything but a refusal ends the whole slice.
        if (!MillraceError.is(error) || error.code === "internal") throw error;
        refused.push({ id: taskId(core.name, id), message: error.message });
      }
    }
    return { done: rows.length - refused.length, refused };
  },
  delete: (core, rows, { now }) => {
    const old = rows.filter((row) => row.finished_at !== null && row.finished_at + LIMITS.keepAtLeastMs <= now);
    const free = unneeded(core, old);
    remove(core, free);
    const gone = new Set(free.map(({ id }) => id));
    const young = new Set(rows.filter((row) => !old.includes(row)).map(({ id }) => id));
    const refused = rows
      .filter(({ id }) => !gone.has(id))
      .map(({ id }) => ({ id: taskId(core.name, id), message: young.has(id) ? YOUNG : NEEDED }));
    return { done: free.length, refused };
  },
};

const YOUNG = "It ended less than a minute ago; somebody may still wait for its result.";
const NEEDED = "A living task needs it: one that depends on it, its parent, or a child; or another domain has still to hear of its end.";

/** Matching parents that stand further on: a parent must not go on, or fail, because its children were cancelled before it. */
function parentsOf(core: Core, rows: readonly Met[], filter: Filter, query: BulkQuery): number[] {
  const found: number[] = [];
  const seen = new Set(rows.map(({ id }) => id));
  let ids = unseenParents(core, rows, seen);
  while (ids.length > 0) {
    const matching = matchesOf(core, filter, ids);
    const parents = ids.flatMap((id) => (matching.has(id) ? [readTask(core.store, id)!] : [])).filter(wantedBy(core, query));
    found.push(...parents.map(({ id }) => id));
    ids = unseenParents(core, parents, seen);
  }
  // The oldest first: what is below goes along.
  return found.sort((one, other) => one - other);
}

function unseenParents(core: Core, rows: readonly Pick<Met, "parent">[], seen: Set<number>): number[] {
  const parents = new Set<number>();
  for (const { parent } of rows) {
    const parsed = parent === null ? null : parseTaskId(parent);
    if (parsed?.domain !== core.name || seen.has(parsed.counter)) continue;
    seen.add(parsed.counter);
    parents.add(parsed.counter);
  }
  return [...parents];
}

/** How many tasks an action would meet now; looks at the newest 100,000 rows at most. */
export function bulkMatch(core: Core, { filter: query }: BulkMatchRequest): BulkMatch {
  const filter = filterOf(core, query);
  const isWanted = wantedBy(core, query);
  let budget: number = LIMITS.bulkCountRowsMax;
  let before = core.state.nextId;
  let matched = 0;
  while (before > 1 && budget > 0) {
    const step = { before, limit: LIMITS.bulkRowsReadMax, budget: Math.min(budget, LIMITS.bulkRowsReadMax) };
    const { rows, reached } = walk<Met>(core, filter, step, columnsOf(query));
    matched += rows.filter(isWanted).length;
    budget -= filter.isIndexed ? Math.max(1, rows.length) : before - reached;
    before = rows.length === 0 ? nextBelow(core, reached) : reached;
  }
  return { matched, exact: before <= 1 || nextBelow(core, before) <= 1 };
}
