import type { Lanes } from "./lanes.ts";

/** How many ready ids come before this one by priority, then id. It looks at every level: for people, not for the loop. */
export function aheadOf(lanes: Lanes, priority: number, id: number): number {
  let count = 0;
  for (const level of lanes.ready.all()) {
    if (level.priority < priority) count += level.ids.size;
    else if (level.priority === priority) count += level.ids.below(id);
  }
  return count;
}
