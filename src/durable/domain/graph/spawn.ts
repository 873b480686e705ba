import { inherit } from "../../../policy/children.ts";
import { fail, type MillraceError } from "../../../policy/errors.ts";
import { parseTaskId, taskId } from "../../../policy/ids.ts";
import { duplicateHash } from "../../../policy/key.ts";
import { LIMITS } from "../../../policy/limits.ts";
import { isTerminal, STATUS_CODE, statusFromCode } from "../../../policy/status.ts";
import type { Outcome } from "../../../domains/task.ts";
import type { SpawnAnswer, SpawnRequest, SubmitAnswer, SubmitItem, SubmitRequest } from "../../protocol.ts";
import { mustRead } from "../run/cancel.ts";
import { readNamedChildren } from "./children.ts";
import type { Core } from "../core.ts";
import { refuseCycles } from "./cycle.ts";
import { dispatch } from "../run/dispatch.ts";
import { answerLater, recallAnswer, rememberAnswer } from "../submit/idempotency.ts";
import { lookUp } from "../look/lookup.ts";
import { readNamedKin, renew, sendKin } from "./kin.ts";
import { FAMILY } from "../run/order.ts";
import { startProbe } from "./probe.ts";
import { lifeOf, optionsOf, readTask, setColumns, type TaskRow } from "../rows.ts";
import type { Run } from "../run/run.ts";
import { insert } from "../submit/submit.ts";

/** Children of a task that executes, asked for by its runner: they count while its run is open and it is unsettled in it. */
export async function spawn(core: Core, run: Run, request: SpawnRequest): Promise<SpawnAnswer> {
  const { domain, items, sibling } = request;
  // Whether all of it counts is judged in the transaction; this only asks others what they know.
  const asking = items.some((item) => item.dependsOn) ? readTask(core.store, request.task) : undefined;
  const adopter = sibling ? asking?.parent : taskId(core.name, request.task);
  if (asking && adopter) await lookUp(core, { items, domain, parent: adopter }, core.outside.neighbour);
  const begun = core.transact("spawn", () => {
    if (run.closed || !run.open.has(request.task)) throw lost(core, run, request.task);
    const row = mustRead(core, request.task);
    const parent = sibling ? parentOf(core, row) : row;
    if (typeof parent === "string") return { elsewhere: parent };
    refuseStopped(core, parent);
    if (!sibling) run.finalizing.delete(row.id);
    return domain === core.name ? { outcomes: adopt(core, parent, items) } : send(core, parent, domain, items);
  });
  return "births" in begun ? { outcomes: await begun.births() } : begun;
}

/** The parent of a task that makes siblings; its id where that is in another domain. */
function parentOf(core: Core, row: TaskRow): TaskRow | string {
  const id = taskId(core.name, row.id);
  if (row.parent === null)
    throw fail("invalid_state", `Task ${id} has no parent, so it can have no siblings. Spawn a child, or submit a task.`, { id });
  const { domain, counter } = parseTaskId(row.parent)!;
  return domain === core.name ? mustLive(core, counter) : row.parent;
}

/** Whether a submit to this object is about children for another domain. */
export const isAway = (core: Core, { domain = core.name }: SubmitRequest): boolean => domain !== core.name;

/** Children for another domain, by a submit that names a parent of this one. */
export async function submitAway(core: Core, { items, domain, idempotency }: SubmitRequest): Promise<SubmitAnswer> {
  const { counter } = parseTaskId(items[0]!.parent!)!;
  // A plain one has no name of its own; a repeated call finds it by its key.
  const named = items.map((item, index) => ({
    ...item,
    hash: item.hash ?? nameOf(core, item.type, idempotency && `${idempotency.key} ${index}`),
  }));
  // Keys are of the domain that is asked, which is not this one.
  const known = idempotency && { ...idempotency, key: `${domain}/${idempotency.key}` };
  const begun = core.transact("spawn.away", () => {
    const replayed = known && recallAnswer(core, known, core.clock.now());
    if (replayed && replayed.outcomes.length > 0) return replayed;
    const sent = send(core, mustLive(core, counter), domain!, named);
    // From now on it stands for this request, whose ids are still to come.
    if (known && !replayed) rememberAnswer(core, known, [], core.clock.now());
    return sent;
  });
  if ("outcomes" in begun) return begun;
  const outcomes = await begun.births();
  if (known) core.transact("spawn.away", () => answerLater(core, known.key, outcomes));
  return { outcomes };
}

const nameOf = (core: Core, type: string, key: string | undefined): string => duplicateHash(type, "child", key ?? core.clock.token(16));

/** The same for a submit that names its parent: without the fence, while the parent runs or waits. */
export function adoptFor(core: Core, parent: string, items: readonly SubmitItem[], domain: string): Outcome[] {
  if (domain !== core.name) throw fail("internal", `Children for ${domain} were not sent there.`, { domain });
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

/** Sends children of a living task to another domain, but for those that are there already. Part of a transaction. */
function send(core: Core, parent: TaskRow, domain: string, items: readonly SubmitItem[]): { births: () => Promise<Outcome[]> } {
  refuseIndexes(items);
  const names = [...new Set(items.map(({ hash }) => hash!))];
  const known = new Map(readNamedKin(core, parent.id, names).map((row) => [row.hash, row]));
  const life = lifeOf(parent);
  const fresh = [...new Map(items.map((item) => [item.hash!, item])).values()].filter(({ hash }) => {
    const row = known.get(hash!);
    return !row || (row.life !== life && row.status !== STATUS_CODE.completed);
  });
  refuseMore(core, parent, names.length - known.size);
  const heritage = heritageOf(parent, core.clock.now());
  if (fresh.length > 0) {
    haveChildren(core, parent);
    sendKin(
      core,
      parent.id,
      life,
      domain,
      fresh.map((item) => inherit(item, heritage)),
    );
    core.families.recount(parent.id);
  }
  // Those whose domain has not answered yet have no id; what was there before may be purged, and have another one now.
  const sent = new Set(fresh.map(({ hash }) => hash!));
  const unborn = names.filter((name) => sent.has(name) || (known.get(name)?.child ?? null) === null);
  const births = async (): Promise<Outcome[]> => {
    const ids = await core.families.awaitBirths(parent.id, unborn);
    const born = new Map(unborn.map((name, index) => [name, ids[index]!]));
    return items.map(({ hash }) => {
      const row = known.get(hash!);
      return { outcome: row ? "duplicate" : "inserted", id: born.get(hash!) ?? taskId(domain, row!.child!) };
    });
  };
  return { births };
}

/** An index means nothing in another transaction. */
function refuseIndexes(items: readonly SubmitItem[]): void {
  const index = items.findIndex(({ dependsOn }) => dependsOn?.some((one) => typeof one === "number"));
  if (index === -1) return;
  const message = "A child in another domain names what it depends on by its id; { index } is for children of the parent's own domain.";
  throw fail("invalid_dependency", message, { issues: [{ path: `tasks.${index}.dependsOn`, message }] });
}

/** The row says from now on that it has children. */
function haveChildren(core: Core, parent: TaskRow): void {
  if (parent.family === null) setColumns(core.store, parent.id, { family: FAMILY.parent });
  core.touch();
  core.claims.get(parent.id)?.parents.add(parent.id);
}

function refuseMore(core: Core, parent: TaskRow, more: number): void {
  const { total } = core.families.of(parent);
  if (total + more <= LIMITS.childrenMax) return;
  const id = taskId(core.name, parent.id);
  const message = `A task has at most ${LIMITS.childrenMax} children; ${id} has ${total}, and these are ${more} more. Spawn tasks that spawn them.`;
  throw fail("invalid_request", message, { id, limit: LIMITS.childrenMax, issues: [{ path: "parent", message: "too many children" }] });
}

/** Writes children of a living task, but for those that are there already. Part of a transaction. */
function adopt(core: Core, parent: TaskRow, items: readonly SubmitItem[]): Outcome[] {
  const now = core.clock.now();
  const id = taskId(core.name, parent.id);
  const names = items.flatMap(({ hash }) => (hash === undefined ? [] : [hash]));
  const known = new Map(readNamedChildren(core, id, names).map((row) => [row.key_hash!, row]));
  const fresh = items.filter(({ hash }) => hash === undefined || !known.has(hash));
  refuseMore(core, parent, fresh.length);
  const heirs = childItems(core, parent, items, known, now);
  refuseCycles(core, parent, heirs);
  const life = lifeOf(parent);
  for (const row of known.values()) if (lifeOf(row) !== life) renew(core, row, life);
  if (fresh.length > 0) haveChildren(core, parent);
  const inserted = insert(core, heirs, now, { parent: id, ...(life === 0 ? {} : { options: JSON.stringify({ life }) }) });
  const isNew = inserted.filter(({ outcome }) => outcome === "inserted").length;
  core.families.added(parent.id, isNew, isNew);
  startProbe(
    core,
    core.name,
    heirs.flatMap(({ dependsOn }, index) => (dependsOn ? [parseTaskId(inserted[index]!.id)!.counter] : [])),
  );
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

/** `execute` has returned, of a type with `finalize`: true when there are children. Else it goes on to `finalize`, and takes none any more. */
export function hasChildren(core: Core, run: Run, id: number): boolean {
  if (run.closed || !run.open.has(id)) throw lost(core, run, id);
  const row = readTask(core.store, id);
  if (row && row.family !== null) return true;
  run.finalizing.add(id);
  return false;
}
