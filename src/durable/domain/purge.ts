import { LIMITS } from "../../policy/limits.ts";
import { idsOf, toRanges } from "../../policy/ranges.ts";
import { FIRST_TERMINAL_CODE, STATUS_CODE } from "../../policy/status.ts";
import { withLiveKin } from "./children.ts";
import type { Core } from "./core.ts";
import { withLiveDependents } from "./edges.ts";
import { remove } from "./end.ts";
import { retention } from "./retention.ts";
import { readTasks } from "./rows.ts";
import { finishedCount } from "./state.ts";

interface Aged {
  id: number;
  status: number;
  finished_at: number | null;
  tags: string | null;
  options: string | null;
  family: number | null;
}

/**
 * One slice of retention: walks the primary key from a stored cursor and removes ended tasks while too many are
 * kept, or those that are too old; never one in its first minute. True when another slice should follow at once.
 */
export function purge(core: Core, now: number): boolean {
  const { state } = core;
  if (state.lingering.length > 0) dropLingering(core);
  const { keep, maxAgeMs } = retention(core);
  const surplus = Math.max(0, finishedCount(state) - keep);
  const isAgeDay = state.agesAt !== null && state.agesAt <= now;
  if (surplus === 0 && !isAgeDay) return settleDown(core, now, null);
  if (isAgeDay && !state.isAging) {
    core.touch().isAging = true;
    state.purgeCursor = 0;
  }
  const rows = core.store
    .exec<Aged & Record<string, SqlStorageValue>>(
      "SELECT id, status, finished_at, tags, options, family FROM tasks WHERE id > ? ORDER BY id LIMIT ?",
      state.purgeCursor,
      LIMITS.purgeSlice,
    )
    .toArray();
  core.touch();
  const ripe = unneeded(
    core,
    rows.filter((row) => row.status >= FIRST_TERMINAL_CODE && row.finished_at !== null && row.finished_at + LIMITS.keepAtLeastMs <= now),
  );
  const old = isAgeDay ? ripe.filter((row) => row.finished_at! + maxAgeMs <= now) : [];
  const gone = new Set([...ripe.slice(0, surplus), ...old]);
  remove(core, [...gone]);
  const isEnd = rows.length < LIMITS.purgeSlice;
  state.purgeCursor = isEnd ? 0 : rows.at(-1)!.id;
  if (!isEnd) return true;
  return settleDown(core, now, surplus > gone.size ? now + LIMITS.keepAtLeastMs : null);
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
