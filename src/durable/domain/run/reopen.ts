import { verdict } from "../../../policy/dependencies.ts";
import { fail } from "../../../policy/errors.ts";
import { taskId } from "../../../policy/ids.ts";
import { isTerminal, STATUS_CODE, statusFromCode, type TerminalStatus } from "../../../policy/status.ts";
import { mustRead } from "./cancel.ts";
import { subjectOf } from "../history/chronicle.ts";
import type { Core } from "../core.ts";
import { dispatch } from "./dispatch.ts";
import { readEdges, readStatuses } from "../graph/edges.ts";
import { changeTask, readHolders, type TaskRow, lifeOf, optionsOf } from "../rows.ts";
import { FAMILY, queue } from "./order.ts";
import { nameOf, upstreamStatus } from "../graph/remotes.ts";
import { refuseRound } from "../schedules/rounds.ts";
import { tellWatchers } from "../graph/tell.ts";

/** Reopens an ended task under its id: attempt 1, errors kept, tags, ttl and policy kept; its key must be free. */
export function retry(core: Core, id: number, replacement?: Replacement): void {
  core.transact("retry", () => {
    const row = mustRead(core, id);
    const status = statusFromCode(row.status);
    if (!isTerminal(status) || status === "superseded") {
      throw fail(
        "invalid_state",
        `Task ${taskId(core.name, id)} is ${status}; only a task that has ended (and was not superseded) can be retried.`,
        { id: taskId(core.name, id), status },
      );
    }
    refuseRound(core, row.type, id);
    reopen(core, row, replacement ? { replacement } : {});
    dispatch(core);
  });
}

interface Replacement {
  payload: string;
  hash?: string;
  key?: string;
}

interface Again {
  replacement?: Replacement;
  /** Of its parent, which begins anew itself. */
  life?: number;
  /** It is blocked, whatever it depends on, until `unblock`. */
  isHeld?: boolean;
}

/** The same for a row that has ended and was not superseded; part of a transaction. */
export function reopen(core: Core, row: TaskRow, { replacement, life, isHeld }: Again): void {
  const status = statusFromCode(row.status) as TerminalStatus;
  const isChild = row.parent !== null;
  // A child's name among its parent's children stays, whatever its payload.
  const hash = replacement && row.key === null && !isChild ? (replacement.hash ?? null) : row.key_hash;
  if (!isChild) claimKey(core, row, hash);
  const judged = judgeAgain(core, row);
  const to = isHeld ? "blocked" : judged;
  const family = familyAgain(row, replacement !== undefined);
  changeTask(core.store, row, "reopen", status, to, {
    attempt: 0,
    interruptions: 0,
    suspect: 0,
    cancelling: 0,
    result: null,
    error: null,
    finished_at: null,
    started_at: null,
    run_at: null,
    key_hash: hash,
    held: hash === null || isChild ? null : 1,
    ...(replacement ? { payload: replacement.payload } : {}),
    ...family,
    ...(life === undefined ? {} : { options: JSON.stringify({ ...optionsOf({ options: family.options ?? row.options }), life }) }),
    ...lifeAgain(core, row, core.clock.now()),
  });
  core.moved(status, to);
  core.state.totals.reopened += 1;
  core.events.record("task.reopened", [subjectOf(row)], { from: status });
  if (core.state.edges > 0) awaitedAgain(core, row.id);
  aliveAgain(core, row.id, to);
  if (to === "pending") queue(core, { ...row, ...family });
  if (isChild) core.families.reopened(row.parent!, row.id, status, life ?? lifeOf(row));
}

/**
 * A parent whose `finalize` failed finalizes again. Any other begins its next life: it executes anew, finds those of its
 * children that have completed, and failures of the life before count no more.
 */
function familyAgain(row: TaskRow, isChanged: boolean): Partial<TaskRow> {
  if (row.family === null || (row.family === FAMILY.finalizing && row.memo !== null && !isChanged)) return {};
  const options = optionsOf(row);
  return { family: FAMILY.parent, memo: null, options: JSON.stringify({ ...options, life: (options.life ?? 0) + 1 }) };
}

/**
 * Its dependencies count as they are now: it waits for those that live again, and is refused while one has failed that its
 * policy does not ignore. One that is purged was good enough once, unless the task ended because of one.
 */
function judgeAgain(core: Core, row: TaskRow): "pending" | "blocked" {
  const { dependsOn, onDependencyFailure: kind = "cancel" } = optionsOf(row);
  if (!dependsOn) return "pending";
  const statuses = readStatuses(core.store, dependsOn);
  const live: number[] = [];
  for (const upstream of dependsOn) {
    const code = statuses.get(upstream);
    if (code === undefined && row.status !== STATUS_CODE.dependency_failed) continue;
    const status = upstreamStatus(code);
    if (status !== "purged" && !isTerminal(status)) live.push(upstream);
    else if (verdict(kind, status) === "fails") throw stillFailed(core, row.id, upstream, status);
  }
  for (const upstream of live) core.upstreams.add(upstream);
  return live.length > 0 ? "blocked" : "pending";
}

function stillFailed(core: Core, id: number, upstream: number, status: string): Error {
  const [own, other] = [taskId(core.name, id), nameOf(core, upstream)];
  const next = status === "purged" ? "Submit it anew, without that dependency." : `Retry ${other} first.`;
  return fail("invalid_state", `Task ${own} cannot be retried: its dependency ${other} is ${status}. ${next}`, {
    id: own,
    dependency: other,
    status,
  });
}

/** Other domains that watch it hear that it lives, and of its next end. */
function aliveAgain(core: Core, id: number, status: "pending" | "blocked"): void {
  if (core.state.watchers === 0) return;
  tellWatchers(core, [id], STATUS_CODE[status], false);
  core.upstreams.add(id);
}

/** Blocked tasks that were satisfied with it wait for it once more: what is remembered of them is wrong from now on. */
export function awaitedAgain(core: Core, id: number): void {
  for (const edge of readEdges(core.store, [id])) {
    if (edge.status !== STATUS_CODE.blocked) continue;
    core.blockers.delete(edge.dependent);
    core.upstreams.add(id);
  }
}

function claimKey(core: Core, row: TaskRow, hash: string | null): void {
  const holder = hash === null ? undefined : readHolders(core.store, [hash])[0];
  if (!holder) return;
  const id = taskId(core.name, row.id);
  const heldBy = taskId(core.name, holder.id);
  throw fail(
    "invalid_state",
    `Task ${id} cannot be retried: its duplicate key is held by ${heldBy}. Wait for that one to end, or cancel it.`,
    { id, heldBy },
  );
}

/** The ttl starts anew; a deadline that has passed would end it at once, so it is dropped. */
function lifeAgain(core: Core, row: TaskRow, now: number): Partial<TaskRow> {
  const { ttlMs, ttlFrom } = optionsOf(row);
  const ttl_at = ttlMs === undefined || ttlFrom === "firstAttempt" ? null : now + ttlMs;
  const deadline_at = row.deadline_at !== null && row.deadline_at > now ? row.deadline_at : null;
  const least = Math.min(ttl_at ?? Infinity, deadline_at ?? Infinity);
  if (least !== Infinity) core.alarm.soon("expiry", least);
  return { ttl_at, deadline_at, expires_at: least === Infinity ? null : least };
}

/** A delayed task, or one that waits for its next attempt, goes at once. */
export function runNow(core: Core, id: number): void {
  core.transact("run-now", () => {
    const row = mustRead(core, id);
    const status = statusFromCode(row.status);
    if (status === "pending") return;
    if (status !== "scheduled") {
      throw fail("invalid_state", `Task ${taskId(core.name, id)} is ${status}; only a scheduled task can be run now.`, {
        id: taskId(core.name, id),
        status,
      });
    }
    changeTask(core.store, row, "run-now", "scheduled", "pending", { run_at: null });
    core.moved("scheduled", "pending");
    queue(core, row);
    dispatch(core);
  });
}
