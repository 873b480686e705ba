import type { Claim } from "./allocate.ts";
import type { Entry } from "./entry.ts";
import { UNGROUPED } from "./groups.ts";
import type { Demand } from "./protocol.ts";
import type { Standing } from "./purse.ts";

/** What a holder wants, in all or of one group. */
export interface Wants extends Standing {
  count: number;
}

export const nothing = ({ starvedMs }: Claim): Wants => ({ count: 0, urgency: 256, oldestMs: 0, starvedMs });

/** In all. */
export const wantsOf = (claim: Claim): Wants => claim.wanting.reduce(add, nothing(claim));

/** By group: looked up, since a thousand groups over many domains would be looked through for each other. */
export function wantsByGroup(claims: ReadonlyMap<Entry, Claim>): Map<string, Map<Entry, Wants>> {
  const groups = new Map<string, Map<Entry, Wants>>();
  for (const [entry, claim] of claims)
    for (const demand of claim.wanting) {
      const name = demand.group ?? UNGROUPED;
      const group = groups.get(name) ?? new Map<Entry, Wants>();
      groups.set(name, group.set(entry, add(group.get(entry) ?? nothing(claim), demand)));
    }
  return groups;
}

const add = (wants: Wants, { count, priority, oldestMs }: Demand): Wants => ({
  count: wants.count + count,
  urgency: Math.min(wants.urgency, priority),
  oldestMs: Math.max(wants.oldestMs, oldestMs),
  starvedMs: wants.starvedMs,
});
