import { parseDuration, type Duration } from "../policy/duration.ts";
import { fail, MillraceError } from "../policy/errors.ts";
import { LIMITS } from "../policy/limits.ts";
import { TERMINAL } from "../policy/status.ts";
import type { DomainDefinition, HistoryBounds } from "./definition.ts";
import { optionProblems } from "./options.ts";
import { isObject } from "./type-definition.ts";

const KEEP_MAX = 10_000_000;

/** What is wrong with what a domain says of its history. */
export function historyProblems(where: string, { history, types }: DomainDefinition): string[] {
  const problems = optionProblems("history", `${where}, history`, history);
  problems.push(...boundsProblems(where, "history", history));
  const { perStatus = {}, perType = {} } = history;
  for (const [name, known] of [
    ["perStatus", TERMINAL],
    ["perType", [...types.keys()]],
  ] as const) {
    const given: unknown = { perStatus, perType }[name];
    if (!isObject(given)) problems.push(`${where}: history.${name} must be an object of { keep, maxAge }.`);
    else
      for (const [key, bounds] of Object.entries(given)) {
        const path = `history.${name}.${key}`;
        if (!(known as readonly string[]).includes(key))
          problems.push(
            `${where}: ${path}: there is no ${name === "perType" ? "type" : "ended status"} ${JSON.stringify(key)}; there are ${known.join(", ")}.`,
          );
        if (!isObject(bounds)) problems.push(`${where}: ${path} must be an object of keep and maxAge.`);
        else problems.push(...optionProblems("bounds", `${where}, ${path}`, bounds), ...boundsProblems(where, path, bounds));
      }
  }
  return problems;
}

function boundsProblems(where: string, path: string, { keep, maxAge }: HistoryBounds): string[] {
  const problems: string[] = [];
  if (keep !== undefined && (!Number.isInteger(keep) || keep < 0 || keep > KEEP_MAX))
    problems.push(`${where}: ${path}.keep must be an integer from 0 to ${KEEP_MAX}; got ${JSON.stringify(keep)}.`);
  if (maxAge !== undefined) problems.push(...ageProblems(where, path, maxAge));
  return problems;
}

function ageProblems(where: string, path: string, maxAge: Duration): string[] {
  try {
    const ms = parseDuration(maxAge, `${path}.maxAge`);
    return ms > 0 && ms <= LIMITS.delayMsMax ? [] : [`${where}: ${path}.maxAge must be more than 0 and at most 10 years.`];
  } catch (error) {
    if (!MillraceError.is(error)) throw error;
    return [`${where}: ${error.message}`];
  }
}

/** @throws `invalid_request` */
export function checkKeepAtLeast(given: Duration, keep: boolean): void {
  const ms = parseDuration(given, "keepAtLeast");
  if (ms < LIMITS.keepAtLeastMs || ms > LIMITS.delayMsMax)
    throw fail("invalid_request", "keepAtLeast must be from 1 minute, which every task is kept, to 10 years.");
  if (!keep) throw fail("invalid_request", "keepAtLeast says nothing of a type with keep: false, whose tasks go as they complete.");
}
