import type { Share } from "./allocate.ts";
import { counted, countedIn, type Entry, lapsed } from "./entry.ts";
import { capOf } from "./groups.ts";
import type { Settings } from "./plan.ts";
import { sum } from "./purse.ts";
import type { PreemptRequest, Wish } from "./victims.ts";

/** What bears on room for a domain's urgent work. */
export interface Outlook {
  /** How many more slots, of the group or in all, the domain should have. */
  due: number;
  /** How many are free; less than none where a cap was lowered. */
  free: number;
  /** Domains that wait for what is as urgent, and how many more slots each should have: what comes free is for them, too. */
  others: { domain: string; due: number; wishes: Wish[] }[];
  /** Domains that may hold slots. */
  holders: string[];
}

export function outlookOf(
  entries: readonly Entry[],
  { shares, settings, holders, now }: { shares: ReadonlyMap<string, Share>; settings: Settings; holders: string[]; now: number },
  { domain, group, wishes }: PreemptRequest,
): Outlook {
  const { maxConcurrency, groups } = settings;
  const isMeant = (of: string | null) => group === null || of === group;
  const dueTo = (entry: Entry): number => {
    const share = shares.get(entry.domain);
    if (share === undefined) return 0;
    return group === null ? share.slots - entry.using : (share.groups.get(group) ?? 0) - (entry.groups.get(group)?.using ?? 0);
  };
  const last = Math.max(...wishes.map(({ priority }) => priority));
  const others = entries
    .filter((entry) => entry.domain !== domain && !lapsed(entry, now))
    .map((entry) => {
      const urgent = entry.wanting.filter((demand) => demand.priority <= last && isMeant(demand.group));
      return { domain: entry.domain, due: dueTo(entry), wishes: urgent.map(({ priority, count }) => ({ priority, count })) };
    });
  const self = entries.find((entry) => entry.domain === domain);
  const free =
    group === null
      ? maxConcurrency - sum(entries.map(counted))
      : capOf(groups, group) - sum(entries.map((entry) => countedIn(entry, group)));
  return { due: self === undefined ? 0 : dueTo(self), free, others, holders };
}
