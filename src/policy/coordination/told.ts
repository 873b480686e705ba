import type { Allotment } from "./allotment.ts";
import { UNGROUPED } from "./groups.ts";
import { COORDINATION, type Demand, type Grant, type SyncRequest } from "./protocol.ts";

const { renewAfterMs, reaskMs, refineMs } = COORDINATION;

/** What the coordinator last heard, as far as the holder knows. */
export interface Told {
  at: number;
  /** Slots: what the coordinator counts for this holder unless it has raised since. */
  holding: number;
  /** By group; null: no group had a limit, each counts with all. */
  groups: ReadonlyMap<string, number> | null;
  /** Wanted beyond what was in use, in all. */
  wanting: number;
  /** Groups of which something was wanted, `""` for ungrouped work. */
  wanted: ReadonlySet<string>;
  /** The most urgent priority wanted; 256: none. */
  urgency: number;
  /** Whether slots were short of it: the coordinator knows, and will push. */
  unmet: boolean;
  /** Groups whose own slots were short of it. */
  unmetIn: ReadonlySet<string>;
  /** When a group's next token is there. */
  opensAt: ReadonlyMap<string, number>;
}

/** Nothing yet. */
export const NEVER: Told = {
  at: Number.NEGATIVE_INFINITY,
  holding: 0,
  groups: new Map(),
  wanting: 0,
  wanted: new Set(),
  urgency: 256,
  unmet: false,
  unmetIn: new Set(),
  opensAt: new Map(),
};

/** The most urgent priority wanted; 256: none. */
export const mostUrgent = (wanting: readonly Demand[]): number => wanting.reduce((best, demand) => Math.min(best, demand.priority), 256);

/** What the coordinator knows that got this request and gave this answer. `now` is what the holder holds by then: what a push raised meanwhile is known there, too. */
export function toldBy(
  request: SyncRequest,
  grant: Grant,
  askedAt: number,
  now: { holding: number; groups: ReadonlyMap<string, number> },
): Told {
  const wanted = new Map<string, number>();
  for (const { group, count } of request.wanting) wanted.set(group ?? UNGROUPED, (wanted.get(group ?? UNGROUPED) ?? 0) + count);
  const unmetIn = new Set<string>();
  let useful = request.using;
  for (const [group, count] of wanted) {
    const using = request.groups?.get(group)?.using ?? 0;
    const most = group === UNGROUPED || grant.perGroup === undefined ? Number.POSITIVE_INFINITY : (grant.perGroup.get(group)?.slots ?? 0);
    if (using + count > most) unmetIn.add(group);
    useful += Math.max(0, Math.min(count, most - using));
  }
  const opens = [...(grant.perGroup ?? [])].flatMap(([group, { opensMs }]) =>
    opensMs === undefined ? [] : [[group, askedAt + opensMs] as const],
  );
  const groups = new Map(now.groups);
  for (const [group, { holding }] of request.groups ?? []) groups.set(group, Math.max(holding, groups.get(group) ?? 0));
  return {
    at: askedAt,
    holding: Math.max(request.holding, now.holding),
    groups: request.closed === true ? groups : null,
    wanting: [...wanted.values()].reduce((sum, count) => sum + count, 0),
    wanted: new Set(wanted.keys()),
    urgency: mostUrgent(request.wanting),
    unmet: grant.slots < Math.min(useful, request.cap ?? Number.POSITIVE_INFINITY),
    unmetIn,
    opensAt: new Map(opens),
  };
}

/** What a grant that was just applied adds: it counts there at least with that. */
export function withGrant(told: Told, { slots, perGroup }: Grant): Told {
  const holding = Math.max(told.holding, slots);
  if (perGroup === undefined || told.groups === null) return { ...told, holding, groups: null };
  const groups = new Map(told.groups);
  for (const [group, { slots: most }] of perGroup) groups.set(group, Math.max(groups.get(group) ?? 0, Math.min(most, slots)));
  return { ...told, holding, groups };
}

/** What the coordinator counts for a group. */
export function toldIn({ groups, holding }: Told, group: string): number {
  return groups === null ? holding : (groups.get(group) ?? 0);
}

/** When to ask for what a group wants: at once for what the coordinator does not know, later again for what it does; infinite: it may just start. */
export function askAt(
  told: Told,
  has: Allotment,
  { now, group, free, urgency }: { now: number; group: string; free: number; urgency: number },
): number {
  const again = (slots: number) => told.at + (slots === 0 ? reaskMs : renewAfterMs);
  if (has.isFull(group)) {
    if (told.unmetIn.has(group)) return again(has.usingIn(group));
    // Without a slot for it leave would be of no use yet.
    return free > 0 ? now : told.at + refineMs;
  }
  // Tokens are asked for while every slot is taken, too: else those who need none would always be first.
  if (has.tokensIn(group) === 0 && has.slots > 0) return told.opensAt.get(group) ?? (told.wanted.has(group) ? told.at + refineMs : now);
  if (free > 0) return Number.POSITIVE_INFINITY;
  return told.unmet && told.wanted.has(group) && urgency >= told.urgency ? again(has.slots) : now;
}
