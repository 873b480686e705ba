import { COORDINATION } from "./protocol.ts";

/** The stored row of a domain that may hold slots: all that survives a restart of the coordinator. */
export interface MarkRow {
  domain: string;
  /** It never counts with more than this. */
  mark: number;
  /** Nor, unless the row is written again, after this moment (epoch ms). */
  until: number;
  /** Pull workers may hold leases of it until then, also after a restart; 0: none. */
  leasedUntil?: number;
}

/**
 * The row to write before a domain may count with `slots` until `until`, or null when the stored one covers it. Marks
 * double, and `until` begins one lease later than needed and then moves in steps of 10 minutes, so that neither growth nor renewal costs a row each.
 */
export function markFor(stored: MarkRow | undefined, want: MarkRow, maxConcurrency: number, now: number): MarkRow | null {
  if (want.mark === 0) return null;
  if (stored === undefined || stored.until <= now) return { ...want, until: want.until + COORDINATION.grantLeaseMs };
  const leasedUntil = Math.max(want.leasedUntil ?? 0, stored.leasedUntil ?? 0);
  if (want.mark <= stored.mark && want.until <= stored.until && leasedUntil <= (stored.leasedUntil ?? 0)) return null;
  const doubled = Math.min(stored.mark * 2, maxConcurrency);
  return {
    domain: want.domain,
    mark: want.mark <= stored.mark ? stored.mark : Math.max(want.mark, doubled),
    until: want.until <= stored.until ? stored.until : Math.max(want.until, now + COORDINATION.untilStepMs),
    ...(leasedUntil > 0 ? { leasedUntil } : {}),
  };
}

/** What is to be stored before any answer or push leaves. */
export interface MarkChanges {
  put: MarkRow[];
  remove: string[];
}
