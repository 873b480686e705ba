import type { Core } from "./core.ts";
import { dispatch } from "./dispatch.ts";

/** A flag that costs one row, whatever waits behind it; running work is aborted and goes back uncharged. */
export function pause(core: Core): void {
  core.transact("pause", () => {
    core.touch().paused = true;
    for (const run of core.runs.values()) for (const id of run.open) core.abort(run, id, "pause");
  });
}

export function resume(core: Core): void {
  core.transact("resume", () => {
    core.touch().paused = false;
    dispatch(core);
  });
}
