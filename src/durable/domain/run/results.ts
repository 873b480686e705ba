import type { ResultAnswer } from "../../../domains/task.ts";
import { LIMITS } from "../../../policy/limits.ts";
import { isTerminal, statusFromCode } from "../../../policy/status.ts";
import { mustRead } from "./cancel.ts";
import type { Core } from "../core.ts";
import { view } from "../look/view.ts";

/** How a task ended, waiting for it up to `waitMs`; a late waiter gets the stored result. */
export async function awaitResult(core: Core, id: number, waitMs: number): Promise<ResultAnswer> {
  let row = mustRead(core, id);
  if (!isTerminal(statusFromCode(row.status)) && waitMs > 0) {
    await core.waiters.wait(id, Math.min(waitMs, LIMITS.waitMsMax));
    row = mustRead(core, id);
  }
  const task = view(core, row, core.clock.now());
  if (task.status === "completed") return { status: "completed", result: task.result };
  return { status: task.status, error: task.error, ended: isTerminal(task.status) };
}
