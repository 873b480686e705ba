import { point } from "../../point.ts";
import type { AbortReason } from "../../protocol.ts";
import type { Core } from "../core.ts";
import type { Run } from "./run.ts";

/** Tells a runner to stop a task. One that cannot be told has lost its link: it calls in by name, or its lease runs out. */
export async function tellRunner(core: Core, run: Run, id: number, reason: AbortReason): Promise<void> {
  if (!run.control) return;
  try {
    point("abort.call", core.name);
    await run.control.abort(id, reason);
    point("abort.answered", core.name);
  } catch {
    // See above.
  }
}
