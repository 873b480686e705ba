import { givesWayFirst, type Room, type RoomOrder, type Victim } from "../../../policy/coordination/victims.ts";
import { FINALIZE_LEVEL } from "../../../policy/priority.ts";
import { urgencyOf } from "./age.ts";
import type { Core } from "../core.ts";
import { FAMILY } from "../run/order.ts";
import type { Lease } from "../pull/leases.ts";
import { readTasks } from "../rows.ts";
import type { Run } from "../run/run.ts";

/** Says what of this domain could make room for more urgent work, and tells what was chosen to stop. */
export function makeRoom(core: Core, order: RoomOrder): Room {
  const { stop } = order;
  const stopped = stop && core.transact("preempt", () => giveWay(core, stop.ids, stop.isForeign));
  const { group, most } = order;
  return {
    victims: most > 0 ? victimsOf(core, order) : [],
    coming: core.holder.idle(group) + yielding(core, group, "away"),
    kept: yielding(core, group, "here"),
    ...(stopped === undefined ? {} : { stopped }),
  };
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

/** Aborts what these runs hold: it goes back uncharged. A worker outside is told when it renews. Part of a transaction; answers how many were told. */
export function giveWay(core: Core, ids: readonly string[], isForeign: boolean): number {
  let told = 0;
  for (const id of ids) {
    const run = core.runs.get(id);
    if (run && run.yields === undefined) {
      run.yields = isForeign ? "away" : "here";
      for (const task of run.open) core.abort(run, task, "preempt");
      told += 1;
    }
    const lease = core.leases.get(id);
    if (!lease || lease.yields !== undefined) continue;
    lease.stopped = true;
    lease.yields = isForeign ? "away" : "here";
    told += 1;
  }
  return told;
}

/** Slots, of a group or in all, that will be free when those have answered who were told: for others, or for this domain itself. */
export function yielding(core: Core, group: string | null, to: "away" | "here"): number {
  const isMeant = (one: Run | Lease): boolean => one.yields === to && (group === null || one.group === group);
  return [...core.runs.values(), ...core.leases.all()].filter(isMeant).length;
}
