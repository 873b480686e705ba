import { LIMITS } from "../../../policy/limits.ts";
import { idsOf, toRanges } from "../../../policy/ranges.ts";
import { countedTypes, maxAgeOf, poolOf, surplusOf } from "../../../policy/retention.ts";
import { FIRST_TERMINAL_CODE, STATUS_CODE, statusFromCode, type TerminalStatus } from "../../../policy/status.ts";
import { withLiveKin } from "../graph/children.ts";
import type { Core } from "../core.ts";
import { withLiveDependents } from "../graph/edges.ts";
import { remove } from "../run/end.ts";
import { endedTotal, isCounted, isCountDue, keepAtLeastMs, retention } from "./retention.ts";
import { readTasks } from "../rows.ts";
import { finishedCount, type State } from "../state.ts";

interface Aged {
  id: number;
  type: string;
  status: number;
  finished_at: number | null;
  tags: string | null;
  options: string | null;
  family: number | null;
}

/**
 * One slice of retention: walks the primary key from a stored cursor and removes ended tasks while too many are
 * kept, or those that are too old; never one in its first minute, or for as long as its type says. True when another slice should follow at once.
 */
export function purge(core: Core, now: number): boolean {
  const { state } = core;
  if (state.lingering.length > 0) dropLingering(core);
  const rules = retention(core);
  const isAgeDay = state.agesAt !== null && state.agesAt <= now;
  if (isCounted(rules) && state.ofTypes === null) {
    if (!isAgeDay && !isCountDue(state, rules)) return settleDown(core, now, null);
    core.touch().ofTypes = countTypes(core, countedTypes(rules));
    state.purgeCursor = 0;
  }
  const surplus = surplusOf(rules, state.counts, state.ofTypes ?? {});
  if (surplus.size === 0 && !isAgeDay) return settleDown(core, now, null);
  if (isAgeDay && !state.isAging) {
    core.touch().isAging = true;
    state.purgeCursor = 0;
  }
  const rows = core.store
    .exec<Aged & Record<string, SqlStorageValue>>(
      "SELECT id, type, status, finished_at, tags, options, family FROM tasks WHERE id > ? ORDER BY id LIMIT ?",
      state.purgeCursor,
      LIMITS.purgeSlice,
    )
    .toArray();
  core.touch();
  const leasts = new Map<string, number>();
  const atLeast = (type: string): number => {
    const ms = leasts.get(type) ?? keepAtLeastMs(core, type);
    leasts.set(type, ms);
    return ms;
  };
  const ripe = unneeded(
    core,
    rows.filter((row) => row.status >= FIRST_TERMINAL_CODE && row.finished_at !== null && row.finished_at + atLeast(row.type) <= now),
  );
  const gone = ripe.filter(({ type, status, finished_at }) => {
    const end = statusFromCode(status) as TerminalStatus;
    const pool = poolOf(rules, type, end);
    const left = surplus.get(pool) ?? 0;
    if (left === 0 && !(isAgeDay && finished_at! + maxAgeOf(rules, type, end) <= now)) return false;
    surplus.set(pool, Math.max(0, left - 1));
    const counts = state.ofTypes?.[type];
    if (counts) counts[end] = (counts[end] ?? 0) - 1;
    return true;
  });
  remove(core, gone);
  const isEnd = rows.length < LIMITS.purgeSlice;
  state.purgeCursor = isEnd ? 0 : rows.at(-1)!.id;
  if (!isEnd) return true;
  const isLeft = [...surplus.values()].some((count) => count > 0);
  state.ofTypes = null;
  state.walkedAt = isLeft ? null : endedTotal(state);
  return settleDown(core, now, isLeft ? now + LIMITS.keepAtLeastMs : null);
}

/** Finished tasks of types that are counted by themselves: one look at each row. */
function countTypes(core: Core, types: readonly string[]): NonNullable<State["ofTypes"]> {
  const found: NonNullable<State["ofTypes"]> = {};
  const query = `SELECT type, status, count(*) AS n FROM tasks WHERE status >= ${FIRST_TERMINAL_CODE} AND type IN (SELECT value FROM json_each(?)) GROUP BY type, status`;
  for (const { type, status, n } of core.store.exec<{ type: string; status: number; n: number }>(query, JSON.stringify(types)))
    (found[type] ??= {})[statusFromCode(status) as TerminalStatus] = n;
  return found;
}

/** Removes what was kept for others' sake alone, once none of them lives. */
function dropLingering(core: Core): void {
  const ids = [...idsOf(core.state.lingering)];
  const needed = needs(core, ids);
  // One that was retried meanwhile is dealt with when it ends again.
  const rows = readTasks(
    core.store,
    ids.filter((id) => !needed.has(id)),
  ).filter((row) => row.status === STATUS_CODE.completed);
  if (needed.size === ids.length) return;
  core.touch().lingering = toRanges([...needed].sort((one, other) => one - other));
  remove(core, rows);
}

/** Those that no living task depends on, that are of no living family, and that no other domain still has to be told of. */
export function unneeded<Row extends { id: number }>(core: Core, rows: Row[]): Row[] {
  if (rows.length === 0) return rows;
  const needed = needs(
    core,
    rows.map((row) => row.id),
  );
  return needed.size === 0 ? rows : rows.filter((row) => !needed.has(row.id));
}

/** Which of these tasks are needed by one that lives. */
function needs(core: Core, ids: readonly number[]): Set<number> {
  const needed = core.state.edges > 0 || core.state.watchers > 0 ? withLiveDependents(core.store, ids) : new Set<number>();
  for (const id of withLiveKin(core, ids)) needed.add(id);
  if (core.state.prerequisites.length > 0) for (const id of ids) if (core.state.prerequisites.includes(id)) needed.add(id);
  return needed;
}

/** The walk is through: the next look at counts when there is reason, at ages once a day while anything is kept. */
function settleDown(core: Core, now: number, next: number | null): false {
  core.alarm.set("purge", next);
  if (core.state.agesAt !== null && core.state.agesAt <= now) {
    core.touch().isAging = false;
    core.state.agesAt = finishedCount(core.state) > 0 ? now + 86_400_000 : null;
  }
  return false;
}
