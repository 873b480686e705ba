import type { DomainChange } from "../protocol.ts";
import type { Core } from "./core.ts";
import { dispatch } from "./run/dispatch.ts";

/** Sets the domain's own cap and rate limits of its types, stored; null: none. Lowering the cap ends no run. */
export function configure(core: Core, change: DomainChange): void {
  core.transact("configure", () => {
    if (change.rates !== undefined) core.rates.set(change.rates);
    if (change.maxConcurrency !== undefined) core.touch().maxConcurrency = change.maxConcurrency;
    core.holder.setCap(core.cap);
    dispatch(core);
  });
}
