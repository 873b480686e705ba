import { taskId } from "../../../policy/ids.ts";
import { type Decision, decide } from "../../../policy/duplicates.ts";
import { fail, MillraceError } from "../../../policy/errors.ts";
import { LIMITS } from "../../../policy/limits.ts";
import { FIRST_TERMINAL_CODE, statusFromCode } from "../../../policy/status.ts";
import type { Outcome } from "../../../domains/task.ts";
import { parentOf } from "../../../domains/child.ts";
import type { SubmitAnswer, SubmitItem, SubmitRequest } from "../../protocol.ts";
import { announceSubmits } from "./announce-submit.ts";
import type { Core } from "../core.ts";
import { Dependencies } from "../graph/depend.ts";
import { dispatch } from "../run/dispatch.ts";
import { forget } from "../run/end.ts";
import { enqueue } from "./enqueue.ts";
import { recallAnswer, rememberAnswer } from "./idempotency.ts";
import { insertTasks } from "./insert-rows.ts";
import { insertTags } from "./tag-rows.ts";
import { queue, unqueue } from "../run/order.ts";
import { keys, refuseCircles } from "../graph/overtake.ts";
import { startProbe } from "../graph/probe.ts";
import { readTask, readTasks, setColumns, type NewTask } from "../rows.ts";
import {
  type Bind,
  closelyOf,
  debouncedItem,
  type Holder,
  noteOptions,
  oust,
  type Rebound,
  rejected,
  replace,
  standingOf,
  succeed,
} from "./supersede.ts";
import { adoptFor } from "../graph/spawn.ts";
import { toRow } from "./to-row.ts";
import { view } from "../look/view.ts";

/** Takes in a batch: one transaction, in which runs for it start, too, where slots are free. */
export function submit(core: Core, request: SubmitRequest): SubmitAnswer {
  const [answer] = core.transact("submit", () => take(core, [request]));
  if (answer instanceof MillraceError) throw answer;
  return answer!;
}

/** Several requests in one transaction; one that is refused changes nothing and leaves the others alone. */
export function take(core: Core, requests: readonly SubmitRequest[]): (SubmitAnswer | MillraceError)[] {
  const now = core.clock.now();
  const answers = canMerge(requests) ? takeMerged(core, requests, now) : requests.map((request) => tryOne(core, request, now));
  dispatch(core);
  return answers.map((answer, index) =>
    answer instanceof MillraceError || !requests[index]!.view ? answer : { ...answer, tasks: views(core, answer.outcomes, now) },
  );
}

/** Whether one statement may insert the tasks of all: none may be refused or counts its own tasks, and none shares a key with another, whose order would count. */
function canMerge(requests: readonly SubmitRequest[]): boolean {
  if (requests.length < 2) return false;
  const hashes = new Set<string>();
  for (const { items, idempotency } of requests) {
    if (idempotency || items.length > LIMITS.batchTasksMax || items[0]?.parent !== undefined) return false;
    for (const { hash, onDuplicate, dependsOn } of items) {
      if (dependsOn) return false;
      if (hash === undefined) continue;
      if (hashes.has(hash) || onDuplicate === "reject") return false;
      hashes.add(hash);
    }
  }
  return true;
}

function takeMerged(core: Core, requests: readonly SubmitRequest[], now: number): SubmitAnswer[] {
  const outcomes = insert(
    core,
    requests.flatMap(({ items }) => items),
    now,
    {},
    undefined,
    requests.map(({ items }) => items.length),
  );
  let taken = 0;
  return requests.map(({ items }) => ({ outcomes: outcomes.slice(taken, (taken += items.length)) }));
}

function tryOne(core: Core, request: SubmitRequest, now: number): SubmitAnswer | MillraceError {
  try {
    return takeOne(core, request, now);
  } catch (error) {
    // Refusals come before the first change; anything else fails the transaction.
    if (error instanceof MillraceError && error.status < 500) return error;
    throw error;
  }
}

function takeOne(core: Core, request: SubmitRequest, now: number): SubmitAnswer {
  if (request.items.length > LIMITS.batchTasksMax) {
    throw fail("invalid_request", `A batch has at most ${LIMITS.batchTasksMax} tasks; this one has ${request.items.length}. Cut it.`);
  }
  const replayed = request.idempotency && recallAnswer(core, request.idempotency, now);
  if (replayed) return replayed;
  const parent = parentOf(request.items);
  const outcomes =
    parent === undefined ? insert(core, request.items, now) : adoptFor(core, parent, request.items, request.domain ?? core.name);
  if (request.idempotency) rememberAnswer(core, request.idempotency, outcomes, now);
  return { outcomes };
}

function views(core: Core, outcomes: readonly Outcome[], now: number): NonNullable<SubmitAnswer["tasks"]> {
  const rows = new Map(
    readTasks(
      core.store,
      outcomes.map((outcome) => counterOf(outcome.id)),
    ).map((row) => [row.id, row]),
  );
  return outcomes.flatMap((outcome) => {
    const row = rows.get(counterOf(outcome.id));
    return row ? [view(core, row, now)] : [];
  });
}

const counterOf = (id: string): number => Number(id.slice(id.lastIndexOf("_") + 1));

/**
 * Inserts what is new and answers for each item in order; part of a transaction.
 *
 * @param after a live task whose end each of them waits for
 * @param sizes of the requests that they came in, one after the other
 */
export function insert(
  core: Core,
  items: readonly SubmitItem[],
  now: number,
  extra: Partial<NewTask> = {},
  after?: number,
  sizes: readonly number[] = [items.length],
): Outcome[] {
  let [last, holders] = keys(core, items);
  refuseHeld(core, items, last, holders);
  const dependencies = Dependencies.of(core, items, last, extra.schedule !== undefined);
  if (dependencies && holders.size > 0) refuseCircles(core, items, last, holders);
  const outcomes: (Outcome | undefined)[] = Array.from({ length: items.length });
  const rows: NewTask[] = [];
  const tagged: { id: number; tags: Record<string, string> }[] = [];
  const edges = { released: new Set<number>(), fell: false };
  const state = core.touch();
  for (const [index, item] of items.entries()) {
    if (item.hash !== undefined && last.get(item.hash) !== index) continue;
    const holder = item.hash === undefined ? undefined : holders.get(item.hash);
    const decision = holder || item.onDuplicate ? judge(core, item, holder, now) : INSERT;
    const bind: Bind = (row) => dependencies?.bind(index, row, now, (other) => counterOf(outcomes[other]!.id));
    const standing = holder && stay(core, item, holder, decision, now, bind, edges);
    if (standing) {
      outcomes[index] = standing;
      if (edges.fell) {
        // What waited for it may have ended with it, and was the holder of another key.
        [, holders] = keys(core, items);
        dependencies?.look();
        edges.fell = false;
      }
      continue;
    }
    const id = state.nextId++;
    const row = toRow(core, debouncedItem(item, decision), id, now, extra);
    rows.push(row);
    if (item.tags) tagged.push({ id, tags: item.tags });
    const upstreams = bind(row);
    outcomes[index] = enter(core, decision, holder, row, upstreams);
    if (decision.do === "oust") dependencies?.look();
    if (after !== undefined && row.status < FIRST_TERMINAL_CODE) succeed(core, after, row, upstreams);
  }
  insertTasks(core.store, rows);
  dependencies?.write();
  forget(core, edges.released);
  if (tagged.length > 0) insertTags(core.store, tagged);
  const answers = items.map((item, index) => outcomes[index] ?? duplicate(core, outcomes[last.get(item.hash!)!]!.id));
  announceSubmits(core, items, answers, sizes);
  enqueue(core, rows);
  if (dependencies && holders.size > 0) startProbe(core, core.name, placesTaken(items, answers));
  return answers;
}

/** Those that took over what waits for another task, and depend on some themselves. */
const placesTaken = (items: readonly SubmitItem[], answers: readonly Outcome[]): number[] =>
  answers.flatMap(({ outcome, id }, index) =>
    items[index]!.dependsOn && (outcome === "superseded" || outcome === "debounced") ? [counterOf(id)] : [],
  );

/** Before the first change: what `reject` refuses. */
function refuseHeld(
  core: Core,
  items: readonly SubmitItem[],
  last: ReadonlyMap<string, number>,
  holders: ReadonlyMap<string, Holder>,
): void {
  if (holders.size === 0) return;
  const held = items.flatMap(({ hash, onDuplicate }, index) => {
    const holder = onDuplicate === "reject" && last.get(hash!) === index ? holders.get(hash!) : undefined;
    return holder ? [{ index, holder: holder.id }] : [];
  });
  if (held.length > 0) throw rejected(core, items.length, held);
}

const INSERT: Decision = { do: "insert" };

function judge(core: Core, item: SubmitItem, holder: Holder | undefined, now: number): Decision {
  const strategy = item.hash === undefined ? undefined : item.onDuplicate;
  return decide(strategy, holder && (strategy === undefined ? standingOf(core, holder) : closelyOf(core, holder)), {
    priority: item.priority,
    now,
  });
}

/** The key's task goes on under its id: raised, with new content, or as it is; undefined when the newcomer is a task of its own. */
function stay(
  core: Core,
  item: SubmitItem,
  holder: Holder,
  decision: Decision,
  now: number,
  bind: Bind,
  edges: Rebound,
): Outcome | undefined {
  if (decision.do === "stand") return duplicate(core, taskId(core.name, holder.id));
  if (decision.do === "raise") return raise(core, holder, item.priority);
  if (decision.do !== "replace") return undefined;
  return replace(core, toRow(core, debouncedItem(item, decision), holder.id, now, {}), item.tags, decision, bind, edges);
}

/** The newcomer's own row, and what it means for the key's task. */
function enter(core: Core, decision: Decision, holder: Holder | undefined, row: NewTask, upstreams?: ReadonlySet<number>): Outcome {
  const id = taskId(core.name, row.id);
  if ("debounced" in decision && decision.debounced) noteOptions(row, { debouncedFrom: decision.debounced.from });
  // One that has ended at once, by a dependency, takes no key.
  if (!holder || row.status >= FIRST_TERMINAL_CODE) return { outcome: "inserted", id };
  if (decision.do === "oust") return { outcome: "superseded", id, replacedId: taskId(core.name, oust(core, holder, row.id)) };
  follow(core, holder.id, row, upstreams);
  return { outcome: "requeued", id };
}

function duplicate(core: Core, id: string): Outcome {
  core.state.totals.duplicates += 1;
  return { outcome: "duplicate", id };
}

/** The key's task has not begun, and the newcomer is more urgent. */
function raise(core: Core, holder: Holder, priority: number): Outcome {
  const id = taskId(core.name, holder.id);
  const row = readTask(core.store, holder.id)!;
  setColumns(core.store, row.id, { priority });
  core.state.totals.upgraded += 1;
  if (statusFromCode(row.status) === "pending") {
    unqueue(core, row);
    queue(core, { ...row, priority });
  }
  return { outcome: "upgraded", id };
}

/** The key's task has begun: the new one takes the key and waits until that one has ended, in whatever way. */
function follow(core: Core, begun: number, row: NewTask, upstreams?: ReadonlySet<number>): void {
  setColumns(core.store, begun, { held: null });
  core.state.totals.requeued += 1;
  succeed(core, begun, row, upstreams);
}
