import { cascades, verdict, type UpstreamEnd } from "../../../policy/dependencies.ts";
import { STATUS_CODE, statusFromCode } from "../../../policy/status.ts";
import { errorFact, subjectOf } from "../history/chronicle.ts";
import type { Core } from "../core.ts";
import { countBlockers, deleteAfterEdges, readEdges, type Edge } from "./edges.ts";
import { nameOf } from "./remotes.ts";
import { endDependents, unblockTasks } from "../rows.ts";
import { queue } from "../run/order.ts";
import { tellWatchers } from "./tell.ts";
import { isHeld } from "./waves.ts";

/** Tasks that ended in one way at once. */
interface Wave {
  ids: readonly number[];
  to: UpstreamEnd;
  /** They were ended by the policy `cancel` of one above them. */
  cascade: boolean;
}

/** What the ends of some tasks mean for those that waited for them, through all levels. */
interface Verdicts {
  /** Blocked tasks that fail, with the upstream that they fail by. */
  doomed: Map<number, Edge>;
  /** How many upstreams of each blocked task are over. */
  satisfied: Map<number, number>;
}

/** Below so many it is cheaper to count what is left than to remember it. */
const REMEMBER_FROM = 16;

/**
 * What follows for dependents from the end of tasks whose rows are written: those that have nothing left to wait for go,
 * those that fail by it end, and so on down; a few statements per level, whatever the number of edges. `told` hears of
 * every wave that ended by it, and so do other domains that watch.
 *
 * @param isCascade they are tasks of another domain, ended there by the policy `cancel` of one above them
 */
export function release(
  core: Core,
  to: UpstreamEnd,
  ids: readonly number[],
  now: number,
  told: (ids: readonly number[]) => void,
  isCascade = false,
): void {
  const verdicts: Verdicts = { doomed: new Map(), satisfied: new Map() };
  const waves: Wave[] = [{ ids, to, cascade: isCascade }];
  for (let wave = waves.shift(); wave; wave = waves.shift()) {
    const ended = judge(core, wave, verdicts);
    if (ended.length === 0) continue;
    const errors = ended.map((edge) => [edge.dependent, failureOf(core, edge, wave.to)] as const);
    const rows = endDependents(core.store, errors, now);
    recordEnds(core, rows, new Map(errors));
    core.moved("blocked", "dependency_failed", ended.length);
    for (const { dependent } of ended) core.blockers.delete(dependent);
    for (const row of rows) if (row.parent !== null || row.family !== null) core.families.ended(row, "dependency_failed");
    told(ended.map((edge) => edge.dependent));
    // What `cancel` takes down goes first: it does not ask those below.
    const falls = ended.filter((edge) => cascades(edge.kind, wave.cascade)).map((edge) => edge.dependent);
    const fails = ended.filter((edge) => !cascades(edge.kind, wave.cascade)).map((edge) => edge.dependent);
    if (falls.length > 0) waves.push({ ids: falls, to: "dependency_failed", cascade: true });
    if (fails.length > 0) waves.push({ ids: fails, to: "dependency_failed", cascade: false });
  }
  for (const id of verdicts.doomed.keys()) verdicts.satisfied.delete(id);
  if (verdicts.satisfied.size > 0) free(core, verdicts.satisfied, now);
}

/** Each with the error that says which dependency it failed by. */
function recordEnds(core: Core, rows: ReturnType<typeof endDependents>, errors: ReadonlyMap<number, string>): void {
  core.events.record(
    "task.dependency_failed",
    rows.map((row) => ({ ...subjectOf(row), facts: errorFact(errors.get(row.id)) })),
  );
}

/** One level: notes who is satisfied, and answers with those that fail now. */
function judge(core: Core, { ids, to, cascade }: Wave, { doomed, satisfied }: Verdicts): Edge[] {
  const upstreams = ids.filter((id) => core.upstreams.delete(id));
  if (upstreams.length === 0) return [];
  if (to !== "purged") tellWatchers(core, upstreams, STATUS_CODE[to], cascade);
  const edges = readEdges(core.store, upstreams);
  if (edges.some((edge) => edge.kind === "after")) core.touch().edges -= deleteAfterEdges(core.store, upstreams);
  const ended: Edge[] = [];
  for (const edge of edges) {
    if (edge.status !== STATUS_CODE.blocked || doomed.has(edge.dependent)) continue;
    if (verdict(edge.kind, to, cascade) === "satisfied") satisfied.set(edge.dependent, (satisfied.get(edge.dependent) ?? 0) + 1);
    else {
      doomed.set(edge.dependent, edge);
      ended.push(edge);
    }
  }
  return ended;
}

function failureOf(core: Core, { upstream, kind }: Edge, to: UpstreamEnd): string {
  return dependencyError(nameOf(core, upstream), to, kind);
}

/** The error of a task that ended because of one that it depends on, as JSON. */
export function dependencyError(upstream: string, to: string, policy: string): string {
  const isGone = to === "purged";
  const message = isGone
    ? `Not run: its dependency ${upstream} had been purged when its domain was asked (onDependencyFailure: ${policy}). Submit the task anew, without it.`
    : `Not run: its dependency ${upstream} ended ${to} (onDependencyFailure: ${policy}). Retry that one first, then this one.`;
  return JSON.stringify({ name: "DependencyError", message, code: isGone ? "dependency_purged" : "dependency_failed" });
}

/** A task was held for another reason than what it depends on, and is not any more. */
export const unblock = (core: Core, id: number): void => free(core, new Map([[id, 0]]), core.clock.now());

/** Those that have nothing left to wait for may go now, or when their time comes. */
function free(core: Core, satisfied: ReadonlyMap<number, number>, now: number): void {
  const unknown = [...satisfied.keys()].filter((id) => !core.blockers.has(id));
  const counted = unknown.length === 0 ? undefined : countBlockers(core.store, unknown);
  const ready: number[] = [];
  for (const [id, count] of satisfied) {
    const known = core.blockers.get(id);
    const left = known === undefined ? (counted?.get(id) ?? 0) : known - count;
    if (left <= 0) {
      core.blockers.delete(id);
      if (!isHeld(core, id)) ready.push(id);
    } else if (known !== undefined || left >= REMEMBER_FROM) core.blockers.set(id, left);
  }
  if (ready.length === 0) return;
  const unblocked = unblockTasks(core.store, ready, now);
  core.events.record("task.unblocked", unblocked.map(subjectOf));
  for (const row of unblocked) {
    core.moved("blocked", statusFromCode(row.status));
    if (row.status === STATUS_CODE.scheduled) core.alarm.soon("due", row.run_at!);
    else queue(core, row);
  }
}
