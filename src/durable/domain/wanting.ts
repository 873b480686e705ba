import type { Demand } from "../../policy/coordination/protocol.ts";
import type { ReadyLevel } from "../../policy/lane-parents.ts";
import { age as bringUpToDate } from "./age.ts";
import { claimable } from "./claim.ts";
import type { Core } from "./core.ts";
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
}

/** @param turn grows with each request, so that each of very many groups is told in time */
export function wantingOf(core: Core, now: number, age: (id: number) => number, turn: number): Wanting {
  const pending = new Map<string, number>();
  press(core, now);
  if (core.pauses.stopped || (core.lanes.readySize === 0 && core.claimers.size === 0)) return { demands: [], pending };
  bringUpToDate(core, now);
  const all = [...core.lanes.sizeByGroupAndPriority(undefined, (kind) => tokensOf(core, kind)), ...claimable(core)].sort(
    (one, other) => one.priority - other.priority,
  );
  const levels = inTurn(all, turn);
  const free = new Map<string | null, number>();
  let total = core.holder.free(now);
  const demands: Demand[] = [];
  for (const { group, priority, count, oldest } of levels) {
    if (group !== null) pending.set(group, (pending.get(group) ?? 0) + count);
    const own = Math.min(total, free.get(group) ?? core.holder.free(now, group));
    const wanted = Math.min(count, COUNT_MAX);
    const beyond = Math.max(0, wanted - own);
    const used = wanted - beyond;
    total -= used;
    free.set(group, own - used);
    if (beyond > 0) demands.push({ group, priority: Math.max(0, priority), count: beyond, oldestMs: age(oldest) });
  }
  return { demands, pending };
}

/** How many of a kind may start by their type's rate limit. */
const tokensOf = (core: Core, kind: string): number => (kind === "" ? Infinity : core.rates.tokens(kind.slice(kind.indexOf(":") + 1)));

function inTurn(levels: readonly ReadyLevel[], turn: number): readonly ReadyLevel[] {
  if (levels.length <= LEVELS_MAX) return levels;
  const rest = levels.length - HALF;
  const from = (turn * HALF) % rest;
  const others = Array.from({ length: HALF }, (_, index) => levels[HALF + ((from + index) % rest)] as ReadyLevel);
  return [...levels.slice(0, HALF), ...others];
}
