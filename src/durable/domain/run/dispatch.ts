import { runShare } from "../../../policy/batch.ts";
import { LIMITS } from "../../../policy/limits.ts";
import type { Pick } from "../../../policy/lanes.ts";
import type { RetryPolicy } from "../../../policy/retry.ts";
import type { RunTask } from "../../protocol.ts";
import { scheduleId } from "../../../policy/ids.ts";
import { age } from "../gates/age.ts";
import { announceCurrent, subjectOfRun } from "./announce.ts";
import { lend } from "../pull/claim.ts";
import type { Core } from "../core.ts";
import { end } from "./end.ts";
import { GroupGate } from "../gates/group-gate.ts";
import { handOver } from "./handover.ts";
import { handOverChildren } from "../graph/offspring.ts";
import { FAMILY } from "./order.ts";
import { readForRun, readTask, type RunRow, type TaskOptions } from "../rows.ts";
import { isStray, strayError } from "../schedules/rounds.ts";
import { press } from "../gates/press.ts";
import { Run } from "./run.ts";
import { endStopped, stoppedBy } from "./stop.ts";
import { bringBack } from "../gates/turns.ts";

/**
 * Starts runs while there is a free slot and a ready task: part of the transaction that made either, so that a run
 * costs no row of its own but its line in the state row.
 */
export function dispatch(core: Core): void {
  const now = core.clock.now();
  core.pauses.refresh(now);
  core.rates.refresh(now);
  core.budgets.refresh();
  core.gatekeeper.begin(now);
  bringBack(core, now, () => dispatchAgain(core));
  // Those that have nothing left to wait for go first.
  core.families.settle();
  if (core.pauses.stopped) return;
  age(core, now);
  press(core, now);
  const gate = new GroupGate(core, now);
  try {
    for (
      let free = core.holder.free(now);
      free > 0 && !core.gatekeeper.isTired && (core.lanes.readySize > 0 || core.claimers.size > 0);
      free = core.holder.free(now)
    ) {
      const group = gate.next();
      if (core.claimers.size > 0 && lend(core, now, gate)) continue;
      if (group === undefined) break;
      const before = core.lanes.readySize;
      // None where all that it looked at had ended: then the next in order may start.
      if (!fill(core, now, free, group) && core.lanes.readySize >= before) break;
    }
  } finally {
    gate.open();
  }
  core.gatekeeper.watch(now, () => dispatchAgain(core));
  core.rates.watch(now, () => dispatchAgain(core));
  if (core.lanes.readySize > 0 || core.claimers.size > 0) core.after(() => core.outside.sync());
}

/** What stood aside, or waited for a token, may go on. */
function dispatchAgain(core: Core): void {
  try {
    core.transact("turn", () => dispatch(core));
  } catch (error) {
    console.error(
      JSON.stringify({ message: "what stood aside could not go on; the alarm brings it back", domain: core.name, error: String(error) }),
    );
  }
}

/**
 * The part of a run's time below which work is not spread over more slots: of 50 ms, 5, since each run costs an RPC
 * (about 1 ms) and two writes of the state row. A type at the largest K may be far faster than K says: 100 tasks.
 */
const WORTH_A_RUN = { usual: 0.1, fastest: 0.4 };

/** A run being filled: as many tasks as fit into its time, its bytes and a fair share of the slots. */
class Load {
  readonly tasks: RunTask[] = [];
  private readonly core: Core;
  /** How much of a run's time its tasks take; 1: all of it. */
  private weight = 0;
  private bytes = 0;
  isFull = false;

  constructor(core: Core) {
    this.core = core;
  }

  /** Whether it holds enough to be sent, though there is more. */
  get isWorthIt(): boolean {
    const [first] = this.tasks;
    if (!first) return false;
    return this.weight >= (this.core.sizes.size(first.type) >= LIMITS.runTasksMax ? WORTH_A_RUN.fastest : WORTH_A_RUN.usual);
  }

  /** How many rows to read next: no more than the run will hold, judged by what it holds. */
  get room(): number {
    if (this.tasks.length === 0) return this.core.lastFill;
    return Math.max(1, Math.floor((1 - this.weight) / (this.weight / this.tasks.length)));
  }

  /** Takes the task of a row, unless the run is full without it, or the domain's gate holds it. A suspect runs alone. */
  offer(row: RunRow, now: number): "taken" | "full" | "held" {
    const { sizes } = this.core;
    const [, type, , payload] = row;
    const isSuspect = row[12] === 1;
    const fits = !isSuspect && this.bytes + payload.length <= LIMITS.runBytesMax && sizes.admits(this.weight, type);
    const mayTake = this.tasks.length === 0 || fits;
    if (mayTake && !this.core.gatekeeper.admits(row[0], row[20], now)) return "held";
    const task = mayTake ? toRunTask(this.core, row) : undefined;
    const bytes = task === undefined ? 0 : bytesOf(task);
    if (task === undefined || (this.tasks.length > 0 && this.bytes + bytes > LIMITS.runBytesMax)) {
      this.isFull = true;
      return "full";
    }
    this.tasks.push(task);
    this.weight += sizes.weight(type);
    this.bytes += bytes;
    this.isFull = isSuspect || this.weight >= 1;
    return "taken";
  }
}

const sum = (parts: readonly { result?: string }[] = []): number => parts.reduce((total, { result }) => total + (result?.length ?? 0), 0);

const bytesOf = ({ payload, dependencies, finalize }: RunTask): number =>
  payload.length + sum(dependencies) + (finalize ? finalize.memo.length + sum(finalize.children) : 0);

/** Takes the next tasks of a group, in order, into one run: no more than its rate limit has tokens for. */
function fill(core: Core, now: number, free: number, group: string | null): Run | undefined {
  const most = core.holder.tokens(group);
  const share = Math.min(most, runShare(core.lanes.readySize, free));
  const load = new Load(core);
  while (
    !load.isFull &&
    !core.gatekeeper.isTired &&
    core.lanes.readySize > 0 &&
    load.tasks.length < most &&
    (load.tasks.length < share || !load.isWorthIt)
  ) {
    const picks = core.lanes.take(Math.min(load.room, Math.max(1, share - load.tasks.length)), group);
    // The next in order is of another group: that has a run of its own, since its slot and its tokens are counted apart.
    if (picks.length === 0) break;
    const left: Pick[] = [];
    for (const pick of picks) {
      const taken = load.isFull || core.gatekeeper.isTired ? 0 : admit(core, pick, now, load);
      if (taken < pick.count) left.push({ ...pick, first: pick.first + taken, count: pick.count - taken });
    }
    // The last first, so that each key has the turn again that it had.
    core.lanes.putBack(left.toReversed());
  }
  if (load.tasks.length === 0) return undefined;
  core.lastFill = load.tasks.length;
  return start(core, load.tasks, now, group);
}

/** Reads the rows of a pick and offers each in turn; answers how many left the lanes for good. */
function admit(core: Core, pick: Pick, now: number, load: Load): number {
  for (const row of readForRun(core.store, pick.first, pick.first + pick.count - 1)) {
    const [id, type] = row;
    const lane = core.laneOf({ type, grp: row[17], fair: row[18] });
    if (lane !== pick.lane) core.lanes.add(lane, pick.priority, id);
    // Ended while it waited: it leaves the order, and the run goes on with the next.
    else if (!isOver(core, row, now)) {
      // The limits of group, type and budget are all checked, then all are taken.
      const answer = core.rates.admits(type) && core.budgets.admits(type) ? load.offer(row, now) : "full";
      if (answer === "full") return id - pick.first;
      if (answer === "taken") {
        core.rates.take(type);
        core.budgets.begin(id, type, now);
      }
    }
    if (load.isFull || core.gatekeeper.isTired) return id - pick.first + 1;
  }
  return pick.count;
}

/** A task whose time ran out in the queue, or that was cancelled while claimed and has come back, ends here. */
function isOver(core: Core, row: RunRow, now: number): boolean {
  const [id, type, , , , , , , , , , , , , ttlAt, cancelling, deadlineAt] = row;
  if (isStray(core, type, id)) end(core, readTask(core.store, id)!, "cancel", "cancelled", { error: strayError(core, type) });
  else if (cancelling !== 0) endStopped(core, readTask(core.store, id)!, stoppedBy(cancelling), {});
  else if ((deadlineAt ?? Infinity) <= now || (ttlAt ?? Infinity) <= now) end(core, readTask(core.store, id)!, "expire", "expired", {});
  else return false;
  return true;
}

function start(core: Core, tasks: RunTask[], now: number, group: string | null): Run {
  const ids = tasks.map((task) => task.id);
  const run = new Run(core.clock.token(12), now, core.outside.version, ids, group);
  for (const task of tasks) {
    const { id, type, parent, isParent } = task;
    run.subjects.set(id, subjectOfRun(task));
    run.types.set(type, (run.types.get(type) ?? 0) + 1);
    if (parent !== undefined || isParent) run.relate(id, parent, isParent === true);
  }
  core.state.runs[run.id] = run.stored();
  core.state.totals.started += 1;
  core.open(run, tasks);
  announceCurrent(core, run);
  return run;
}

function toRunTask(core: Core, row: RunRow): RunTask {
  const [id, type, priority, payload, attempt, executions, createdAt, optionsText, key, label, tags, schedule] = row;
  const [parent, family, memo] = [row[19], row[20], row[21]];
  const options: TaskOptions | undefined = optionsText === null ? undefined : (JSON.parse(optionsText) as TaskOptions);
  const defaults = core.defaultsOf(type)!;
  const retry: RetryPolicy = options?.retry ?? defaults.retry;
  const task: RunTask = {
    id,
    type,
    priority,
    payload,
    createdAt,
    attempt: attempt + 1,
    executions: executions + 1,
    timeoutMs: options?.timeoutMs ?? defaults.timeoutMs,
    maxAttempts: retry.attempts + 1,
  };
  if (key !== null) task.key = key;
  if (label !== null) task.label = label;
  if (tags !== null) task.tags = JSON.parse(tags) as Record<string, string>;
  if (schedule !== null) task.schedule = scheduleId(core.name, schedule);
  if (row[17] !== null) task.group = row[17];
  if (parent !== null) task.parent = parent;
  if (family === FAMILY.parent) task.isParent = true;
  if (family === FAMILY.finalizing) task.finalize = { memo: memo ?? "null", children: handOverChildren(core, id, options?.life ?? 0) };
  if (options?.dependsOn) task.dependencies = handOver(core, options.dependsOn);
  return task;
}
