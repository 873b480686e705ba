import type { Lanes } from "./lanes.ts";

/** How many ready ids come before this one by effective priority, then id; a level counts with that of its oldest. It looks at every level: for people, not for the loop. */
export function aheadOf(lanes: Lanes, priority: number, id: number): number {
  let count = 0;
  for (const level of lanes.reachable()) {
    if (level.rank < priority) count += level.ids.size;
    else if (level.rank === priority) count += level.ids.below(id);
  }
  return count;
}
