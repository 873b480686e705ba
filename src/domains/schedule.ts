import { type Clock, systemClock } from "../clock.ts";
import type { ScheduleInput } from "../durable/protocol.ts";
import { parseDuration } from "../policy/duration.ts";
import { fail, type MillraceError } from "../policy/errors.ts";
import { LIMITS } from "../policy/limits.ts";
import { isScheduleName, SCHEDULE_NAME_RULE } from "../policy/names.ts";
import type { DomainDefinition, Registry } from "./definition.ts";
import { optionProblems } from "./options.ts";
import { prepare } from "./prepare.ts";

/** The shortest period of a schedule. */
const EVERY_MIN_MS = 1_000;

/**
 * A schedule made ready for its Domain object: `{ name?, type, payload, every | cron, timezone?, initialDelay?, …options }`.
 * Whether cron text and time zone make sense is for the policy that computes the firings.
 *
 * @throws what `prepare` throws; `invalid_request` for its own fields; `not_implemented` for later ones
 */
export function prepareSchedule(
  registry: Registry,
  domain: DomainDefinition,
  given: Readonly<Record<string, unknown>>,
  clock: Clock = systemClock,
): ScheduleInput | Promise<ScheduleInput> {
  const { name, type, payload, every, cron, timezone, initialDelay, ...options } = given;
  const [problem] = optionProblems("schedule", "schedule", { ...options });
  if (problem !== undefined) throw refuse("", problem, problem.includes("not_implemented"));
  if (name !== undefined && !isScheduleName(name)) throw refuse("name", `The name of a schedule is ${SCHEDULE_NAME_RULE}; got ${show(name)}.`);
  if ((every === undefined) === (cron === undefined)) throw refuse("every", "A schedule needs every or cron, and not both.");
  const plan = { ...(name === undefined ? {} : { name }), ...(cron === undefined ? interval(every, initialDelay, timezone) : cronPlan(cron, timezone, initialDelay)) };
  // An instance's key is the schedule and its planned time, so the task itself has none.
  const item = prepare(registry, domain, type, payload, { ...options, key: null }, clock);
  return item instanceof Promise ? item.then((late) => ({ ...plan, item: late })) : { ...plan, item };
}

function interval(every: unknown, initialDelay: unknown, timezone: unknown): Omit<ScheduleInput, "item"> {
  const everyMs = parseDuration(every, "every");
  if (everyMs < EVERY_MIN_MS || everyMs > LIMITS.delayMsMax) throw refuse("every", `every must be from 1 s to 10 years; got ${show(every)}.`);
  if (timezone !== undefined) throw refuse("timezone", "timezone belongs to cron; an interval knows none.");
  if (initialDelay === undefined) return { everyMs };
  const initialDelayMs = parseDuration(initialDelay, "initialDelay");
  if (initialDelayMs > LIMITS.delayMsMax) throw refuse("initialDelay", `initialDelay must be at most 10 years; got ${show(initialDelay)}.`);
  return { everyMs, initialDelayMs };
}

function cronPlan(cron: unknown, timezone: unknown, initialDelay: unknown): Omit<ScheduleInput, "item"> {
  if (typeof cron !== "string" || cron === "") throw refuse("cron", `cron must be text of 5 or 6 fields such as "30 2 * * *"; got ${show(cron)}.`);
  if (initialDelay !== undefined) throw refuse("initialDelay", "initialDelay belongs to every; cron says itself when it begins.");
  if (timezone === undefined) return { cron };
  if (typeof timezone !== "string") throw refuse("timezone", `timezone must be an IANA name such as "Europe/Berlin"; got ${show(timezone)}.`);
  return { cron, timezone };
}


function refuse(path: string, message: string, later = false): MillraceError {
  return fail(later ? "not_implemented" : "invalid_request", message, { issues: [{ path, message }] });
}

function show(value: unknown): string {
  return String(JSON.stringify(value) ?? value).slice(0, 60);
}
