import type { Cause, TerminalStatus } from "../../../policy/status.ts";
import type { AbortReason } from "../../protocol.ts";
import type { Core } from "../core.ts";
import { end } from "./end.ts";
import type { TaskRow } from "../rows.ts";

/** The column `cancelling`: why a claimed task was told to stop for good, so that a crash does not forget it. */
export const STOPPING = { cancel: 1, supersede: 2, child: 3 } as const;

/** The reason that a row notes; undefined when nobody stopped it. */
export const stoppedBy = (cancelling: number): keyof typeof STOPPING | undefined => BY_CODE.get(cancelling);

const BY_CODE = new Map(Object.entries(STOPPING).map(([reason, code]) => [code as number, reason as keyof typeof STOPPING]));

/** Stopped for good: whatever its execution answers, the task ends so. */
export const isFinal = (reason: AbortReason | undefined): reason is keyof typeof STOPPING => reason !== undefined && reason in STOPPING;

const ENDS: Partial<Record<AbortReason, readonly [Cause, TerminalStatus]>> = {
  cancel: ["cancel", "cancelled"],
  supersede: ["supersede", "superseded"],
  deadline: ["expire", "expired"],
  // The error is on its row by then.
  child: ["child", "failed"],
};

/** Ends a task that was stopped for good, whatever its execution answers; false when the reason lets it go on. */
export function endStopped(core: Core, row: TaskRow, reason: AbortReason | undefined, change: Partial<TaskRow>): boolean {
  const ending = reason && ENDS[reason];
  if (ending) end(core, row, ...ending, change);
  return ending !== undefined;
}
