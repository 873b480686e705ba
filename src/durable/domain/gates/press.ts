import { pressureAt } from "../../../policy/coordination/flags.ts";
import { DEFAULT_PRESSURE, easesAt, floorAt, floorFallsAt, limitOf, type PressureRule } from "../../../policy/pressure.ts";
import type { Hold } from "../../../policy/why.ts";
import type { Core } from "../core.ts";
import { countDenied } from "./held.ts";

/** Who waits at which pressure: as the domain says, else as the mill does. */
const rulesOf = (core: Core): readonly PressureRule[] => core.definition?.pressure ?? core.outside.registry.pressure ?? DEFAULT_PRESSURE;

/** Sets aside what waits at the pressure of now, and lets go what does not: asked before anything is taken. Counts what is newly set aside. */
export function press(core: Core, now: number): void {
  lower(core, now);
  countDenied(core, "pressure", core.lanes.takePressed());
}

/** The same for a ready order that was made anew: what it holds has been counted before. */
export function pressAgain(core: Core, now: number): void {
  lower(core, now);
  core.lanes.takePressed();
}

function lower(core: Core, now: number): void {
  const { flags } = core;
  core.lanes.setFloor(Object.keys(flags.pressure).length === 0 ? undefined : floorAt(rulesOf(core), pressureAt(flags, now)));
}

/** When the next of what waits may go by itself, as the sources run out (epoch ms); or null. */
export const pressureFallsAt = (core: Core, now: number): number | null =>
  core.lanes.isPressed ? floorFallsAt(core.flags, rulesOf(core), now) : null;

/** Whether the pressure holds a task that is so urgent by now. */
export function pressed(core: Core, urgency: number, now: number): Hold[] {
  const pressure = pressureAt(core.flags, now);
  const limit = limitOf(rulesOf(core), urgency);
  if (limit === null || pressure <= limit) return [];
  const until = easesAt(core.flags, limit, now);
  const [source = ""] = Object.entries(core.flags.pressure).find(([, said]) => said.until > now && said.value === pressure) ?? [];
  return [{ gate: "pressure", pressure, limit, source, ...(until === undefined ? {} : { until }) }];
}
