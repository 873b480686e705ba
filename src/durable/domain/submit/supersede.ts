import { fail, type MillraceError } from "../../../policy/errors.ts";
import { taskId } from "../../../policy/ids.ts";
import type { Decision, Standing } from "../../../policy/duplicates.ts";
import { FIRST_TERMINAL_CODE, statusFromCode, STATUS_CODE } from "../../../policy/status.ts";
import type { Outcome } from "../../../domains/task.ts";
import type { SubmitItem } from "../../protocol.ts";
import { subjectOf } from "../history/chronicle.ts";
import { countSubmitted } from "../look/figures.ts";
import type { Core } from "../core.ts";
import { deleteEdges, insertEdges } from "../graph/edges.ts";
import { end, ended, upstreamsOf } from "../run/end.ts";
import { insertCopy } from "./insert-rows.ts";
import { moveDependents } from "../graph/move.ts";
import { deleteTags, insertTags } from "./tag-rows.ts";
import { changeTask, readTask, setColumns, type NewTask, type TaskOptions, type TaskRow, lifeOf, optionsOf } from "../rows.ts";
import { STOPPING } from "../run/stop.ts";
import { FAMILY, queue, unqueue } from "../run/order.ts";

/** What is known of a key's task without reading its row. */
export interface Holder {
  id: number;
  status: number;
  priority: number;
  family: number | null;
}

/** What a decision needs to know of the task that holds a key. */
export function standingOf(core: Core, holder: Holder): Standing {
  const { status, priority } = holder;
  const isAfterWaiting = holder.family === FAMILY.finalizing;
  const hasBegun = core.claims.has(holder.id) || status === STATUS_CODE.running || status === STATUS_CODE.waiting || isAfterWaiting;
  return { hasBegun, priority, isSuccessor: false };
}

/** The same for a strategy that changes what stands: whose successor it is, and whether a debounce waits for quiet. */
export function closelyOf(core: Core, holder: Holder): Standing {
  const standing = standingOf(core, holder);
  if (standing.hasBegun) return standing;
  const row = readTask(core.store, holder.id)!;
  const { debouncedFrom } = optionsOf(row);
  standing.isSuccessor = predecessorOf(core, row) !== undefined;
  // Once it has run, its burst is over; what comes now begins another.
  if (debouncedFrom !== undefined && row.executions === 0) standing.debouncedFrom = debouncedFrom;
  return standing;
}

/** Whom a blocked task follows. */
export function predecessorOf(core: Core, row: TaskRow): number | undefined {
  if (statusFromCode(row.status) !== "blocked") return undefined;
  const { after } = optionsOf(row);
  if (after === undefined) return undefined;
  // A successor may depend on it by itself, and then has that edge alone.
  const query =
    "SELECT 1 FROM edges AS e CROSS JOIN tasks AS t ON t.id = e.upstream WHERE e.upstream = ? AND e.dependent = ? AND t.status < 10";
  return core.store.exec(query, after, row.id).toArray().length > 0 ? after : undefined;
}

/** Adds what the engine itself has to remember to a row's options. */
export function noteOptions(row: NewTask, note: Pick<TaskOptions, "after" | "debouncedFrom" | "life">): void {
  row.options = JSON.stringify({ ...optionsOf({ options: row.options ?? null }), ...note });
}

/** The item with the run time that a debounce says. */
export const debouncedItem = (item: SubmitItem, decision: Decision): SubmitItem =>
  "debounced" in decision && decision.debounced ? { ...item, runAt: decision.debounced.runAt } : item;

/** Gives a row its dependencies, and answers with them. */
export type Bind = (row: NewTask) => ReadonlySet<number> | undefined;

/** What new content has done to the graph: stand-ins that may be unused now, and whether it ended at once by what it depends on. */
export interface Rebound {
  released: Set<number>;
  fell: boolean;
}

/**
 * The key's task gets new content under its id, its status and dependencies with it; its place stays, and what waits for it.
 * A superseded one is as old as its new content, one that is debounced as its first. `fresh` is the row that the newcomer
 * would have had, with the holder's id.
 */
export function replace(
  core: Core,
  fresh: NewTask,
  tags: SubmitItem["tags"],
  decision: Extract<Decision, { do: "replace" }>,
  bind: Bind,
  edges: Rebound,
): Outcome {
  const row = readTask(core.store, fresh.id)!;
  const id = taskId(core.name, row.id);
  const archived = decision.archive ? archive(core, row) : undefined;
  if (decision.debounced) noteOptions(fresh, { debouncedFrom: decision.debounced.from });
  rebind(core, row, fresh, bind, edges.released);
  const from = statusFromCode(row.status);
  const fails = fresh.status === STATUS_CODE.dependency_failed;
  const to = fails ? "blocked" : statusFromCode(fresh.status);
  if (from === "pending") unqueue(core, row);
  if (row.family !== null) {
    // Children of the old content, between two of its attempts: they go with it.
    noteOptions(fresh, { life: lifeOf(row) + 1 });
    core.families.abandon(row.id);
  }
  const age = decision.archive ? { created_at: fresh.created_at, paused_ms: fresh.paused_ms ?? null } : {};
  changeTask(core.store, row, "replace", from, to, { ...contentOf(fresh), ...age });
  if (row.tags !== null) deleteTags(core.store, [{ id: row.id, tags: JSON.parse(row.tags) as Record<string, string> }]);
  if (tags) insertTags(core.store, [{ id: row.id, tags }]);
  if (from !== to) core.moved(from, to);
  if (to === "pending") queue(core, { ...fresh, id: row.id });
  if (to === "scheduled") core.alarm.soon("due", fresh.run_at!);
  if (fails) end(core, readTask(core.store, row.id)!, "dependency", "dependency_failed", { error: fresh.error! });
  edges.fell ||= fails;
  if (archived !== undefined) return { outcome: "superseded", id, replacedId: taskId(core.name, archived) };
  core.touch().totals.debounced += 1;
  return { outcome: "debounced", id };
}

/** The edges of the old content give way to those of the new; whose successor it is stays. */
function rebind(core: Core, row: TaskRow, fresh: NewTask, bind: Bind, released: Set<number>): void {
  const predecessor = predecessorOf(core, row);
  const old = upstreamsOf(row);
  if (predecessor !== undefined) old.push([predecessor, row.id]);
  if (old.length > 0) core.touch().edges -= deleteEdges(core.store, old);
  for (const [upstream] of old) if (upstream < 0) released.add(upstream);
  core.blockers.delete(row.id);
  const upstreams = bind(fresh);
  if (predecessor !== undefined && fresh.status < FIRST_TERMINAL_CODE) succeed(core, predecessor, fresh, upstreams);
}

/** A row waits until a begun task has ended, in whatever way; where it depends on that one, its own edge says so already. */
export function succeed(core: Core, begun: number, row: NewTask, upstreams?: ReadonlySet<number>): void {
  if (!upstreams?.has(begun)) {
    insertEdges(core.store, [[begun, row.id, "after"]]);
    core.touch().edges += 1;
  }
  core.upstreams.add(begun);
  noteOptions(row, { after: begun });
  row.status = STATUS_CODE.blocked;
}

/** Everything that a submission says, and that of an attempt which the new content has not had. */
const contentOf = (fresh: NewTask): Partial<TaskRow> => ({
  payload: fresh.payload,
  priority: fresh.priority,
  key: fresh.key ?? null,
  label: fresh.label ?? null,
  tags: fresh.tags ?? null,
  options: fresh.options ?? null,
  grp: fresh.grp ?? null,
  fair: fresh.fair ?? null,
  run_at: fresh.run_at ?? null,
  ttl_at: fresh.ttl_at ?? null,
  deadline_at: fresh.deadline_at ?? null,
  expires_at: fresh.expires_at ?? null,
  attempt: 0,
  executions: 0,
  interruptions: 0,
  suspect: 0,
  error: null,
  errors: null,
  started_at: null,
  first_started_at: null,
});

/** The old content as a finished row with an id of its own. */
function archive(core: Core, row: TaskRow): number {
  const state = core.touch();
  const id = state.nextId++;
  insertCopy(core.store, {
    ...row,
    id,
    status: STATUS_CODE.superseded,
    held: null,
    expires_at: null,
    parent: null,
    family: null,
    suspect: 0,
    cancelling: 0,
    finished_at: core.clock.now(),
  });
  if (row.tags !== null) insertTags(core.store, [{ id, tags: JSON.parse(row.tags) as Record<string, string> }]);
  state.totals.inserted += 1;
  countSubmitted(core, [row]);
  core.moved(null, "superseded");
  core.events.record("task.superseded", [subjectOf({ ...row, id })], { by: taskId(core.name, row.id) });
  ended(core, "superseded", [id]);
  return id;
}

/**
 * The one that has begun gives way: it is told to stop and ends `superseded` whatever it answers, a successor of it
 * is dropped. What waits for them waits for `next` now. The key is free at once. Answers with its id.
 */
export function oust(core: Core, holder: Holder, next: number): number {
  const row = readTask(core.store, holder.id)!;
  const predecessor = predecessorOf(core, row);
  moveDependents(core, { from: row.id, to: next });
  if (predecessor !== undefined) moveDependents(core, { from: predecessor, to: next });
  if (predecessor === undefined) {
    stop(core, row);
    return row.id;
  }
  end(core, row, "supersede", "superseded", {});
  core.touch().edges -= core.store.exec("DELETE FROM edges WHERE upstream = ? AND dependent = ?", predecessor, row.id).rowsWritten;
  stop(core, readTask(core.store, predecessor)!);
  return predecessor;
}

/** At once where it is in no run, such as one that waits for its next attempt; else when its runner has answered. */
function stop(core: Core, row: TaskRow): void {
  const run = core.claims.get(row.id);
  if (!run && !core.leases.ofTask(row.id)) return end(core, row, "supersede", "superseded", {});
  core.touch();
  setColumns(core.store, row.id, { held: null, cancelling: STOPPING.supersede });
  if (row.family !== null) core.families.abandon(row.id);
  // A pull worker sees it when it renews.
  if (run) core.abort(run, row.id, "supersede");
}

/** The refusal of a submit whose strategy is `reject`: of a batch, naming every index. */
export function rejected(core: Core, total: number, held: readonly { index: number; holder: number }[]): MillraceError {
  const failed = held.slice(0, 100).map(({ index, holder }) => {
    const id = taskId(core.name, holder);
    return { index, code: "rejected_duplicate" as const, id, detail: `Its key is held by ${id}.` };
  });
  const [first] = failed as [(typeof failed)[number]];
  const advice = "which has not ended. Wait for it or cancel it, or submit with another key or strategy.";
  if (total === 1) return fail("rejected_duplicate", `The key of this task is held by ${first.id}, ${advice}`, { id: first.id });
  const more = held.length === 1 ? "" : ` ${held.length} of ${total} tasks are refused, see failed.`;
  return fail(
    "rejected_duplicate",
    `Nothing was submitted: the key of task ${first.index} of the batch is held by ${first.id}, ${advice}${more}`,
    {
      id: first.id,
      failed,
      issues: failed.map(({ index, detail }) => ({ path: `tasks.${index}`, message: detail })),
    },
  );
}
