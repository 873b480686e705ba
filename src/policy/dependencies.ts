import type { TerminalStatus } from "./status.ts";

/** What becomes of a task when one that it depends on ends in another way than by completing. */
export const DEPENDENCY_POLICIES = ["cancel", "fail", "ignore"] as const;
export type DependencyPolicy = (typeof DEPENDENCY_POLICIES)[number];

/** Why one task waits for another: the policy of a dependency, or `after` a begun task whose duplicate key it took. */
export type EdgeKind = DependencyPolicy | "after";

/** How an upstream task ended; `purged`: retention took it before anybody could ask. */
export type UpstreamEnd = TerminalStatus | "purged";

/** Whether an end counts as a failure of a dependency. `superseded` does for nobody: its dependents moved on. */
const isFailedEnd = (end: UpstreamEnd): boolean => end !== "completed" && end !== "superseded";

/**
 * What the end of one upstream means for one dependent: it is satisfied with it, or fails by it.
 *
 * @param cascade the upstream was itself ended by the policy `cancel`, which goes on down whatever the policies below it say
 */
export function verdict(kind: EdgeKind, end: UpstreamEnd, cascade = false): "satisfied" | "fails" {
  if (kind === "after" || !isFailedEnd(end)) return "satisfied";
  return cascade || kind !== "ignore" ? "fails" : "satisfied";
}

/** Whether the failure of a dependent goes on down without asking. */
export const cascades = (kind: EdgeKind, cascade: boolean): boolean => cascade || kind === "cancel";

/** How many results fit: indexes whose result is handed over whole, in order, until the bytes are used up. */
export function fitting(bytes: readonly number[], limit: number): boolean[] {
  let left = limit;
  return bytes.map((size) => {
    if (size > left) return false;
    left -= size;
    return true;
  });
}
