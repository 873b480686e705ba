import type { Task } from "../../../domains/task.ts";
import type { Claim, ClaimRequest, ProgressReport, Renewal, Settlement } from "../../protocol.ts";
import { claimable } from "./claim.ts";
import { subjectOf } from "../history/chronicle.ts";
import { mustRead } from "../run/cancel.ts";
import type { Core } from "../core.ts";
import { dispatch } from "../run/dispatch.ts";
import { extend, isUnwanted, mustHold, settleLease } from "./lease.ts";
import type { Syncer } from "../gates/sync.ts";

/** How long a renewal waits for the coordinator, which has to know before a lease goes further. */
const LEASE_WAIT_MS = 3_000;

/** Leases what is ready, or waits for it. */
export function claim(core: Core, request: ClaimRequest): Promise<Claim[]> {
  core.state.cost.requests += 1;
  const hasRoom = () => core.cap === null || core.holder.using < core.cap;
  return core.claimers.ask(
    // A copy: `max` falls when the answer would grow too large.
    { ...request },
    () => {
      // Asked for with the slots, in one call.
      if (claimable(core).length > 0) core.holder.mayLease(core.clock.now() + request.leaseMs);
      core.transact("claim", () => dispatch(core));
    },
    () => !core.pauses.stopped && hasRoom() && claimable(core).length > 0,
  );
}

/** Holds a lease for as long again, no further than the coordinator keeps its slot: else it stays as it is. */
export async function renew(core: Core, syncer: Syncer, id: string, progress: Omit<ProgressReport, "id"> | undefined): Promise<Renewal> {
  const { length, task } = mustHold(core, id);
  if (!isUnwanted(core, mustHold(core, id))) await syncer.lease(core.clock.now() + length, LEASE_WAIT_MS);
  const lease = extend(core, id, Math.min(core.clock.now() + length, core.holder.leaseLimit));
  if (progress) core.events.progress.report({ id: task, ...progress }, lease.at, () => subjectOf(mustRead(core, task)));
  return { leaseUntil: new Date(lease.until).toISOString(), cancelled: isUnwanted(core, lease) };
}

/** Settles what is held; the coordinator hears of the slot when it is due. */
export function settleHeld(core: Core, syncer: Syncer, id: string, settlement: Settlement): Task {
  const task = settleLease(core, id, settlement);
  syncer.kick();
  return task;
}
