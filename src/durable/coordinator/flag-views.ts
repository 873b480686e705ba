import { type Flags, isPaused, pressureAt } from "../../policy/coordination/flags.ts";
import { own } from "../../policy/own.ts";
import type { GroupPauseView, PressureView } from "../../policy/coordination/protocol.ts";

const iso = (at: number): string => new Date(at).toISOString();

/** A group's pause as everybody sees it; one that is over is none. */
export function groupPause({ groups }: Flags, name: string, now: number): GroupPauseView {
  const pause = own(groups, name);
  if (pause === undefined || !isPaused(pause, now)) return { name, paused: false, pausedAt: null, pausedUntil: null };
  return { name, paused: true, pausedAt: iso(pause.since), pausedUntil: pause.until === undefined ? null : iso(pause.until) };
}

/** The groups that are paused now, by name. */
export const pausedGroups = (flags: Flags, now: number): GroupPauseView[] =>
  Object.keys(flags.groups)
    .sort()
    .map((name) => groupPause(flags, name, now))
    .filter(({ paused }) => paused);

/** What presses now. */
export function pressureView(flags: Flags, now: number): PressureView {
  const sources = Object.entries(flags.pressure)
    .filter(([, { until }]) => until > now)
    .map(([name, { value, until }]) => [name, { value, remainingMs: until - now }] as const);
  return { composite: pressureAt(flags, now), sources: Object.fromEntries(sources) };
}
