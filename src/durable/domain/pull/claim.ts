import { leaseId } from "../../../policy/ids.ts";
import type { ReadyLevel } from "../../../policy/lane-parents.ts";
import { LIMITS } from "../../../policy/limits.ts";
import { STATUS_CODE } from "../../../policy/status.ts";
import type { Claimer } from "./claimers.ts";
import { subjectOf } from "../history/chronicle.ts";
import type { Core } from "../core.ts";
import { end } from "../run/end.ts";
import type { GroupGate } from "../gates/group-gate.ts";
import type { Lease } from "./leases.ts";
import { changeTask, readTask, type TaskRow } from "../rows.ts";
import { view } from "../look/view.ts";

interface Candidate {
  claimer: Claimer;
  priority: number;
  id: number;
}

/**
 * Leases the next task to a pull worker that asks, when it comes before whatever the runner could take. Part of the
 * transaction that made a slot free or a task ready; the caller has seen that a slot is free. False: nothing to lease.
 */
export function lend(core: Core, now: number, gate: GroupGate): boolean {
  for (;;) {
    const next = best(core, now, gate);
    if (!next) return false;
    const pushed = core.lanes.peek();
    if (pushed && (pushed.priority < next.priority || (pushed.priority === next.priority && pushed.id < next.id))) return false;
    const row = readTask(core.store, next.id)!;
    if (isOver(core, row, now)) continue;
    const { claimer } = next;
    if (claimer.claims.length > 0 && claimer.bytes + row.payload.length > LIMITS.runBytesMax) {
      // Full by bytes: the rest of it goes to whoever asks next.
      claimer.request.max = claimer.claims.length;
      continue;
    }
    if (!core.gatekeeper.admits(row.id, row.family, now)) {
      if (core.gatekeeper.isTired) return false;
      continue;
    }
    give(core, claimer, row, now);
    return true;
  }
}

function give(core: Core, claimer: Claimer, row: TaskRow, now: number): void {
  const { worker, leaseMs } = claimer.request;
  const lease: Lease = {
    id: leaseId(core.name, core.clock.token(12)),
    task: row.id,
    worker,
    group: row.grp,
    at: now,
    until: now + leaseMs,
    length: leaseMs,
  };
  core.lanes.take(1, undefined, `pull:${row.type}`);
  changeTask(core.store, row, "lease", "pending", "running", {});
  core.moved("pending", "running");
  core.events.record("task.started", [{ ...subjectOf(row), createdAt: row.created_at, isFirst: row.executions === 0 }], {
    attempt: row.attempt + 1,
    worker,
  });
  core.touch().totals.started += 1;
  core.lease(lease);
  core.rates.take(row.type);
  core.budgets.begin(row.id, row.type, now);
  claimer.bytes += row.payload.length;
  claimer.claims.push({
    lease: lease.id,
    leaseUntil: new Date(lease.until).toISOString(),
    task: view(core, { ...row, status: STATUS_CODE.running }, now),
  });
  core.after(() => core.claimers.deliver());
}

/** The most urgent task that some claim may have, the first claim among equals. */
function best(core: Core, now: number, gate: GroupGate): Candidate | undefined {
  let found: Candidate | undefined;
  for (const claimer of core.claimers.all()) {
    if (claimer.wants <= 0) continue;
    const head = headOf(core, claimer.request.types, now, gate);
    if (!head || (found && !isBefore(head, found))) continue;
    // Asked for where it may not yet: the answer comes back here.
    if (core.holder.mayLease(now + claimer.request.leaseMs)) found = { claimer, ...head };
  }
  return found;
}

/** The next task that slots and tokens allow. */
function headOf(core: Core, types: readonly string[], now: number, gate: GroupGate): { priority: number; id: number } | undefined {
  let head: { priority: number; id: number } | undefined;
  for (const type of types) {
    if (!core.budgets.admits(type)) continue;
    let next = core.lanes.peek(`pull:${type}`);
    for (; next && core.holder.free(now, next.group) === 0; next = core.lanes.peek(`pull:${type}`)) gate.refuse(next.group);
    if (next && (!head || isBefore(next, head))) head = next;
  }
  return head;
}

const isBefore = (one: { priority: number; id: number }, other: { priority: number; id: number }): boolean =>
  one.priority < other.priority || (one.priority === other.priority && one.id < other.id);

/** Its time ran out while it waited. */
function isOver(core: Core, row: TaskRow, now: number): boolean {
  if ((row.deadline_at ?? Infinity) > now && (row.ttl_at ?? Infinity) > now) return false;
  end(core, row, "expire", "expired", {});
  return true;
}

/** What open claims could lease beyond what they have, by priority. */
export function claimable(core: Core): ReadyLevel[] {
  if (core.claimers.size === 0) return [];
  let left = 0;
  const types = new Set<string>();
  for (const { request, wants } of core.claimers.all()) {
    left += wants;
    for (const type of request.types) types.add(type);
  }
  const levels = [...types]
    .flatMap((type) => core.lanes.sizeByGroupAndPriority(`pull:${type}`, () => core.rates.tokens(type)))
    .sort((one, other) => one.priority - other.priority);
  return levels.flatMap((level) => {
    const count = Math.min(level.count, left);
    left -= count;
    const { group, priority, oldest } = level;
    return count > 0 ? [{ group, priority, count, oldest }] : [];
  });
}
