import { type Clock, systemClock } from "../clock.ts";
import type { ScheduleInput } from "../durable/protocol.ts";
import { parseDuration } from "../policy/duration.ts";
import { fail, type MillraceError } from "../policy/errors.ts";
import { LIMITS } from "../policy/limits.ts";
import { isScheduleName, SCHEDULE_NAME_RULE } from "../policy/names.ts";
import { nextAfter, parseCron, parseEvery } from "../policy/recurrence.ts";
import type { DomainDefinition, Registry } from "./definition.ts";
import { optionProblems } from "./options.ts";
import { prepare } from "./prepare.ts";

/**
 * A schedule made ready for its Domain object: `{ name?, type, payload, every | cron, timezone?, initialDelay?, …options }`.
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
  const plan = { ...(name === undefined ? {} : { name }), ...(cron === undefined ? interval(every, initialDelay, timezone) : cronPlan(cron, timezone, initialDelay, clock)) };
  // An instance's key is the schedule and its planned time, so the task itself has none.
  const item = prepare(registry, domain, type, payload, { ...options, key: null }, clock);
  return item instanceof Promise ? item.then((late) => ({ ...plan, item: late })) : { ...plan, item };
}

function interval(every: unknown, initialDelay: unknown, timezone: unknown): Omit<ScheduleInput, "item"> {
  const everyMs = parseEvery(every);
  if (timezone !== undefined) throw refuse("timezone", "timezone belongs to cron; an interval knows none.");
  if (initialDelay === undefined) return { everyMs };
  const initialDelayMs = parseDuration(initialDelay, "initialDelay");
  if (initialDelayMs > LIMITS.delayMsMax) throw refuse("initialDelay", `initialDelay must be at most 10 years; got ${show(initialDelay)}.`);
  return { everyMs, initialDelayMs };
}

function cronPlan(cron: unknown, timezone: unknown, initialDelay: unknown, clock: Clock): Omit<ScheduleInput, "item"> {
  if (initialDelay !== undefined) throw refuse("initialDelay", "initialDelay belongs to every; cron says itself when it begins.");
  const rule = parseCron(cron, timezone);
  if (nextAfter(rule, clock.now()) === null) throw refuse("cron", `cron ${show(cron)} never fires; check its day and month.`);
  return timezone === undefined ? { cron: rule.cron } : rule;
}

function refuse(path: string, message: string, later = false): MillraceError {
  return fail(later ? "not_implemented" : "invalid_request", message, { issues: [{ path, message }] });
}

function show(value: unknown): string {
  return String(JSON.stringify(value) ?? value).slice(0, 60);
}
