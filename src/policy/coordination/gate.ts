import type { Allotment } from "./allotment.ts";
import { UNGROUPED } from "./groups.ts";

/** Why no task of a group may start in a domain now. */
export type GroupGate =
  /** The domain has no free slot: the mill's cap, or its own. */
  | { gate: "slots" }
  /** The group uses what the mill allows it in this domain. */
  | { gate: "group_cap"; using: number; most: number }
  /** Its rate limit: the next token is there at `until` (epoch ms), where that is known. */
  | { gate: "group_rate"; until?: number };

/** The first gate that is shut, or null. */
export function gateOf(
  has: Allotment,
  { now, group, free, opensAt }: { now: number; group: string; free: number; opensAt: ReadonlyMap<string, number> },
): GroupGate | null {
  if (group !== UNGROUPED && has.isFull(group)) return { gate: "group_cap", using: has.usingIn(group), most: has.ceilingIn(group) };
  if (has.tokensIn(group) === 0) {
    const until = opensAt.get(group);
    return until === undefined || until <= now ? { gate: "group_rate" } : { gate: "group_rate", until };
  }
  return free === 0 ? { gate: "slots" } : null;
}
