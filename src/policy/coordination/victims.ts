/** Urgent work that waits for slots: so many of one priority. */
export interface Wish {
  /** 0 to 255, effective. */
  priority: number;
  count: number;
}

/** One who could make room: a run, by what it executes now, or a lease of a pull worker. */
export interface Victim {
  /** Of the run, or the lease. */
  id: string;
  /** Effective, of the task that is under way. */
  priority: number;
  startedMsAgo: number;
  /** A worker outside hears of it only when it renews: taken where no run will do. */
  isLease: boolean;
}

/** What the coordinator, or the domain itself, asks of those who run something. */
export interface RoomOrder {
  /** Only what runs of this group; null: whatever its group. */
  group: string | null;
  /** Only what is less urgent than this. */
  over: number;
  /** So many at most. */
  most: number;
  /** These are to stop. Their slots go back to the coordinator, unless they are the asker's own. */
  stop?: { ids: readonly string[]; isForeign: boolean };
}

/** Who could make room, and what comes free anyhow. */
export interface Room {
  victims: Victim[];
  /** Slots that are unused, or will be as soon as those have answered who were told before: for whoever is to have them. */
  coming: number;
  /** The same, for this domain's own urgent work. */
  kept: number;
  /** How many of those who were to stop have been told by this order: the others had ended, or been told before. */
  stopped?: number;
}

/** A domain's urgent work that finds no slot. */
export interface PreemptRequest {
  domain: string;
  /** Its group is at its cap: only room in that group helps. Null: the mill's slots are taken. */
  group: string | null;
  wishes: readonly Wish[];
}

/** The least urgent first, then the one that was started last; leases after all runs. */
export const givesWayFirst = (one: Victim, other: Victim): number =>
  Number(one.isLease) - Number(other.isLease) ||
  other.priority - one.priority ||
  one.startedMsAgo - other.startedMsAgo ||
  (one.id < other.id ? -1 : 1);

/**
 * What is left of wishes when so many slots come free anyhow: they go to the most urgent. No more than `most` of it.
 *
 * @param others what others wish for those slots; the same for them
 */
export function unmetOf(wishes: readonly Wish[], coming: number, most: number, others: readonly Wish[] = []): Wish[] {
  let free = Math.max(0, coming);
  let left = most;
  const unmet: Wish[] = [];
  const all = [...others.map((wish) => ({ ...wish, isOwn: false })), ...wishes.map((wish) => ({ ...wish, isOwn: true }))];
  for (const { priority, count, isOwn } of all.sort((one, other) => one.priority - other.priority)) {
    const allowed = isOwn ? Math.min(count, left) : count;
    const met = Math.min(free, allowed);
    free -= met;
    if (!isOwn) continue;
    left -= allowed;
    if (met < allowed) unmet.push({ priority, count: allowed - met });
  }
  return unmet;
}

/**
 * Who makes room: for each wish, the most urgent first, one that is strictly less urgent.
 *
 * @example `chooseVictims(victims, [{ priority: 0, count: 2 }]) // two of the least urgent, none of priority 0`
 */
export function chooseVictims<Candidate extends Victim>(victims: readonly Candidate[], wishes: readonly Wish[]): Candidate[] {
  const left = victims.toSorted(givesWayFirst);
  const chosen: Candidate[] = [];
  for (const { priority, count } of wishes.toSorted((one, other) => one.priority - other.priority)) {
    for (let taken = 0; taken < count; taken += 1) {
      const index = left.findIndex((victim) => victim.priority > priority);
      if (index === -1) break;
      chosen.push(...left.splice(index, 1));
    }
  }
  return chosen;
}
