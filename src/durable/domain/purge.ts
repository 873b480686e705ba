import { LIMITS } from "../../policy/limits.ts";
import { FIRST_TERMINAL_CODE } from "../../policy/status.ts";
import type { Core } from "./core.ts";
import { remove, retention } from "./end.ts";
import { finishedCount } from "./state.ts";

interface Aged {
  id: number;
  status: number;
  finished_at: number | null;
  tags: string | null;
}

/**
 * One slice of retention: walks the primary key from a stored cursor and removes ended tasks while too many are
 * kept, or those that are too old; never one in its first minute. True when another slice should follow at once.
 */
export function purge(core: Core, now: number): boolean {
  const { state } = core;
  const { keep, maxAgeMs } = retention(core);
  const surplus = Math.max(0, finishedCount(state) - keep);
  const isAgeDay = state.agesAt !== null && state.agesAt <= now;
  if (surplus === 0 && !isAgeDay) return settleDown(core, now, null);
  if (isAgeDay && !state.isAging) {
    core.touch().isAging = true;
    state.purgeCursor = 0;
  }
  const rows = core.store
    .exec<Aged & Record<string, SqlStorageValue>>("SELECT id, status, finished_at, tags FROM tasks WHERE id > ? ORDER BY id LIMIT ?", state.purgeCursor, LIMITS.purgeSlice)
    .toArray();
  core.touch();
  const ripe = rows.filter((row) => row.status >= FIRST_TERMINAL_CODE && row.finished_at !== null && row.finished_at + LIMITS.keepAtLeastMs <= now);
  const old = isAgeDay ? ripe.filter((row) => row.finished_at! + maxAgeMs <= now) : [];
  const gone = new Set([...ripe.slice(0, surplus), ...old]);
  remove(core, [...gone]);
  const isEnd = rows.length < LIMITS.purgeSlice;
  state.purgeCursor = isEnd ? 0 : rows.at(-1)!.id;
  if (!isEnd) return true;
  return settleDown(core, now, surplus > gone.size ? now + LIMITS.keepAtLeastMs : null);
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
