import type { Ledger } from "../../policy/coordination/ledger.ts";
import {
  chooseVictims,
  givesWayFirst,
  type PreemptRequest,
  type Room,
  type RoomOrder,
  unmetOf,
} from "../../policy/coordination/victims.ts";
import { point } from "../point.ts";
import { COORDINATOR, reachHolder } from "../reach.ts";

/**
 * Makes room for a domain's urgent work: asks everybody what runs, and tells the least urgent of it all to stop. It changes
 * nothing here: whose run has ended gives its slot back, and the ledger hands it to the most urgent who waits.
 *
 * @returns how many slots are on their way
 */
export async function preempt(ledger: Ledger, request: PreemptRequest, now: number): Promise<number> {
  const { domain, group, wishes } = request;
  const { due, free, holders } = ledger.preemptable(domain, group, now);
  const total = wishes.reduce((sum, { count }) => sum + count, 0);
  const over = Math.min(...wishes.map(({ priority }) => priority));
  // More counts than the cap allows: so many more have to end before one may begin.
  const excess = Math.max(0, -free);
  const order: RoomOrder = { group, over, most: total + excess };
  const rooms = await Promise.all(holders.map(async (name) => ({ name, room: await ask(name, order) })));
  const victims = rooms.flatMap(({ name, room }) => room.victims.map((victim) => ({ ...victim, domain: name })));
  const own = victims.filter((victim) => victim.domain === domain);
  // From others no more than its share of the slots: for what it would not be given nobody is stopped.
  const others = victims.filter((victim) => victim.domain !== domain).sort(givesWayFirst);
  const candidates = [...own, ...others.slice(0, Math.max(0, due) + excess)];
  const coming = rooms.reduce((sum, { room }) => sum + room.coming, Math.max(0, free));
  const chosen = chooseVictims(candidates, unmetOf([{ priority: over, count: excess }, ...wishes], coming, total + excess));
  await Promise.all(
    [...new Set(chosen.map((victim) => victim.domain))].map((name) => {
      const ids = chosen.filter((victim) => victim.domain === name).map(({ id }) => id);
      return ask(name, { ...order, most: 0, stop: { ids, isForeign: name !== domain } });
    }),
  );
  return coming + chosen.length;
}

/** One that does not answer has nothing to give now. */
async function ask(name: string, order: RoomOrder): Promise<Room> {
  try {
    point("coordinator.preempt.call", COORDINATOR);
    const room = await reachHolder(name).makeRoom(order);
    point("coordinator.preempt.answered", COORDINATOR);
    return room;
  } catch (error) {
    console.warn(JSON.stringify({ message: "a domain could not be asked for room", domain: name, error: String(error) }));
    return { victims: [], coming: 0 };
  }
}
