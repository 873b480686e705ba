import type { Flags } from "../../policy/coordination/flags.ts";
import { point } from "../point.ts";
import type { Core } from "./core.ts";
import { dispatch } from "./dispatch.ts";

/**
 * A flag that costs one row, whatever waits behind it; running work is aborted and goes back uncharged.
 */
export function pause(core: Core): void {
  core.transact("pause", () => {
    const now = core.clock.now();
    core.pauses.set({ since: now }, now);
    enforce(core, now);
  });
}

export function resume(core: Core): void {
  core.transact("resume", () => {
    const now = core.clock.now();
    core.pauses.set(null, now);
    enforce(core, now);
    dispatch(core);
  });
}

/** Stores what the coordinator tells when it is newer than what is known, one row, and goes by it at once. */
export function heed(core: Core, flags: Flags): number {
  point("flags.call", core.name);
  if (flags.version > core.flags.version) {
    core.transact("flags", () => {
      const now = core.clock.now();
      core.pauses.account(now);
      core.touch().flags = flags;
      enforce(core, now);
      dispatch(core);
    });
  }
  point("flags.answer", core.name);
  return core.flags.version;
}

/** Makes what runs and waits follow the pauses as they are now; part of a transaction, or of waking. */
export function enforce(core: Core, now: number): void {
  core.alarm.set("pause", core.pauses.endsAt(now));
  if (!core.pauses.stopped) return;
  for (const run of core.runs.values()) for (const id of run.open) core.abort(run, id, "pause");
}
