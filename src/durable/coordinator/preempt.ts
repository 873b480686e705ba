import type { Clock } from "../../clock.ts";
import type { Ledger } from "../../policy/coordination/ledger.ts";
import { makeRoom } from "../../policy/coordination/make-room.ts";
import type { PreemptRequest, Room, RoomOrder } from "../../policy/coordination/victims.ts";
import { point } from "../point.ts";
import { COORDINATOR, reachHolder } from "../reach.ts";

/** Nobody waits longer than this for a domain that does not answer. */
const ANSWER_MS = 2_000;
const NOTHING: Room = { victims: [], coming: 0, kept: 0 };

/** @returns how many slots are on their way to the domain */
export function preempt(ledger: Ledger, request: PreemptRequest, clock: Clock): Promise<number> {
  return makeRoom(request, { outlook: () => ledger.outlook(request, clock.now()), ask: (name, order) => ask(name, order, clock) });
}

/** One that does not answer has nothing to give now. */
async function ask(name: string, order: RoomOrder, clock: Clock): Promise<Room> {
  const { promise: late, resolve } = Promise.withResolvers<Room>();
  const stop = clock.after(ANSWER_MS, () => resolve(NOTHING));
  try {
    point("coordinator.preempt.call", COORDINATOR);
    const room = await Promise.race([reachHolder(name).makeRoom(order), late]);
    point("coordinator.preempt.answered", COORDINATOR);
    return room;
  } catch (error) {
    console.warn(JSON.stringify({ message: "a domain could not be asked for room", domain: name, error: String(error) }));
    return NOTHING;
  } finally {
    stop();
  }
}
