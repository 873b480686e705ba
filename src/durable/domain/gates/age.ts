import { type AgingPolicy, effectivePriority } from "../../../policy/aging.ts";
import { type Flags, isPaused } from "../../../policy/coordination/flags.ts";
import { own } from "../../../policy/own.ts";
import type { Core } from "../core.ts";
import type { TaskRow } from "../rows.ts";

/** How tasks grow more urgent here: as was set live, else as the code says; undefined: they do not. */
export function agingOf(core: Core): AgingPolicy | undefined {
  const live = core.flags.aging;
  return live === undefined ? core.outside.registry.aging : (live ?? undefined);
}

/**
 * Brings the ready order up to now: who has waited long enough takes its new place. All places are made anew when the policy
 * has changed, or a pause that stopped the clock of some tasks has ended.
 */
export function age(core: Core, now: number): void {
  const policy = agingOf(core);
  const mark = policy ? markOf(core, policy, now) : "";
  if (mark === core.lanes.agedBy) return policy && core.lanes.advance(now);
  core.lanes.agedBy = mark;
  core.lanes.setAging(policy && { policy, bornAt: (id, group) => bornAt(core, id, group) }, now);
}

/** What every place depends on beside its task and the time; the clock of a group that is paused stands where nobody looks. */
function markOf(core: Core, policy: AgingPolicy, now: number): string {
  const { flags } = core;
  const groups = Object.entries(flags.groups).map(([group, pause]) => [group, isPaused(pause, now)]);
  return JSON.stringify([policy, core.pauses.pausedMs(null), groups, endedPauses(flags)]);
}

const marks = new WeakMap<Flags, string>();

/** The paused time of groups that are not paused any more. Asked for by every dispatch, so it is written once for each record: one that says something else, of pressure perhaps, changes no place. */
function endedPauses(flags: Flags): string {
  let mark = marks.get(flags);
  if (mark === undefined) {
    const totals = Object.entries(flags.pausedMs.groups).filter(([group]) => own(flags.groups, group) === undefined);
    marks.set(flags, (mark = JSON.stringify(totals)));
  }
  return mark;
}

/** When the task was submitted, less the time that it was held by pauses since. */
function bornAt(core: Core, id: number, group: string | null): number {
  const [row] = core.store
    .exec<Pick<TaskRow, "created_at" | "paused_ms">>("SELECT created_at, paused_ms FROM tasks WHERE id = ?", id)
    .toArray();
  return row === undefined ? core.clock.now() : bornOf(core, row, group);
}

/** Never before it was: the paused time of a group may have been forgotten since. */
const bornOf = (core: Core, row: Pick<TaskRow, "created_at" | "paused_ms">, group: string | null): number =>
  row.created_at + Math.max(0, core.pauses.pausedMs(group) - (row.paused_ms ?? 0));

/** How urgent a task is by now. */
export function urgencyOf(core: Core, row: Pick<TaskRow, "priority" | "created_at" | "paused_ms" | "grp">, now: number): number {
  const policy = agingOf(core);
  return policy ? effectivePriority(row.priority, now - bornOf(core, row, row.grp), policy) : row.priority;
}
