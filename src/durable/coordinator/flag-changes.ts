import { type Flags, type FlagsChange, isPaused, PAUSED_GROUPS_MAX } from "../../policy/coordination/flags.ts";
import { fail } from "../../policy/errors.ts";
import { own } from "../../policy/own.ts";
import type { CheckedPressure } from "../../policy/settings.ts";

const PRESSURE_SOURCES_MAX = 100;

/** @throws `invalid_request` when `until` has passed, or beyond 1,000 paused groups */
export function groupPauseChange({ groups }: Flags, group: string, until: number | undefined, now: number): FlagsChange {
  if (until !== undefined && until <= now) throw passed(until);
  const paused = Object.values(groups).filter((pause) => isPaused(pause, now)).length;
  if (paused >= PAUSED_GROUPS_MAX && !isPaused(own(groups, group), now)) throw tooManyGroups();
  return { groups: { [group]: { since: now, ...(until === undefined ? {} : { until }) } } };
}

/**
 * What a source of pressure changes; undefined when it says nothing new: one that repeats itself costs a write twice within its
 * ttl, not each time.
 *
 * @throws `invalid_request` beyond 100 sources
 */
export function pressureChange({ pressure }: Flags, { name, value, ttlMs }: CheckedPressure, now: number): FlagsChange | undefined {
  const said = own(pressure, name);
  const sources = Object.values(pressure).filter(({ until }) => until > now).length;
  if (said === undefined && sources >= PRESSURE_SOURCES_MAX) throw tooManySources();
  const isNews = said?.value !== value || said.until - now < ttlMs / 2 || said.until > now + ttlMs;
  return isNews ? { pressure: { [name]: { value, until: now + ttlMs } } } : undefined;
}

const passed = (until: number): Error =>
  fail("invalid_request", `until has passed (${new Date(until).toISOString()}); give a moment in the future, or leave it out.`, {
    issues: [{ path: "until", message: "in the past" }],
  });

// All of them travel to every domain, which writes them with its state.
const tooManyGroups = (): Error =>
  fail("invalid_request", `At most ${PAUSED_GROUPS_MAX} groups can be paused at once; resume some, or pause their domain.`, {
    issues: [{ path: "group", message: "too many" }],
  });

const tooManySources = (): Error =>
  fail("invalid_request", `At most ${PRESSURE_SOURCES_MAX} sources of pressure count at once; let some run out, or join them into one.`, {
    issues: [{ path: "name", message: "too many" }],
  });
