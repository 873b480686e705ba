import { Cron } from "croner";
import { type Duration, parseDuration } from "./duration.ts";
import { fail } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { didYouMean } from "./names.ts";

/** When something happens again and again: at a fixed rate, or by a cron rule in a time zone. */
export type Recurrence = { everyMs: number; anchorMs: number } | CronRule;

/** A checked cron rule, made by `parseCron`. */
export interface CronRule {
  cron: string;
  /** IANA name, such as `Europe/Berlin`. */
  timezone: string;
}

const EVERY_MIN_MS = 1_000;
const CRON_LENGTH_MAX = 128;
const NICKNAMES = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
// No `+` (croner's AND of both days): with it a rule can keep croner searching 400 years for half a second.
const CRON_TEXT = /^[0-9A-Za-z*?,/#\t -]+$/;

/**
 * A cron rule, checked. Five fields (minute, hour, day of month, month, day of week), or six with seconds first;
 * names, lists, ranges, steps, `L`, `W`, `#`, `?`, Sunday as 0 or 7, and `@hourly` to `@yearly`. With both days
 * given, either one will do.
 *
 * The rule may still never fire (`0 0 31 2 *`): then `nextAfter` answers null, and a schedule should be refused.
 *
 * @param expression at most 128 characters
 * @param timezone an IANA name; default UTC
 * @throws `invalid_request` saying which field is wrong
 * @example `parseCron("30 2 * * MON-FRI", "Europe/Berlin")`
 */
export function parseCron(expression: unknown, timezone: unknown = "UTC"): CronRule {
  if (typeof expression !== "string" || expression.length > CRON_LENGTH_MAX) {
    throw refuse("cron", `cron must be text of at most ${CRON_LENGTH_MAX} characters, such as "30 2 * * *".`);
  }
  const zone = parseTimezone(timezone);
  const cron = expression.trim();
  if (cron.startsWith("@")) {
    const nickname = cron.toLowerCase();
    if (NICKNAMES.includes(nickname)) return { cron: nickname, timezone: zone };
    const hint = nickname.startsWith("@every") ? 'for a fixed rate use "every"' : (didYouMean(nickname, NICKNAMES) ?? NICKNAMES.join(", "));
    throw refuse("cron", `cron ${JSON.stringify(expression)} is not known; ${hint.startsWith("@") ? `did you mean ${hint}?` : `${hint}.`}`);
  }
  const fields = cron.split(/[\t ]+/).length;
  if (!CRON_TEXT.test(cron) || fields < 5 || fields > 6) {
    throw refuse(
      "cron",
      `cron must have 5 fields (minute hour day month weekday) or 6 (second first), such as "30 2 * * *"; got ${JSON.stringify(expression)}.`,
    );
  }
  try {
    compile({ cron, timezone: zone });
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error))
      .replace(/^Cron\w*: /, "")
      // It counts days and months from 0.
      .replace(/(for (?:day|month): )(-?\d+)$/, (_, where: string, value: string) => where + (Number(value) + 1));
    throw refuse("cron", `cron ${JSON.stringify(expression)} is not valid: ${reason}`);
  }
  return { cron, timezone: zone };
}

/**
 * An IANA time zone name that this platform knows.
 *
 * @throws `invalid_request` with the name that was probably meant
 */
export function parseTimezone(timezone: unknown): string {
  if (typeof timezone === "string" && timezone.length <= 64 && /^[A-Za-z]/.test(timezone)) {
    try {
      Intl.DateTimeFormat("en", { timeZone: timezone }).format(0);
      return timezone;
    } catch {
      // Said below.
    }
  }
  const hint = typeof timezone === "string" ? zoneLike(timezone) : undefined;
  throw refuse(
    "timezone",
    `timezone must be an IANA name such as "Europe/Berlin" or "UTC"; got ${JSON.stringify(timezone)?.slice(0, 70) ?? "nothing"}${hint ? `; did you mean "${hint}"?` : "."}`,
    hint === undefined ? {} : { didYouMean: hint },
  );
}

/**
 * A fixed rate in whole milliseconds.
 *
 * @throws `invalid_request` below 1 second or above 10 years
 */
export function parseEvery(value: Duration | unknown, name = "every"): number {
  const everyMs = parseDuration(value, name);
  if (everyMs < EVERY_MIN_MS) throw refuse(name, `${name} must be at least 1 second, or tasks would pile up; got ${everyMs} ms.`);
  if (everyMs > LIMITS.delayMsMax) throw refuse(name, `${name} must be at most 10 years; got ${everyMs} ms.`);
  return everyMs;
}

/**
 * The first time strictly after `afterMs`, in epoch ms; null when there is none any more.
 *
 * A fixed rate never drifts: anchor, anchor + every, …, nothing before the anchor. A cron rule follows its zone's
 * clock: where seconds, minutes and hours are given by number, a local time that is skipped fires once, at the
 * first moment after the gap, and one that is repeated fires once, the first time; with a wildcard or a step in
 * one of them (`0,15 * * * *`) the rule follows real time, so it fires in both repeated hours.
 */
export function nextAfter(rule: Recurrence, afterMs: number): number | null {
  if ("cron" in rule) return compile(rule).nextRun(new Date(afterMs))?.getTime() ?? null;
  const { everyMs, anchorMs } = rule;
  if (afterMs < anchorMs) return anchorMs;
  return afterMs - ((afterMs - anchorMs) % everyMs) + everyMs;
}

/**
 * The latest time of the rule that is not after `toMs`, without walking through all those before it.
 *
 * @param fromMs a time of the rule
 * @param toMs answers `fromMs` when nothing lies between them
 */
export function latestUpTo(rule: Recurrence, fromMs: number, toMs: number): number {
  if (!("cron" in rule)) return toMs < rule.anchorMs ? fromMs : Math.max(fromMs, toMs - ((toMs - rule.anchorMs) % rule.everyMs));
  const cron = compile(rule);
  const after = (ms: number) => cron.nextRun(new Date(ms))?.getTime() ?? Infinity;
  let low = fromMs;
  let high = toMs;
  // No time of the rule lies between high and toMs. Back from the end in growing steps, then by halves.
  for (let back = 1_000; high > low; back *= 2) {
    const ask = Math.max(low, toMs - back);
    const time = after(ask);
    if (time > toMs) high = ask;
    else {
      low = time;
      break;
    }
  }
  while (high > low) {
    const ask = low + Math.floor((high - low) / 2);
    const time = after(ask);
    if (time > toMs) high = ask;
    else low = time;
  }
  return low;
}

/** The next five times strictly after `afterMs`; fewer when there are no more. */
export function nextFive(rule: Recurrence, afterMs: number): number[] {
  const times: number[] = [];
  for (let time = nextAfter(rule, afterMs); time !== null && times.length < 5; time = nextAfter(rule, time)) times.push(time);
  return times;
}

function compile({ cron, timezone }: CronRule): Cron {
  return new Cron(cron, { timezone, mode: "5-or-6-parts", fixedTimeRule: "no-wildcard" });
}

function zoneLike(text: string): string | undefined {
  const zones = ["UTC", ...Intl.supportedValuesOf("timeZone")];
  const city = `/${text.trim().toLowerCase().replaceAll(" ", "_")}`;
  return zones.find((zone) => zone.toLowerCase().endsWith(city)) ?? didYouMean(text, zones);
}

function refuse(path: string, message: string, facts: Record<string, unknown> = {}) {
  return fail("invalid_request", message, { issues: [{ path, message }], ...facts });
}
