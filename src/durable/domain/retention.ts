import { parseDuration } from "../../policy/duration.ts";
import { LIMITS } from "../../policy/limits.ts";
import type { Core } from "./core.ts";
import { finishedCount } from "./state.ts";

/** Retention has work once a slice too many is kept; never in a task's first minute. */
export function noteRetention(core: Core, now: number): void {
  const { keep } = retention(core);
  if (finishedCount(core.state) >= keep + LIMITS.purgeSlice) core.alarm.soon("purge", now + LIMITS.keepAtLeastMs);
  if (core.state.lingering.length > 0) core.alarm.soon("purge", now + LIMITS.keepAtLeastMs);
  core.state.agesAt ??= now + Math.min(retention(core).maxAgeMs, 86_400_000);
}

/** How many finished tasks the domain keeps, and how long. */
export function retention(core: Core): { keep: number; maxAgeMs: number } {
  const history = core.definition?.history ?? {};
  return {
    keep: history.keep ?? 10_000,
    maxAgeMs: history.maxAge === undefined ? 30 * 86_400_000 : parseDuration(history.maxAge, "history.maxAge"),
  };
}
