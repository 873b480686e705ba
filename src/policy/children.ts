import { LIMITS } from "./limits.ts";
import type { TerminalStatus } from "./status.ts";

/** Whether the end of a child counts as a failure: every one but success. What was superseded fails nobody. */
export const isFailedChild = (end: TerminalStatus): boolean => end !== "completed" && end !== "superseded";

/** What a parent hands down. */
export interface Heritage {
  /** As urgent as it is now, 0 to 255. */
  priority: number;
  /** Its own tags; those of its domain are not handed down. */
  tags?: Readonly<Record<string, string>>;
  /** What is left of its ttl; absent: it has none. */
  ttlLeftMs?: number;
}

/** What can be handed down to a child. */
export interface Heir {
  priority: number;
  tags?: Record<string, string>;
  ttlMs?: number;
}

/**
 * A child with what it inherits: at least the parent's urgency, what is left of the parent's ttl where it has none of its
 * own, and those tags of the parent that it does not have itself, as many as fit. Nothing left of a ttl: it expires at once.
 *
 * @example `inherit({ priority: 128 }, { priority: 64, ttlLeftMs: 900 }) // { priority: 64, ttlMs: 900 }`
 */
export function inherit<Child extends Heir>(child: Child, parent: Heritage): Child {
  const heir = { ...child, priority: Math.min(child.priority, parent.priority) };
  if (child.ttlMs === undefined && parent.ttlLeftMs !== undefined) heir.ttlMs = Math.max(1, parent.ttlLeftMs);
  const own = child.tags ?? {};
  const given = Object.entries(parent.tags ?? {})
    .filter(([key]) => !(key in own))
    .slice(0, Math.max(0, LIMITS.tagsMax - Object.keys(own).length));
  if (given.length > 0) heir.tags = { ...own, ...Object.fromEntries(given) };
  return heir;
}
