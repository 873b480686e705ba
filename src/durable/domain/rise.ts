import type { Core } from "./core.ts";
import { adoptOrphans } from "./run/recover.ts";
import { finishedCount } from "./state.ts";
import { noteRetention } from "./history/retention.ts";

/** After memory has been made from storage: what was under way is looked after, the alarm stands. Runs nothing. */
export function rise(core: Core): void {
  const now = core.clock.now();
  adoptOrphans(core, now);
  if (finishedCount(core.state) > 0) noteRetention(core, now);
  if (core.lanes.readySize > 0 || core.outbox.isDue(now)) core.alarm.soon("kick", now);
  core.transact("wake", () => undefined);
}
