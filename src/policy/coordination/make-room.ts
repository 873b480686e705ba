import type { Outlook } from "./outlook.ts";
import {
  chooseVictims,
  givesWayFirst,
  type PreemptRequest,
  type Room,
  type RoomOrder,
  unmetOf,
  type Victim,
  type Wish,
} from "./victims.ts";

/** Victims that were stopped for somebody else, or ended, in the meantime are made up for by others so often. */
const ROUNDS_MAX = 4;

/** What it is done with. */
export interface RoomMakers {
  outlook(): Outlook;
  /** Asks a domain what it could give, or tells it what is to stop. */
  ask(domain: string, order: RoomOrder): Promise<Room>;
}

/**
 * Makes room for a domain's urgent work: asks everybody what runs, and tells the least urgent of it all to stop. It changes
 * nothing here: whose run has ended gives its slot back, and the ledger hands it to the most urgent who waits. Several domains
 * may ask at the same time: what comes free counts for as many of them as there are slots, and one victim serves one of them.
 *
 * @returns how many slots are on their way
 */
export async function makeRoom(request: PreemptRequest, makers: RoomMakers): Promise<number> {
  for (let round = 1; ; round += 1) {
    const { order, coming, chosen } = await choose(request, makers);
    const told = await Promise.all(
      [...new Set(chosen.map((victim) => victim.domain))].map((name) => {
        const ids = chosen.filter((victim) => victim.domain === name).map(({ id }) => id);
        return makers.ask(name, { ...order, most: 0, stop: { ids, isForeign: name !== request.domain } });
      }),
    );
    const stopped = told.reduce((sum, room) => sum + (room.stopped ?? 0), 0);
    if (stopped >= chosen.length || round === ROUNDS_MAX) return coming + stopped;
  }
}

interface Choice {
  order: RoomOrder;
  /** Slots that come free anyhow. */
  coming: number;
  chosen: (Victim & { domain: string })[];
}

async function choose({ domain, group, wishes }: PreemptRequest, makers: RoomMakers): Promise<Choice> {
  const { due, free, others, holders } = makers.outlook();
  const total = wishes.reduce((sum, { count }) => sum + count, 0);
  const over = Math.min(...wishes.map(({ priority }) => priority));
  // More counts than the cap allows: so many more have to end before one may begin.
  const excess = Math.max(0, -free);
  const order: RoomOrder = { group, over, most: total + excess };
  const rooms = await Promise.all(holders.map(async (name) => ({ name, room: await makers.ask(name, order) })));
  const victims = rooms.flatMap(({ name, room }) => room.victims.map((victim) => ({ ...victim, domain: name })));
  const own = victims.filter((victim) => victim.domain === domain);
  // From others no more than its share of the slots: for what it would not be given nobody is stopped.
  const foreign = victims.filter((victim) => victim.domain !== domain).sort(givesWayFirst);
  const candidates = [...own, ...foreign.slice(0, Math.max(0, due) + excess)];
  const coming = rooms.reduce((sum, { room }) => sum + room.coming, Math.max(0, free));
  const keptBy = new Map(rooms.map(({ name, room }) => [name, room.kept]));
  const kept = keptBy.get(domain) ?? 0;
  const wanted = unmetOf([{ priority: over, count: excess }, ...wishes], kept, total + excess);
  const theirs = others.flatMap((other) => cut(unmetOf(other.wishes, keptBy.get(other.domain) ?? 0, Infinity), other.due));
  return { order, coming: coming + kept, chosen: chooseVictims(candidates, unmetOf(wanted, coming, total + excess, theirs)) };
}

/** The most urgent of them, so many in all. */
const cut = (wishes: readonly Wish[], most: number): Wish[] => unmetOf(wishes, 0, Math.max(0, most));
