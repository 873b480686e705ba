import { type Ceiling, covers, larger, NOTHING, smaller, within } from "./ceiling.ts";
import type { MarkRow } from "./mark.ts";
import {
  COORDINATION,
  type Confirmation,
  type Demand,
  type Grant,
  type GroupReport,
  type SyncRequest,
  type TokenCount,
} from "./protocol.ts";

const { grantLeaseMs, slackMs, runLeaseMs, repushMs } = COORDINATION;

/** Late messages of so many earlier lives are recognised. */
const FORMER_MAX = 8;
/** So many unconfirmed grants are told apart; older ones are taken together. */
const OUTSTANDING_MAX = 8;

/** What a holder was last granted, but for its tokens and its lease. */
export interface Issued {
  slots: number;
  short: boolean;
  /** Null: no group has a limit. */
  perGroup: ReadonlyMap<string, number> | null;
  shares: ReadonlyMap<string, number> | null;
  shortGroups: readonly string[];
}

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
  /** The last version issued, and what it says. */
  version: number;
  granted: Issued;
  /** What it last confirmed, and the version that it had then. */
  confirmed: Ceiling;
  confirmedVersion: number;
  /** Issued after the confirmed version, any of which may be in force; none covers one before it. */
  outstanding: { version: number; ceiling: Ceiling }[];
  using: number;
  /** What it said of each group. */
  groups: ReadonlyMap<string, GroupReport>;
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
  /** It counts with more of a group than it was last granted, and others wait for that. */
  owes: boolean;
  /** Tokens of its incarnation. */
  readonly tokens: Map<string, TokenCount>;
  /** Tokens of lives before it, which may still be spent until it has confirmed that it lives. */
  readonly strayTokens: Map<string, number>;
  /** It may have tokens that nobody here knows of, until it confirms this version; -1: no. */
  blindUntil: number;
}

const NO_GRANT: Issued = { slots: 0, short: false, perGroup: new Map(), shares: null, shortGroups: [] };

/** An entry of a domain of which only the row is known: it counts with its mark until `until` (ms), in every group, and as long as leases may be out. */
export function entryOfRow(domain: string, mark: number, until: number, leasedUntil = 0): Entry {
  const confirmed = { slots: mark, groups: new Map(), rest: mark };
  return { ...newEntry(domain), confirmed, leaseEnds: until - runLeaseMs, leasedUntil, blindUntil: Number.POSITIVE_INFINITY };
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
    granted: NO_GRANT,
    confirmed: NOTHING,
    confirmedVersion: -1,
    outstanding: [],
    using: 0,
    groups: new Map(),
    wanting: [],
    cap: null,
    syncedAt: null,
    emptySince: null,
    leaseEnds: 0,
    leasedUntil: 0,
    pushedVersion: 0,
    pushedAt: 0,
    owes: false,
    tokens: new Map(),
    strayTokens: new Map(),
    blindUntil: -1,
  };
}

/** The most that may be under way there: the larger of what it confirmed and of every grant it may have applied since. */
export function counted(entry: Entry): number {
  let most = entry.confirmed.slots;
  for (const { ceiling } of entry.outstanding) most = Math.max(most, ceiling.slots);
  return most;
}

/** The most that may be under way there in one group. */
export function countedIn(entry: Entry, group: string): number {
  let most = within(entry.confirmed, group);
  for (const { ceiling } of entry.outstanding) most = Math.max(most, within(ceiling, group));
  return most;
}

/** Groups that it may hold slots of by name, and whether it may hold slots of any other. */
export function heldGroups(entry: Entry): { names: Set<string>; any: boolean } {
  const names = new Set(entry.confirmed.groups.keys());
  let any = Math.min(entry.confirmed.rest, entry.confirmed.slots) > 0;
  for (const { ceiling } of entry.outstanding) {
    for (const group of ceiling.groups.keys()) names.add(group);
    any ||= Math.min(ceiling.rest, ceiling.slots) > 0;
  }
  return { names, any };
}

/** Slots that the last grant allows one group. */
export const grantedIn = ({ granted }: Entry, group: string): number =>
  granted.perGroup === null ? granted.slots : (granted.perGroup.get(group) ?? 0);

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
export function issue(entry: Entry, version: number, granted: Issued): void {
  entry.version = version;
  entry.granted = granted;
  const { slots, perGroup } = granted;
  const ceiling: Ceiling = { slots, groups: perGroup ?? new Map(), rest: perGroup === null ? slots : 0 };
  const { outstanding } = entry;
  for (let last = outstanding.at(-1); last !== undefined && covers(ceiling, last.ceiling); last = outstanding.at(-1)) outstanding.pop();
  outstanding.push({ version, ceiling });
  const [first, second] = outstanding;
  if (outstanding.length > OUTSTANDING_MAX && first !== undefined && second !== undefined) {
    outstanding.splice(0, 2, { version: second.version, ceiling: larger(first.ceiling, second.ceiling) });
  }
}

/** What a request or a push's answer says is held. */
export function heldOf({ holding, groups, closed }: Confirmation | SyncRequest): Ceiling {
  const named = new Map<string, number>();
  for (const [group, held] of groups ?? []) named.set(group, typeof held === "number" ? held : held.holding);
  return { slots: holding, groups: named, rest: closed === true ? 0 : holding };
}

/** Its holder says what it holds after applying `version`; older reports are passed over. */
export function confirm(entry: Entry, version: number, held: Ceiling): void {
  if (version < entry.confirmedVersion) return;
  if (entry.deposed !== null && version >= entry.deposed.version) {
    entry.former.push(entry.deposed.incarnation);
    if (entry.former.length > FORMER_MAX) entry.former.shift();
    entry.deposed = null;
    entry.strayTokens.clear();
  }
  if (version >= entry.blindUntil) entry.blindUntil = -1;
  // At one version what is held never grows: of two reports that overtook each other the lower is the later.
  entry.confirmed = version === entry.confirmedVersion ? smaller(entry.confirmed, held) : held;
  entry.confirmedVersion = version;
  entry.outstanding = entry.outstanding.filter((grant) => grant.version > version);
}

/** Another incarnation syncs: what the one before may hold goes on counting until this one confirms `version`, which only a living one can. */
export function takeOver(entry: Entry, incarnation: string, version: number): void {
  const carried = entry.outstanding.reduce((all, { ceiling }) => larger(all, ceiling), entry.confirmed);
  if (entry.incarnation !== null) entry.deposed = { incarnation: entry.incarnation, version };
  if (entry.blindUntil >= 0) entry.blindUntil = version;
  for (const group of entry.tokens.keys()) entry.strayTokens.set(group, unspent(entry, group));
  entry.tokens.clear();
  entry.incarnation = incarnation;
  entry.seq = 0;
  entry.granted = NO_GRANT;
  entry.groups = new Map();
  entry.confirmed = NOTHING;
  entry.confirmedVersion = -1;
  entry.outstanding = carried.slots > 0 ? [{ version, ceiling: carried }] : [];
}

/** Nothing of it may be started any more: its tokens are lost, and what it says of them next is where its count begins. */
export function voidTokens(entry: Entry): void {
  entry.tokens.clear();
  entry.strayTokens.clear();
}

/** Of no group more is under way than it has confirmed. */
export function capGroups(entry: Entry): void {
  const capped = [...entry.groups].map(([group, report]) => {
    const using = Math.min(report.using, within(entry.confirmed, group));
    return [group, using === report.using ? report : { ...report, using }] as const;
  });
  entry.groups = new Map(capped);
}

/** Tokens of a group that may still be spent there. */
export function unspent(entry: Entry, group: string): number {
  const { granted, spent, returned } = entry.tokens.get(group) ?? { granted: 0, spent: 0, returned: 0 };
  return Math.max(0, granted - spent - returned) + (entry.strayTokens.get(group) ?? 0);
}

/** What its stored row must cover. */
export function markOf(entry: Entry): MarkRow {
  const { domain, leasedUntil } = entry;
  return { domain, mark: counted(entry), until: expiresAt(entry), ...(leasedUntil > 0 ? { leasedUntil } : {}) };
}

/** When a message that it has not answered is to be repeated, while others wait. */
export function repushAt(entry: Entry): number {
  const owes = entry.owes || counted(entry) > entry.granted.slots;
  const isOpen = entry.incarnation === null || entry.blindUntil >= 0 || (owes && entry.confirmedVersion < entry.version);
  const isUnheard = entry.pushedVersion > entry.confirmedVersion && counted(entry) > 0;
  return isOpen || isUnheard ? entry.pushedAt + repushMs : Number.POSITIVE_INFINITY;
}

/** The grant as it is sent. `limited` names the groups with a rate limit, and when their next token comes. */
export function grantOf(entry: Entry, leaseMs: number, limited: (group: string) => { opensMs?: number } | null): Grant {
  const { slots, short, perGroup, shares, shortGroups } = entry.granted;
  const grant: Grant = { version: entry.version, slots, leaseMs };
  if (short) grant.short = true;
  if (shares !== null) grant.shares = shares;
  if (shortGroups.length > 0) grant.shortGroups = shortGroups;
  if (perGroup !== null) {
    const named = [...perGroup].map(([group, most]) => {
      const limit = limited(group);
      return [group, limit === null ? { slots: most } : { slots: most, tokens: entry.tokens.get(group)?.granted ?? 0, ...limit }] as const;
    });
    grant.perGroup = new Map(named);
  }
  return grant;
}
