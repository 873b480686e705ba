import { LIMITS } from "../../../policy/limits.ts";
import type { Core } from "../core.ts";
import type { TaskRow } from "../rows.ts";

/** The lane of what stands aside: always held. */
const ASIDE = "aside";
/** How long a round that follows at once lets others go first: without a rest it would take every turn of slots and event loop. */
const TURN_MS = 10;

interface Turn {
  id: number;
  lane: string;
  priority: number;
  /** Epoch ms. */
  over: number;
  hasTimer: boolean;
}

// Kept beside the ready order, and forgotten with it: after a crash such a round is ready like any task.
const turns = new WeakMap<Core["lanes"], Map<number, Turn>>();

/**
 * A ready task stands aside for a moment, so that whatever else is ready, of whatever priority, has its turn; part of a
 * transaction. An object that dies meanwhile is woken by the dead man's switch.
 */
export function standAside(core: Core, row: TaskRow, now: number): void {
  const { id, priority } = row;
  const lane = core.laneOf(row);
  if (core.lanes.remove(lane, priority, id) === 0) return;
  core.lanes.add(ASIDE, priority, id);
  core.lanes.holdKind(ASIDE, "turn");
  const all = turns.get(core.lanes) ?? new Map<number, Turn>();
  turns.set(core.lanes, all.set(id, { id, lane, priority, over: now + TURN_MS, hasTimer: false }));
  core.alarm.soon("kick", now + LIMITS.deadManMs);
}

/** One that ends while it stands aside. */
export function leaveAside(core: Core, id: number): void {
  const turn = turns.get(core.lanes)?.get(id);
  if (turn) core.lanes.remove(ASIDE, turn.priority, id);
}

/** Those whose moment is over are ready again; for the others `later` is called when it is. */
export function bringBack(core: Core, now: number, later: () => void): void {
  const all = turns.get(core.lanes);
  if (!all) return;
  for (const [id, turn] of all) {
    if (turn.over > now) {
      if (!turn.hasTimer) core.after(() => void core.clock.after(turn.over - now, later));
      turn.hasTimer = true;
      // The alarm that rings now has forgotten it.
      core.alarm.soon("kick", now + LIMITS.deadManMs);
      continue;
    }
    all.delete(id);
    if (core.lanes.remove(ASIDE, turn.priority, id) > 0) core.lanes.add(turn.lane, turn.priority, id);
  }
  if (all.size === 0) turns.delete(core.lanes);
}
