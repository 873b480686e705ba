import type { Core } from "./core.ts";
import { dispatch } from "./dispatch.ts";

/** Sets the domain's own cap, stored; null: none. Lowering it ends no run. */
export function configure(core: Core, change: { maxConcurrency?: number | null }): void {
  core.transact("configure", () => {
    if (change.maxConcurrency !== undefined) core.touch().maxConcurrency = change.maxConcurrency;
    core.holder.setCap(core.cap);
    dispatch(core);
  });
}
