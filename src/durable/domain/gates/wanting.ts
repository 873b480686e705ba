import type { Demand } from "../../../policy/coordination/protocol.ts";
import type { ReadyLevel } from "../../../policy/lane-parents.ts";
import { FINALIZE_LEVEL } from "../../../policy/priority.ts";
import { age as bringUpToDate, agingOf } from "./age.ts";
import { claimable } from "../pull/claim.ts";
import type { Core } from "../core.ts";
import { press } from "./press.ts";

/** More groups and priorities than this are told in turns, those behind the most urgent half. */
const LEVELS_MAX = 1_000;
const HALF = LEVELS_MAX / 2;
/** What one level can want at most: a cap has no use for more. */
const COUNT_MAX = 1_000;

/** What a domain tells the coordinator it could use. */
export interface Wanting {
  /** What is ready beyond the free slots, by group and priority. */
  demands: Demand[];
  /** Ready tasks of each group. */
  pending: Map<string, number>;
  /** Those of them that were submitted so urgent that less urgent work makes room. */
  urgent: Demand[];
}

/** @param turn grows with each request, so that each of very many groups is told in time */
export function wantingOf(core: Core, now: number, age: (id: number) => number, turn: number): Wanting {
  const pending = new Map<string, number>();
  press(core, now);
  if (core.pauses.stopped || (core.lanes.readySize === 0 && core.claimers.size === 0)) return { demands: [], pending, urgent: [] };
  bringUpToDate(core, now);
  const all = [...core.lanes.sizeByGroupAndPriority(undefined, (kind) => tokensOf(core, kind)), ...claimable(core)].sort(
    (one, other) => one.priority - other.priority,
  );
  const levels = inTurn(all, turn);
  const free = new Map<string | null, number>();
  let total = core.holder.free(now);
  const demands: Demand[] = [];
  const urgent: Demand[] = [];
  for (const { group, priority, count, oldest } of levels) {
    if (group !== null) pending.set(group, (pending.get(group) ?? 0) + count);
    const own = Math.min(total, free.get(group) ?? core.holder.free(now, group));
    const wanted = Math.min(count, COUNT_MAX);
    const beyond = Math.max(0, wanted - own);
    const used = wanted - beyond;
    total -= used;
    free.set(group, own - used);
    if (beyond === 0) continue;
    const demand: Demand = { group, priority: Math.max(0, priority), count: beyond, oldestMs: age(oldest) };
    demands.push(demand);
    if (priority > FINALIZE_LEVEL && priority <= core.preemptAt) urgent.push(demand);
  }
  return { demands, pending, urgent: submittedSo(core, urgent) };
}

/** How many of a kind may start by their type's rate limit. */
const tokensOf = (core: Core, kind: string): number => (kind === "" ? Infinity : core.rates.tokens(kind.slice(kind.indexOf(":") + 1)));

/** Work that has only grown so urgent by its age takes no slot from others. */
function submittedSo(core: Core, urgent: readonly Demand[]): Demand[] {
  const { preemptAt } = core;
  if (urgent.length === 0 || (agingOf(core)?.ceiling ?? 256) > preemptAt) return [...urgent];
  const left = new Map<string | null, number>();
  for (const { lane, priority, ids } of core.lanes.reachable())
    if (priority > FINALIZE_LEVEL && priority <= preemptAt)
      left.set(lane.home.name || null, (left.get(lane.home.name || null) ?? 0) + ids.size);
  return urgent.flatMap((demand) => {
    const count = Math.min(demand.count, left.get(demand.group) ?? 0);
    left.set(demand.group, (left.get(demand.group) ?? 0) - count);
    return count > 0 ? [{ ...demand, count }] : [];
  });
}

function inTurn(levels: readonly ReadyLevel[], turn: number): readonly ReadyLevel[] {
  if (levels.length <= LEVELS_MAX) return levels;
  const rest = levels.length - HALF;
  const from = (turn * HALF) % rest;
  const others = Array.from({ length: HALF }, (_, index) => levels[HALF + ((from + index) % rest)] as ReadyLevel);
  return [...levels.slice(0, HALF), ...others];
}
