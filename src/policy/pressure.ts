import type { Flags, Pressure } from "./coordination/flags.ts";
import { fail, MillraceError } from "./errors.ts";
import { PRIORITY, parsePriority, type Priority } from "./priority.ts";

/** Who waits under pressure, as users write it: one step of the policy. */
export interface PressureStep {
  /** Tasks of this priority, and whatever is less urgent, … */
  priority: Priority;
  /** … wait while the pressure is higher than this, 0 to 1. */
  above: number;
}

/** The same, checked: by `priority` 0 to 255. */
export interface PressureRule {
  priority: number;
  above: number;
}

/** Background and idle tasks wait above 0.50, normal ones above 0.75, high and realtime never. */
export const DEFAULT_PRESSURE: readonly PressureRule[] = [
  { priority: PRIORITY.background, above: 0.5 },
  { priority: PRIORITY.normal, above: 0.75 },
];

/** More steps than there are priorities say nothing. */
const STEPS_MAX = 256;
/** The floor that holds nothing: below every priority. */
export const NO_FLOOR = 256;

/**
 * A pressure policy.
 *
 * @param value steps, in any order; an empty list: nobody ever waits
 * @throws `invalid_request` listing everything that is wrong, as `issues`
 * @example `parsePressurePolicy([{ priority: "background", above: 0.9 }]) // [{ priority: 192, above: 0.9 }]`
 */
export function parsePressurePolicy(value: unknown, name = "pressure"): readonly PressureRule[] {
  if (!Array.isArray(value) || value.length > STEPS_MAX)
    throw refuse([
      { path: name, message: `must be a list of at most ${STEPS_MAX} steps, such as [{ priority: "background", above: 0.5 }]` },
    ]);
  const issues: Issue[] = [];
  const rules = (value as unknown[]).map((step, index) => readStep(step, `${name}[${index}]`, issues));
  if (issues.length > 0) throw refuse(issues);
  return rules;
}

function readStep(step: unknown, path: string, issues: Issue[]): PressureRule {
  const rule: PressureRule = { priority: 0, above: 0 };
  if (typeof step !== "object" || step === null) {
    issues.push({ path, message: "must be { priority, above }" });
    return rule;
  }
  const { priority, above, ...others } = step as PressureStep;
  for (const other of Object.keys(others)) issues.push({ path: `${path}.${other}`, message: "there is no such field" });
  try {
    rule.priority = parsePriority(priority, `${path}.priority`);
  } catch (error) {
    if (!MillraceError.is(error)) throw error;
    issues.push({ path: `${path}.priority`, message: error.message });
  }
  if (typeof above === "number" && above >= 0 && above <= 1) rule.above = above;
  else issues.push({ path: `${path}.above`, message: "must be a number from 0 to 1" });
  return rule;
}

interface Issue {
  path: string;
  message: string;
}

const refuse = (issues: Issue[]): Error =>
  fail("invalid_request", issues.map(({ path, message }) => `${path}: ${message}`).join("; "), { issues });

/** The most urgent priority that waits at that pressure, and with it all that is less urgent; 256: none. */
export function floorAt(rules: readonly PressureRule[], composite: number): number {
  let floor = NO_FLOOR;
  for (const { priority, above } of rules) if (composite > above) floor = Math.min(floor, priority);
  return floor;
}

/** The pressure above which that priority waits; null: it never does. */
export function limitOf(rules: readonly PressureRule[], priority: number): number | null {
  let limit: number | null = null;
  for (const rule of rules) if (rule.priority <= priority) limit = Math.min(limit ?? 1, rule.above);
  return limit;
}

/** When the pressure is no higher than `limit` any more if nobody says anything new (epoch ms): the last of the sources that are runs out. */
export function easesAt({ pressure }: Pick<Flags, "pressure">, limit: number, now: number): number | undefined {
  const above = live(pressure, now).filter(({ value }) => value > limit);
  return above.length === 0 ? undefined : Math.max(...above.map(({ until }) => until));
}

/** When something that waits may go if nobody says anything new (epoch ms): the floor falls; null: nothing waits. */
export function floorFallsAt({ pressure }: Pick<Flags, "pressure">, rules: readonly PressureRule[], now: number): number | null {
  const floor = floorAt(rules, compositeOf(pressure, now));
  if (floor === NO_FLOOR) return null;
  const ends = live(pressure, now)
    .map(({ until }) => until)
    .sort((one, other) => one - other);
  return ends.find((at) => floorAt(rules, compositeOf(pressure, at)) > floor) ?? null;
}

const live = (pressure: Flags["pressure"], now: number): Pressure[] => Object.values(pressure).filter(({ until }) => until > now);

const compositeOf = (pressure: Flags["pressure"], now: number): number =>
  live(pressure, now).reduce((most, { value }) => Math.max(most, value), 0);
