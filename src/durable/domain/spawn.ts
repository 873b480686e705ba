import { inherit } from "../../policy/children.ts";
import { fail, type MillraceError } from "../../policy/errors.ts";
import { parseTaskId, taskId } from "../../policy/ids.ts";
import { LIMITS } from "../../policy/limits.ts";
import { isTerminal, statusFromCode } from "../../policy/status.ts";
import type { Outcome } from "../../domains/task.ts";
import type { SpawnAnswer, SpawnRequest, SubmitItem } from "../protocol.ts";
import { mustRead } from "./cancel.ts";
import { readNamedChildren } from "./children.ts";
import type { Core } from "./core.ts";
import { refuseCycles } from "./cycle.ts";
import { dispatch } from "./dispatch.ts";
import { FAMILY } from "./order.ts";
import { reopen } from "./reopen.ts";
import { lifeOf, optionsOf, readTask, setColumns, type TaskRow } from "./rows.ts";
import type { Run } from "./run.ts";
import { insert } from "./submit.ts";

/** Children of a task that executes, asked for by its runner: they count while its run is open and it is unsettled in it. */
export function spawn(core: Core, run: Run, request: SpawnRequest): SpawnAnswer {
  return core.transact("spawn", () => {
    refuseForeign(core, request.domain);
    if (run.closed || !run.open.has(request.task)) throw lost(core, run, request.task);
    const row = mustRead(core, request.task);
    if (!request.sibling) {
      refuseStopped(core, row);
      run.finalizing.delete(row.id);
      return { outcomes: adopt(core, row, request.items, run) };
    }
    const parent = row.parent === null ? null : parseTaskId(row.parent)!;
    if (parent === null) {
      const id = taskId(core.name, row.id);
      throw fail("invalid_state", `Task ${id} has no parent, so it can have no siblings. Spawn a child, or submit a task.`, { id });
    }
    if (parent.domain !== core.name) return { elsewhere: row.parent! };
    return { outcomes: adopt(core, mustLive(core, parent.counter), request.items) };
  });
}

function refuseForeign(core: Core, domain: string): void {
  if (domain !== core.name) throw fail("not_implemented", `Children in another domain (${domain}) are not implemented yet.`, { domain });
}

/** The same for a submit that names its parent: without the fence, while the parent runs or waits. */
export function adoptFor(core: Core, parent: string, items: readonly SubmitItem[], domain: string): Outcome[] {
  refuseForeign(core, domain);
  return adopt(core, mustLive(core, parseTaskId(parent)!.counter), items);
}

function lost(core: Core, run: Run, task: number): MillraceError {
  return fail(
    "lease_lost",
    `Task ${taskId(core.name, task)} is not under way in this run any more. Nothing was spawned; stop the execution.`,
    { run: run.id },
  );
}

/** A parent that takes children from others: it runs or waits, and is not at its end. */
function mustLive(core: Core, id: number): TaskRow {
  const row = mustRead(core, id);
  const full = taskId(core.name, id);
  const status = statusFromCode(row.status);
  const run = core.claims.get(id);
  const isRunning = run?.current === id;
  const refuse = (why: string) => fail("invalid_state", `Task ${full} takes no children: ${why}`, { id: full, status });
  if (core.definition?.types.get(row.type)?.pull) throw refuse("pull workers do it, and there is no finalize.");
  if (!isRunning && status !== "waiting")
    throw refuse(`it is ${isTerminal(status) ? `over (${status})` : status}; only one that runs or waits does.`);
  if (row.family === FAMILY.finalizing || run?.finalizing.has(id)) throw refuse("its finalize has begun.");
  refuseStopped(core, row);
  return row;
}

function refuseStopped(core: Core, row: TaskRow): void {
  const id = taskId(core.name, row.id);
  if (row.cancelling !== 0) throw fail("invalid_state", `Task ${id} is being stopped; it takes no more children.`, { id });
  if (row.family === FAMILY.finalizing)
    throw fail("invalid_state", `Task ${id} is in finalize, which takes no children. Spawn them in execute.`, { id });
}

/** Writes children of a living task, but for those that are there already. Part of a transaction. */
function adopt(core: Core, parent: TaskRow, items: readonly SubmitItem[], run = core.claims.get(parent.id)): Outcome[] {
  const now = core.clock.now();
  const id = taskId(core.name, parent.id);
  const names = items.flatMap(({ hash }) => (hash === undefined ? [] : [hash]));
  const known = new Map(readNamedChildren(core, id, names).map((row) => [row.key_hash!, row]));
  const fresh = items.filter(({ hash }) => hash === undefined || !known.has(hash));
  const family = core.families.of(parent);
  if (family.total + fresh.length > LIMITS.childrenMax) {
    const message = `A task has at most ${LIMITS.childrenMax} children; ${id} has ${family.total}, and these are ${fresh.length} more. Spawn tasks that spawn them.`;
    throw fail("invalid_request", message, { id, limit: LIMITS.childrenMax });
  }
  const heirs = childItems(core, parent, items, known, now);
  refuseCycles(core, parent, heirs);
  const life = lifeOf(parent);
  for (const row of known.values()) if (lifeOf(row) !== life) renew(core, row, life);
  if (fresh.length > 0 && parent.family === null) setColumns(core.store, parent.id, { family: FAMILY.parent });
  run?.parents.add(parent.id);
  const inserted = insert(core, heirs, now, { parent: id, ...(life === 0 ? {} : { options: JSON.stringify({ life }) }) });
  const isNew = inserted.filter(({ outcome }) => outcome === "inserted").length;
  core.families.added(parent.id, isNew, isNew);
  dispatch(core);
  let next = 0;
  return items.map(({ hash }) => {
    const row = hash === undefined ? undefined : known.get(hash);
    return row ? { outcome: "duplicate", id: taskId(core.name, row.id) } : inserted[next++]!;
  });
}

/** The new ones, with what they inherit; an index that names one that is there already becomes its id. */
function childItems(
  core: Core,
  parent: TaskRow,
  items: readonly SubmitItem[],
  known: ReadonlyMap<string, TaskRow>,
  now: number,
): SubmitItem[] {
  const heritage = heritageOf(parent, now);
  const places: (string | number)[] = [];
  let next = 0;
  for (const { hash } of items) {
    const row = hash === undefined ? undefined : known.get(hash);
    places.push(row ? taskId(core.name, row.id) : next++);
  }
  return items.flatMap((item, index) => {
    if (typeof places[index] === "string") return [];
    const heir = inherit(item, heritage);
    if (item.dependsOn) heir.dependsOn = item.dependsOn.map((one) => (typeof one === "number" ? (places[one] ?? one) : one));
    return [heir];
  });
}

/** What a task hands down to its children now. */
function heritageOf(parent: TaskRow, now: number): Parameters<typeof inherit>[1] {
  const { ttlMs, ttlFrom } = optionsOf(parent);
  const since = ttlFrom === "firstAttempt" ? (parent.first_started_at ?? parent.started_at ?? now) : parent.created_at;
  return {
    priority: parent.priority,
    ...(parent.tags === null ? {} : { tags: JSON.parse(parent.tags) as Record<string, string> }),
    ...(ttlMs === undefined ? {} : { ttlLeftMs: since + ttlMs - now }),
  };
}

/** A child of its parent's life before: it belongs to this one from now on. What has not completed is done again. */
function renew(core: Core, row: TaskRow, life: number): void {
  const status = statusFromCode(row.status);
  if (status === "completed") return;
  if (isTerminal(status) && status !== "superseded") reopen(core, row, { life });
  else setColumns(core.store, row.id, { options: JSON.stringify({ ...optionsOf(row), life }) });
}

/** `execute` has returned, of a type with `finalize`: true when there are children. Else it goes on to `finalize`, and takes none any more. */
export function hasChildren(core: Core, run: Run, id: number): boolean {
  if (run.closed || !run.open.has(id)) throw lost(core, run, id);
  const row = readTask(core.store, id);
  if (row && row.family !== null) return true;
  run.finalizing.add(id);
  return false;
}
