import type { Share } from "./allocate.ts";
import { counted, type Entry } from "./entry.ts";
import { capOf, type GroupPolicy } from "./groups.ts";
import type { LedgerSnapshot } from "./protocol.ts";

/** One group, as `GET /v1/groups` shows it. */
export interface GroupView {
  name: string;
  /** Slots that are its part now, for what runs and what is ready. */
  allocated: number;
  /** Slots that its runs and leases occupy, as the domains last said. */
  running: number;
  /** Its ready tasks, as the domains last said. */
  pending: number;
  /** Its cap; null: none. */
  maxConcurrency: number | null;
  weight: number;
  minSlots: number;
  rate: { permits: number; perMs: number; burst: number; available: number } | null;
}

/** Every group that has settings, tasks or slots, by name. */
export function viewGroups(
  entries: readonly Entry[],
  shares: ReadonlyMap<string, Share>,
  policy: GroupPolicy,
  available: (group: string) => number,
): GroupView[] {
  const names = new Set<string>(policy.rules.keys());
  for (const { groups } of entries) for (const [group, { using, pending }] of groups) if (using > 0 || pending > 0) names.add(group);
  return [...names].sort().map((name) => {
    const { weight = 1, minSlots = 0, rate } = policy.rules.get(name) ?? {};
    const cap = capOf(policy, name);
    const reports = entries.map(({ groups }) => groups.get(name));
    return {
      name,
      allocated: [...shares.values()].reduce((sum, { groups }) => sum + (groups.get(name) ?? 0), 0),
      running: reports.reduce((sum, report) => sum + (report?.using ?? 0), 0),
      pending: reports.reduce((sum, report) => sum + (report?.pending ?? 0), 0),
      maxConcurrency: cap === Number.POSITIVE_INFINITY ? null : cap,
      weight,
      minSlots,
      rate: rate === undefined ? null : { ...rate, available: available(name) },
    };
  });
}

/** The mill's slots, and who holds them. */
export function viewHolders(entries: readonly Entry[], maxConcurrency: number, now: number): LedgerSnapshot {
  const holders = entries.map((entry) => ({
    domain: entry.domain,
    granted: counted(entry),
    using: entry.using,
    wanting: entry.wanting.reduce((sum, demand) => sum + demand.count, 0),
    syncedMsAgo: entry.syncedAt === null ? null : now - entry.syncedAt,
  }));
  const total = (of: "granted" | "using") => holders.reduce((sum, holder) => sum + holder[of], 0);
  return { maxConcurrency, granted: total("granted"), using: total("using"), holders };
}
