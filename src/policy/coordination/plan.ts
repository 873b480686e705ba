import { allocate, type AllocationPolicy, type Claim, type Share } from "./allocate.ts";
import { counted, countedIn, type Entry, grantedIn, heldGroups, type Issued, lapsed, unspent } from "./entry.ts";
import { fill } from "./fill.ts";
import { capOf, type GroupPolicy, isClosed, isFair, UNCAPPED, UNGROUPED } from "./groups.ts";
import { type Purse, type Settled, settle, sum } from "./purse.ts";
import { nothing, type Wants, wantsByGroup, wantsOf } from "./wants.ts";

/** What the mill allows, as it stands now. */
export interface Settings {
  maxConcurrency: number;
  groups: GroupPolicy;
  /** Work of this priority or a more urgent one ignores weights; null: none does. */
  urgentAt: number | null;
}

/** What one domain should be granted now. */
interface PlannedGrant {
  issued: Issued;
  /** It should know at once, though it has not asked: others wait for what is taken from it, or it for what it is given. */
  isPressing: boolean;
  /** It counts with more of a group than this, and others wait for it. */
  owes: boolean;
}

/** What every domain should be granted now, and whether anybody is left waiting. */
export interface Plan {
  grants: Map<Entry, PlannedGrant>;
  waiting: boolean;
  /** The ideal, however much of it is safe to send now. */
  shares: Map<string, Share>;
}

/** Groups of which a holder keeps slots though it neither wants nor uses them. */
const IDLE_GROUPS_MAX = 64;

/**
 * Turns the ideal shares into grants that are safe to send now: cuts at once, raises only as far as slots are free
 * of everything that still counts elsewhere, in all and in each group. While nobody is short, unused slots stay where they are.
 */
export function plan(entries: readonly Entry[], settings: Settings, now: number): Plan {
  const { maxConcurrency, groups } = settings;
  const live = entries.filter((entry) => entry.incarnation !== null);
  const rows = entries.filter((entry) => entry.incarnation === null);
  const claims = new Map<Entry, Claim>(live.map((entry) => [entry, claimOf(entry, now)]));
  const budget = Math.max(0, maxConcurrency - sum(rows.map(counted)));
  const shares = allocate([...claims.values()], allocationPolicy(settings, budget, rows));
  const share = (entry: Entry) => shares.get(entry.domain);
  const slots: Purse = {
    cap: maxConcurrency,
    counted,
    granted: (entry) => entry.granted.slots,
    using: (entry) => entry.using,
  };
  const goals = new Map(live.map((entry) => [entry, share(entry)?.slots ?? 0]));
  const unmet = new Set(live.filter((entry) => share(entry)?.isShort));
  const safe = settle(slots, entries, goals, new Map([...claims].map(([entry, claim]) => [entry, wantsOf(claim)])), unmet);
  const byGroup = isClosed(groups) ? planGroups(entries, live, claims, shares, groups) : null;
  const grants = new Map<Entry, PlannedGrant>();
  for (const entry of live) {
    const others = safe.waiting.size - Number(safe.waiting.has(entry));
    const issued: Issued = {
      slots: safe.slots.get(entry) ?? 0,
      short: others > 0,
      perGroup: null,
      shares: isFair(groups) ? (share(entry)?.groups ?? new Map()) : null,
      shortGroups: [],
    };
    const isOpened = entry.granted.perGroup !== null && entry.wanting.some(({ group }) => group !== null);
    const planned = byGroup === null ? { issued, isPressing: isOpened, owes: false } : nameGroups(issued, entry, byGroup, groups);
    grants.set(entry, planned);
  }
  const dry = isDry(live, entries, groups);
  return { grants, waiting: safe.waiting.size > 0 || dry || [...(byGroup?.values() ?? [])].some((each) => each.waiting.size > 0), shares };
}

/** A cut is always sent; a raise to those who wait; that slots are short, to those who hold some. */
export function isWorthAPush(entry: Entry, { issued, isPressing }: PlannedGrant, now: number): boolean {
  const { slots, short } = issued;
  if (slots < entry.granted.slots) return true;
  const isUseful = entry.wanting.length > 0 && !lapsed(entry, now);
  if (slots > entry.granted.slots && isUseful) return true;
  if (isPressing && (isUseful || counted(entry) > 0)) return true;
  return short && !entry.granted.short && counted(entry) > 0;
}

/** Groups with a cap that a plan speaks of. */
export function cappedGroups({ grants }: Plan, policy: GroupPolicy): Set<string> {
  const names = new Set<string>();
  for (const { issued } of grants.values()) {
    for (const group of issued.perGroup?.keys() ?? []) if (capOf(policy, group) < Number.POSITIVE_INFINITY) names.add(group);
  }
  return names;
}

function allocationPolicy({ groups, urgentAt }: Settings, maxConcurrency: number, rows: readonly Entry[]): AllocationPolicy {
  const policy: AllocationPolicy = {
    maxConcurrency,
    capOf: (group) => Math.max(0, capOf(groups, group) - sum(rows.map((entry) => countedIn(entry, group)))),
    urgentAt,
  };
  if (!isFair(groups)) return policy;
  const { rules } = groups;
  const fair = { weightOf: (group: string) => rules.get(group)?.weight ?? 1, minOf: (group: string) => rules.get(group)?.minSlots ?? 0 };
  return { ...policy, fair };
}

function claimOf(entry: Entry, now: number): Claim {
  const { domain, using, cap } = entry;
  const usingBy = new Map([...entry.groups].map(([group, report]) => [group, report.using]));
  if (lapsed(entry, now)) return { domain, using, usingBy, cap, starvedMs: 0, wanting: [] };
  const sinceMs = now - (entry.syncedAt ?? now);
  const wanting = entry.wanting.map((demand) => ({ ...demand, oldestMs: demand.oldestMs + sinceMs }));
  return { domain, using, usingBy, cap, starvedMs: now - (entry.emptySince ?? now), wanting };
}

interface PlannedGroup extends Settled {
  /** More counts than its cap allows. */
  isOver: boolean;
}

/** Each group's slots among those who want or hold any. They are not bound to the mill's: who holds slots enough may use them for any group that it has leave for. */
function planGroups(
  entries: readonly Entry[],
  live: readonly Entry[],
  claims: ReadonlyMap<Entry, Claim>,
  shares: ReadonlyMap<string, Share>,
  policy: GroupPolicy,
): Map<string, PlannedGroup> {
  const parties = new Map<string, Set<Entry>>();
  const everywhere = entries.filter((entry) => heldGroups(entry).any);
  const party = (group: string, entry: Entry) => {
    if (group === UNGROUPED) return;
    const known = parties.get(group);
    if (known === undefined) parties.set(group, new Set([entry]));
    else known.add(entry);
  };
  for (const entry of entries) for (const group of heldGroups(entry).names) party(group, entry);
  for (const entry of live) for (const group of namesOf(entry)) party(group, entry);
  const planned = new Map<string, PlannedGroup>();
  const wanted = wantsByGroup(claims);
  for (const [group, involved] of parties) {
    for (const entry of everywhere) involved.add(entry);
    const wants = new Map(
      [...involved].flatMap((entry) => {
        const claim = claims.get(entry);
        return claim ? [[entry, wanted.get(group)?.get(entry) ?? nothing(claim)] as const] : [];
      }),
    );
    planned.set(group, planGroup(group, [...involved], wants, shares, capOf(policy, group)));
  }
  return planned;
}

/** @param wants of those among the involved who have been heard */
function planGroup(
  group: string,
  involved: readonly Entry[],
  wants: ReadonlyMap<Entry, Wants>,
  shares: ReadonlyMap<string, Share>,
  cap: number,
): PlannedGroup {
  if (cap === Number.POSITIVE_INFINITY)
    return { slots: new Map([...wants.keys()].map((entry) => [entry, UNCAPPED])), waiting: new Set(), isOver: false };
  const purse: Purse = {
    cap,
    counted: (entry) => countedIn(entry, group),
    granted: (entry) => (entry.granted.perGroup === null ? 0 : grantedIn(entry, group)),
    using: (entry) => entry.groups.get(group)?.using ?? 0,
  };
  const fillers = [...wants].map(([entry, { count, oldestMs, starvedMs }]) => {
    const using = purse.using(entry);
    const have = shares.get(entry.domain)?.groups.get(group) ?? 0;
    const most = Math.max(have, Math.min(using + count, entry.cap ?? Number.POSITIVE_INFINITY));
    return { entry, domain: entry.domain, have, most, using, starvedMs, oldestMs };
  });
  const rows = involved.filter((entry) => !wants.has(entry));
  fill(Math.max(0, cap - sum(rows.map(purse.counted)) - sum(fillers.map(({ have }) => have))), fillers);
  const goals = new Map(fillers.map(({ entry, have }) => [entry, have]));
  const unmet = new Set(fillers.filter(({ have, most }) => have < most).map(({ entry }) => entry));
  const isOver = sum(involved.map(purse.counted)) > cap;
  return { ...settle(purse, involved, goals, wants, unmet), isOver };
}

/** Groups that a grant of this holder is to name: what it wants, uses or has ready, and some of what it kept. */
function namesOf(entry: Entry): Set<string> {
  const names = new Set<string>();
  for (const { group } of entry.wanting) if (group !== null) names.add(group);
  for (const [group, { using, pending }] of entry.groups) if (using > 0 || pending > 0) names.add(group);
  let idle = 0;
  for (const [group, slots] of entry.granted.perGroup ?? []) {
    if (names.has(group) || slots === 0 || (idle += 1) > IDLE_GROUPS_MAX) continue;
    names.add(group);
  }
  return names;
}

/** A grant with what each group may use, and whether that is worth a message. */
function nameGroups(issued: Issued, entry: Entry, byGroup: ReadonlyMap<string, PlannedGroup>, policy: GroupPolicy): PlannedGrant {
  const perGroup = new Map<string, number>();
  const shortGroups: string[] = [];
  const wanted = new Set(entry.wanting.map(({ group }) => group));
  const before = new Set(entry.granted.shortGroups);
  // Until now any group might have used any slot.
  let isPressing = entry.granted.perGroup === null && counted(entry) > 0;
  let owes = false;
  for (const group of namesOf(entry)) perGroup.set(group, byGroup.get(group)?.slots.get(entry) ?? 0);
  for (const group of new Set([...perGroup.keys(), ...(entry.granted.perGroup?.keys() ?? []), ...heldGroups(entry).names])) {
    const each = byGroup.get(group);
    if (each === undefined) continue;
    const slots = perGroup.get(group) ?? 0;
    const had = grantedIn(entry, group);
    const isNeeded = isNeededElsewhere(each, entry, group, policy);
    const isCounted = countedIn(entry, group) > 0 || unspent(entry, group) > 0;
    owes ||= isNeeded && countedIn(entry, group) > slots;
    isPressing ||= slots < had ? isNeeded : slots > had && wanted.has(group);
    if (!isNeeded || !isCounted) continue;
    shortGroups.push(group);
    isPressing ||= !before.has(group);
  }
  return { issued: { ...issued, perGroup, shortGroups }, isPressing, owes };
}

/** Others wait for slots or tokens of a group, or it is over its cap. */
function isNeededElsewhere(each: PlannedGroup, self: Entry, group: string, { rules }: GroupPolicy): boolean {
  const others = each.waiting.size - Number(each.waiting.has(self));
  if (others > 0 || each.isOver) return true;
  return rules.get(group)?.rate !== undefined && [...each.slots.keys()].some((entry) => entry !== self && wants(entry, group));
}

const wants = (entry: Entry, group: string) => entry.wanting.some((demand) => demand.group === group && demand.count > 0);

/** Somebody waits for tokens that holders may have who have not been heard since the start. */
function isDry(live: readonly Entry[], entries: readonly Entry[], { rules }: GroupPolicy): boolean {
  if (!entries.some(({ blindUntil }) => blindUntil >= 0)) return false;
  return [...rules].some(([group, { rate }]) => rate !== undefined && live.some((entry) => wants(entry, group)));
}
