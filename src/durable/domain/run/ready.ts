import { laneName } from "../../../policy/lane-name.ts";
import { Lanes } from "../../../policy/lanes.ts";
import type { Core } from "../core.ts";
import { queue } from "./order.ts";
import { pressAgain } from "../gates/press.ts";

/** What of a task says which lane it is in. */
export interface Laned {
  /** Absent: it is not one that the domain's gate holds. */
  id?: number;
  type: string;
  grp?: string | null;
  fair?: string | null;
}

/** The kind of a type's lanes; empty where nothing sets the type apart. */
export function kindOf(core: Core, type: string): string {
  const definition = core.definition?.types.get(type);
  if (definition?.pull) return `pull:${type}`;
  return definition === undefined || core.rates.has(type) || core.budgets.has(type) ? `type:${type}` : "";
}

/**
 * The lane of a task: by its group and fair key; and by its type, for a pull type, which the runner never gets, for
 * one with a rate limit or a budget, and while it is not registered, held until a deploy brings it back. The plain one where nothing sets it apart.
 */
export function laneOf(core: Core, { id, type, grp = null, fair = null }: Laned): string {
  if (id !== undefined && core.gatekeeper.heldBy(id)) {
    core.lanes.holdKind(GATED, GATED);
    return gatedLane(grp);
  }
  const kind = kindOf(core, type);
  if (kind !== "" && !core.definition?.types.has(type)) core.lanes.holdKind(kind, "unregistered");
  return laneName(kind, grp, fair);
}

/** The kind of the lanes of what the domain's gate holds. */
const GATED = "gate";

/** Where a task stands that the domain's gate holds. */
export const gatedLane = (group: string | null): string => laneName(GATED, group, null);

/** The ready order made anew, by one scan from the oldest pending id. */
export function layOut(core: Core): void {
  core.lanes = new Lanes();
  core.gatekeeper.clear();
  core.pauses.holdGroups(core.clock.now());
  const rows = core.store
    .exec("SELECT id, priority, type, grp, fair, family FROM tasks WHERE id >= ? AND status = 0", core.state.oldest)
    .raw<[number, number, string, string | null, string | null, number | null]>();
  for (const [id, priority, type, grp, fair, family] of rows)
    if (!core.claims.has(id)) queue(core, { id, priority, type, grp, fair, family });
  pressAgain(core, core.clock.now());
  core.rates.holdAll();
  core.budgets.load(core.clock.now());
}
