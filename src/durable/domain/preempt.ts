import { givesWayFirst, type Room, type RoomOrder, type Victim } from "../../policy/coordination/victims.ts";
import { FINALIZE_LEVEL } from "../../policy/priority.ts";
import { urgencyOf } from "./age.ts";
import type { Core } from "./core.ts";
import { FAMILY } from "./order.ts";
import { readTasks } from "./rows.ts";

/** Says what of this domain could make room for more urgent work, and tells what was chosen to stop. */
export function makeRoom(core: Core, order: RoomOrder): Room {
  const { stop } = order;
  if (stop) core.transact("preempt", () => giveWay(core, stop.ids, stop.isForeign));
  return { victims: order.most > 0 ? victimsOf(core, order) : [], coming: comingOf(core, order.group) };
}

/** Runs and leases that are strictly less urgent, those first that give way first. */
export function victimsOf(core: Core, { group, over, most }: RoomOrder): Victim[] {
  const now = core.clock.now();
  const isOfGroup = (own: string | null) => group === null || own === group;
  const under = new Map<number, Omit<Victim, "priority">>();
  for (const run of core.runs.values()) {
    // One that nobody speaks for cannot be told.
    if (run.current === undefined || run.yields !== undefined || run.orphanUntil !== undefined || !isOfGroup(run.group)) continue;
    under.set(run.current, { id: run.id, startedMsAgo: now - run.currentSince, isLease: false });
  }
  for (const lease of core.leases.all())
    if (lease.stopped !== true && isOfGroup(lease.group))
      under.set(lease.task, { id: lease.id, startedMsAgo: now - lease.at, isLease: true });
  return readTasks(core.store, [...under.keys()])
    .map((row): Victim => {
      // What is left of a parent goes before all new work: put back it would have the slot again.
      const priority = row.family === FAMILY.finalizing ? FINALIZE_LEVEL : urgencyOf(core, row, now);
      return { ...under.get(row.id)!, priority };
    })
    .filter(({ priority }) => priority > over)
    .sort(givesWayFirst)
    .slice(0, most);
}

/** Aborts what these runs hold: it goes back uncharged. A worker outside is told when it renews. Part of a transaction. */
export function giveWay(core: Core, ids: readonly string[], isForeign: boolean): void {
  for (const id of ids) {
    const run = core.runs.get(id);
    if (run && run.yields === undefined) {
      run.yields = isForeign ? "away" : "here";
      for (const task of run.open) core.abort(run, task, "preempt");
    }
    const lease = core.leases.get(id);
    if (!lease) continue;
    lease.stopped = true;
    lease.yields = isForeign ? "away" : "here";
  }
}

/** Slots, of a group or in all, that nobody uses here, or that will be free when those have answered who were told. */
export function comingOf(core: Core, group: string | null): number {
  let coming = core.holder.idle(group);
  for (const run of core.runs.values()) if (run.yields !== undefined && (group === null || run.group === group)) coming += 1;
  for (const lease of core.leases.all()) if (lease.yields !== undefined && (group === null || lease.group === group)) coming += 1;
  return coming;
}
