import { type Clock, systemClock } from "../clock.ts";
import type { ScheduleInput, SubmitItem } from "../durable/protocol.ts";
import { parseDuration } from "../policy/duration.ts";
import { fail, type MillraceError } from "../policy/errors.ts";
import { type Overlap, OVERLAPS } from "../policy/firing.ts";
import { LIMITS } from "../policy/limits.ts";
import { isScheduleName, SCHEDULE_NAME_RULE } from "../policy/names.ts";
import { nextAfter, parseCron, parseEvery } from "../policy/recurrence.ts";
import type { DomainDefinition, Registry } from "./definition.ts";
import { optionProblems } from "./options.ts";
import { prepare } from "./prepare.ts";
import { checkTags } from "./tags.ts";
import type { Schedule } from "./task.ts";

type Given = Readonly<Record<string, unknown>>;

const TIMING = ["every", "cron", "timezone", "initialDelay"] as const;
const FIRING = ["overlap", "catchUp", "jitter", "maxRuns"] as const;
const CATCH_UP_MAX_MS = 366 * 86_400_000;
const JITTER_MAX_MS = 86_400_000;
const RUNS_MAX = 1_000_000_000;

/**
 * A schedule made ready for its Domain object: `{ name?, type, payload, every | cron, timezone?, initialDelay?, overlap?,
 * catchUp?, jitter?, maxRuns?, …options }`.
 *
 * @throws what `prepare` throws; `invalid_request` for its own fields; `not_implemented` for later ones
 */
export function prepareSchedule(
  registry: Registry,
  domain: DomainDefinition,
  given: Given,
  clock: Clock = systemClock,
): ScheduleInput | Promise<ScheduleInput> {
  const { name, type, payload, ...rest } = given;
  const { timing, firing, options } = parts(rest);
  checkNames(given);
  if (name !== undefined && !isScheduleName(name))
    throw refuse("name", `The name of a schedule is ${SCHEDULE_NAME_RULE}; got ${show(name)}.`);
  if (firing.maxRuns === null) delete firing.maxRuns;
  const plan = { ...(name === undefined ? {} : { name }), ...readTiming(timing, clock), ...readFiring(firing) };
  // An instance's key is the schedule and its planned time, so the task itself has none.
  const item = prepare(registry, domain, type, payload, { ...options, key: null }, clock);
  return item instanceof Promise ? item.then((late) => ({ ...plan, item: checkNamed(late) })) : { ...plan, item: checkNamed(item) };
}

/**
 * What a change means for a schedule as it stands. What is not named is checked together with it, because the one may
 * not go with the other.
 *
 * @throws what `prepareSchedule` throws
 */
export async function prepareScheduleChange(
  registry: Registry,
  domain: DomainDefinition,
  current: Schedule,
  given: Given,
  clock: Clock = systemClock,
): Promise<Partial<ScheduleInput>> {
  const change = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  if (Object.keys(change).length === 0)
    throw refuse("", "This changes nothing; give the fields to change, such as every, cron or payload.");
  checkNames(change);
  if (change.name !== undefined) throw refuse("name", "The name of a schedule does not change; make another and delete this one.");
  const { type, payload, ...rest } = change;
  const { timing, firing, options } = parts(rest);
  const update: Partial<ScheduleInput> = readFiring(firing);
  if (Object.keys(timing).length > 0) Object.assign(update, readTiming({ ...timingOf(current, timing), ...timing }, clock));
  if (type !== undefined || payload !== undefined || Object.keys(options).length > 0)
    update.item = await changeItem(registry, domain, current, change, options, clock);
  return update;
}

/** The task of a changed schedule: label and tags that its type makes out of the payload follow it. */
async function changeItem(
  registry: Registry,
  domain: DomainDefinition,
  current: Schedule,
  change: Given,
  options: Given,
  clock: Clock,
): Promise<SubmitItem> {
  const { type = current.type, payload = current.payload } = change;
  const definition = domain.types.get(String(type));
  const kept = optionsOf(current);
  if (options.runAt !== undefined) delete kept.delay;
  if (options.delay !== undefined) delete kept.runAt;
  const follows = change.type !== undefined || change.payload !== undefined;
  if (follows && definition?.label !== undefined) delete kept.label;
  const tags = follows && definition?.tags !== undefined && options.tags === undefined ? kept.tags : undefined;
  if (tags !== undefined) delete kept.tags;
  const item = checkNamed(await prepare(registry, domain, type, payload, { ...kept, ...options, key: null }, clock));
  return tags === undefined ? item : { ...item, tags: checkTags({ ...(tags as object), ...item.tags }) };
}

const OPTION_OF: Readonly<Record<string, string>> = {
  ttlMs: "ttl",
  timeoutMs: "timeout",
  delayMs: "delay",
  deadlineMs: "deadline",
  deadlineAt: "deadline",
};

/** What the schedule's task was given, as the options that would say so. */
function optionsOf(schedule: Schedule): Record<string, unknown> {
  const fields = Object.entries(schedule.options as Record<string, unknown>);
  return Object.fromEntries(
    fields.map(([field, value]) => [OPTION_OF[field] ?? field, field === "deadlineAt" ? new Date(value as number) : value]),
  );
}

/** The timing that stands, without what the change replaces. Another cron expression stays in the zone of the one before. */
function timingOf({ every, cron, timezone }: Schedule, change: Given): Given {
  if (change.cron !== undefined) return { timezone };
  if (change.every !== undefined) return {};
  return every === undefined ? { cron, timezone } : { every };
}

function parts(given: Given): { timing: Record<string, unknown>; firing: Record<string, unknown>; options: Record<string, unknown> } {
  const all = { timing: {} as Record<string, unknown>, firing: {} as Record<string, unknown>, options: {} as Record<string, unknown> };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const part = (TIMING as readonly string[]).includes(name)
      ? all.timing
      : (FIRING as readonly string[]).includes(name)
        ? all.firing
        : all.options;
    part[name] = value;
  }
  return all;
}

/** Its instances depend on tasks that exist now: there is no batch whose indexes could be meant. */
function checkNamed(item: SubmitItem): SubmitItem {
  const { dependsOn = [] } = item;
  if (dependsOn.some((one) => typeof one === "number"))
    throw refuse("dependsOn", "A schedule names what its tasks depend on by their ids; { index } is for batches.");
  if (dependsOn.length > LIMITS.dependenciesPerCallMax)
    throw refuse(
      "dependsOn",
      `The tasks of a schedule depend on at most ${LIMITS.dependenciesPerCallMax} others; got ${dependsOn.length}.`,
    );
  return item;
}

function checkNames({ name: _name, ...given }: Given): void {
  const [problem] = optionProblems("schedule", "schedule", given);
  if (problem !== undefined) throw refuse("", problem, problem.includes("not_implemented"));
}

function readTiming({ every, cron, timezone, initialDelay }: Given, clock: Clock): Omit<ScheduleInput, "item"> {
  if ((every === undefined) === (cron === undefined)) throw refuse("every", "A schedule needs every or cron, and not both.");
  return cron === undefined ? interval(every, initialDelay, timezone) : cronPlan(cron, timezone, initialDelay, clock);
}

function interval(every: unknown, initialDelay: unknown, timezone: unknown): Omit<ScheduleInput, "item"> {
  const everyMs = parseEvery(every);
  if (timezone !== undefined) throw refuse("timezone", "timezone belongs to cron; an interval knows none.");
  return initialDelay === undefined
    ? { everyMs }
    : { everyMs, initialDelayMs: bounded("initialDelay", initialDelay, LIMITS.delayMsMax, "10 years") };
}

function cronPlan(cron: unknown, timezone: unknown, initialDelay: unknown, clock: Clock): Omit<ScheduleInput, "item"> {
  if (initialDelay !== undefined) throw refuse("initialDelay", "initialDelay belongs to every; cron says itself when it begins.");
  const rule = parseCron(cron, timezone);
  if (nextAfter(rule, clock.now()) === null) throw refuse("cron", `cron ${show(cron)} never fires; check its day and month.`);
  return timezone === undefined ? { cron: rule.cron } : rule;
}

function readFiring({ overlap, catchUp, jitter, maxRuns }: Given): Pick<ScheduleInput, "overlap" | "catchUpMs" | "jitterMs" | "maxRuns"> {
  if (overlap !== undefined && !OVERLAPS.includes(overlap as Overlap))
    throw refuse("overlap", `overlap must be one of ${OVERLAPS.join(", ")}; got ${show(overlap)}.`);
  const isCount = typeof maxRuns === "number" && Number.isInteger(maxRuns) && maxRuns >= 1 && maxRuns <= RUNS_MAX;
  if (maxRuns !== undefined && maxRuns !== null && !isCount)
    throw refuse("maxRuns", `maxRuns must be an integer from 1 to ${RUNS_MAX}; got ${show(maxRuns)}.`);
  return {
    ...(overlap === undefined ? {} : { overlap: overlap as Overlap }),
    ...(catchUp === undefined ? {} : { catchUpMs: bounded("catchUp", catchUp, CATCH_UP_MAX_MS, "366 days") }),
    ...(jitter === undefined ? {} : { jitterMs: bounded("jitter", jitter, JITTER_MAX_MS, "1 day") }),
    ...(maxRuns === undefined ? {} : { maxRuns: maxRuns as number | null }),
  };
}

function bounded(name: string, value: unknown, maxMs: number, most: string): number {
  const ms = parseDuration(value, name);
  if (ms > maxMs) throw refuse(name, `${name} must be at most ${most}; got ${show(value)}.`);
  return ms;
}

function refuse(path: string, message: string, later = false): MillraceError {
  return fail(later ? "not_implemented" : "invalid_request", message, { issues: [{ path, message }] });
}

function show(value: unknown): string {
  return String(JSON.stringify(value) ?? value).slice(0, 60);
}
