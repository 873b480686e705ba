import { COORDINATION, type Demand, type Grant } from "./protocol.ts";

const { grantLeaseMs, slackMs, runLeaseMs } = COORDINATION;

/** Late messages of so many earlier lives are recognised. */
const FORMER_MAX = 8;

/** The ledger's view of one domain: what it may hold at most, and what it last said. */
export interface Entry {
  readonly domain: string;
  /** Null: known from its stored row alone, since the coordinator started. */
  incarnation: string | null;
  /** The incarnation before, until this one has confirmed `version` and so shown that it lives. */
  deposed: { incarnation: string; version: number } | null;
  /** Incarnations that are over for good. */
  readonly former: string[];
  seq: number;
  /** The last version issued, and its slots. */
  version: number;
  granted: number;
  short: boolean;
  /** What it last confirmed, and the version that it had then. */
  confirmed: number;
  confirmedVersion: number;
  /** Issued after the confirmed version, any of which may be in force: versions rise, slots fall. */
  outstanding: { version: number; slots: number }[];
  using: number;
  wanting: Demand[];
  cap: number | null;
  syncedAt: number | null;
  /** Since when it has held nothing; null while it holds something. */
  emptySince: number | null;
  /** When the holder's lease is over, whatever its clock says. */
  leaseEnds: number;
  /** Until when pull workers may hold leases of it, whether it lives or sleeps; 0: none does. */
  leasedUntil: number;
  pushedVersion: number;
  pushedAt: number;
}

/** An entry of a domain of which only the row is known: it counts with its mark until `until` (ms), and as long as leases may be out. */
export function entryOfRow(domain: string, mark: number, until: number, leasedUntil = 0): Entry {
  return { ...newEntry(domain), confirmed: mark, leaseEnds: until - runLeaseMs, leasedUntil };
}

/** An entry of a domain that holds nothing. */
export function newEntry(domain: string): Entry {
  return {
    domain,
    incarnation: null,
    deposed: null,
    former: [],
    seq: 0,
    version: 0,
    granted: 0,
    short: false,
    confirmed: 0,
    confirmedVersion: -1,
    outstanding: [],
    using: 0,
    wanting: [],
    cap: null,
    syncedAt: null,
    emptySince: null,
    leaseEnds: 0,
    leasedUntil: 0,
    pushedVersion: 0,
    pushedAt: 0,
  };
}

/** The most that may be under way there: the larger of what it confirmed and of every grant it may have applied since. */
export function counted(entry: Entry): number {
  return Math.max(entry.confirmed, entry.outstanding[0]?.slots ?? 0);
}

/** When nothing of it executes any more unless it syncs. */
export function expiresAt(entry: Entry): number {
  return Math.max(entry.leaseEnds + runLeaseMs, entry.leasedUntil);
}

/** Whether its holder may have no valid lease: a raise would be of no use to it. */
export function lapsed(entry: Entry, now: number): boolean {
  return now >= entry.leaseEnds - slackMs;
}

/** It has synced: the lease counts from now, after the answer. */
export function extendLease(entry: Entry, now: number): void {
  entry.leaseEnds = now + grantLeaseMs + slackMs;
}

/** Its holder says how long leases may be out. None: those of the past are over, and it makes no new one before it is told that it may. */
export function protectLeases(entry: Entry, leaseMs: number | undefined, now: number): void {
  entry.leasedUntil = leaseMs === undefined ? 0 : Math.max(entry.leasedUntil, now + leaseMs + slackMs);
}

/** A grant is on its way. Until it is confirmed it counts beside those before it. */
export function issue(entry: Entry, version: number, slots: number, short: boolean): void {
  entry.version = version;
  entry.granted = slots;
  entry.short = short;
  while (entry.outstanding.length > 0 && (entry.outstanding.at(-1)?.slots ?? 0) <= slots) entry.outstanding.pop();
  entry.outstanding.push({ version, slots });
}

/** Its holder says what it holds after applying `version`; older reports are passed over. */
export function confirm(entry: Entry, version: number, holding: number): void {
  if (version < entry.confirmedVersion) return;
  if (entry.deposed !== null && version >= entry.deposed.version) {
    entry.former.push(entry.deposed.incarnation);
    if (entry.former.length > FORMER_MAX) entry.former.shift();
    entry.deposed = null;
  }
  // At one version what is held never grows: of two reports that overtook each other the lower is the later.
  entry.confirmed = version === entry.confirmedVersion ? Math.min(entry.confirmed, holding) : holding;
  entry.confirmedVersion = version;
  entry.outstanding = entry.outstanding.filter((grant) => grant.version > version);
}

/** Another incarnation syncs: what the one before may hold goes on counting until this one confirms `version`, which only a living one can. */
export function takeOver(entry: Entry, incarnation: string, version: number): void {
  const carried = counted(entry);
  if (entry.incarnation !== null) entry.deposed = { incarnation: entry.incarnation, version };
  entry.incarnation = incarnation;
  entry.seq = 0;
  entry.granted = 0;
  entry.confirmed = 0;
  entry.confirmedVersion = -1;
  entry.outstanding = carried > 0 ? [{ version, slots: carried }] : [];
}

/** The grant as it is sent. */
export function grantOf(entry: Entry, leaseMs: number): Grant {
  const grant: Grant = { version: entry.version, slots: entry.granted, leaseMs };
  if (entry.short) grant.short = true;
  return grant;
}
