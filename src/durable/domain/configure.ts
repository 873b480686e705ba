import type { Core } from "./core.ts";
import { dispatch } from "./dispatch.ts";

/** Another cap of the domain, at once and for good; null: none of its own. A lowered one ends no run. */
export function configure(core: Core, { maxConcurrency }: { maxConcurrency?: number | null }): void {
  core.transact("configure", () => {
    if (maxConcurrency !== undefined) core.touch().maxConcurrency = maxConcurrency;
    core.holder.setCap(core.cap);
    dispatch(core);
  });
}
