import type { GroupRules } from "./coordination/groups.ts";
import type { Duration } from "./duration.ts";
import { fail, MillraceError } from "./errors.ts";
import { didYouMean, GROUP_NAME_RULE, isGroupName } from "./names.ts";
import { parseRate } from "./rate.ts";

/** How often tasks may start: a token bucket. */
export interface RateOptions {
  /** So many in every `per`, 1 to 1,000,000. */
  permits: number;
  /** A duration, such as `"1s"`. */
  per: Duration;
  /** So many at once at most; default `permits`. */
  burst?: number;
}

/** What holds for one group across all domains, as users write it. */
export interface GroupOptions {
  /** Its tasks that may run at once, 1 to 10,000; default: the mill's `defaultGroupMaxConcurrency`. */
  maxConcurrency?: number;
  /** Its part of the slots against other groups', 1 to 1,000; default 1. As soon as any group has a weight or a minimum, slots are shared by weight. */
  weight?: number;
  /** Slots that it gets before anybody else as they come free, 0 to 10,000; not kept empty for it. */
  minSlots?: number;
  /** How often its tasks may start. */
  rate?: RateOptions;
}

/** A live change of a group: absent stays as it is, `null` is what the code says again. */
export type GroupChange = { [Name in keyof GroupOptions]?: GroupOptions[Name] | null };

/** The same, checked. */
export type CheckedChange = { [Name in keyof GroupRules]?: GroupRules[Name] | null };

interface Issue {
  path: string;
  message: string;
}

const RANGES = { maxConcurrency: [1, 10_000], weight: [1, 1_000], minSlots: [0, 10_000] } as const;
const NAMES = [...(Object.keys(RANGES) as (keyof typeof RANGES)[]), "rate"] as const;

/**
 * Settings of a group, checked; what is null stays null.
 *
 * @throws `invalid_request` listing everything that is wrong, as `issues`
 * @example `parseGroupRules({ weight: 3, rate: { permits: 10, per: "1s" } })`
 */
export function parseGroupRules(given: unknown, name = ""): CheckedChange {
  const at = (path: string) => (name === "" ? path : `${name}.${path}`);
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw refuse([{ path: name, message: `must be { ${NAMES.join("?, ")}? }` }]);
  }
  const issues: Issue[] = [];
  const checked: CheckedChange = {};
  for (const [key, value] of Object.entries(given) as [string, unknown][]) {
    if (value === undefined) continue;
    if (key === "rate") {
      try {
        checked.rate = value === null ? null : parseRate(value, at("rate"));
      } catch (error) {
        if (!MillraceError.is(error)) throw error;
        issues.push({ path: at("rate"), message: error.message });
      }
    } else if (Object.hasOwn(RANGES, key)) {
      const member = key as keyof typeof RANGES;
      const [least, most] = RANGES[member];
      const isRight = value === null || (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most);
      if (isRight) checked[member] = value as number | null;
      else issues.push({ path: at(key), message: `must be a whole number from ${least} to ${most}, not ${String(JSON.stringify(value))}` });
    } else {
      const hint = didYouMean(key, NAMES);
      issues.push({ path: at(key), message: `there is no such setting${hint ? `; did you mean "${hint}"?` : ` of a group`}` });
    }
  }
  if (issues.length > 0) throw refuse(issues);
  return checked;
}

/** What holds: a live change over what the code says. Null and absent are the code's. */
export function mergeRules(code: GroupRules, live: CheckedChange): GroupRules {
  const merged: GroupRules = { ...code };
  if (live.maxConcurrency !== undefined && live.maxConcurrency !== null) merged.maxConcurrency = live.maxConcurrency;
  if (live.weight !== undefined && live.weight !== null) merged.weight = live.weight;
  if (live.minSlots !== undefined && live.minSlots !== null) merged.minSlots = live.minSlots;
  if (live.rate !== undefined && live.rate !== null) merged.rate = live.rate;
  return merged;
}

/**
 * Whether settings go together.
 *
 * @throws `invalid_request` when a minimum is above its cap
 */
export function checkRules({ minSlots = 0, maxConcurrency }: GroupRules, name = ""): void {
  if (maxConcurrency === undefined || minSlots <= maxConcurrency) return;
  const path = name === "" ? "minSlots" : `${name}.minSlots`;
  throw refuse([{ path, message: `is ${minSlots}, more than the group's maxConcurrency, which is ${maxConcurrency}` }]);
}

/** The groups of `createMill`; what is wrong with them goes to `problems`. */
export function readGroups(groups: unknown, problems: string[]): Map<string, GroupRules> {
  const rules = new Map<string, GroupRules>();
  if (groups === undefined) return rules;
  if (typeof groups !== "object" || groups === null || Array.isArray(groups)) {
    problems.push("createMill: groups must be an object of settings, keyed by the groups' names.");
    return rules;
  }
  for (const [name, given] of Object.entries(groups)) {
    const where = `createMill: groups[${JSON.stringify(name)}]`;
    if (!isGroupName(name)) problems.push(`${where}: a group's name is ${GROUP_NAME_RULE}.`);
    try {
      const checked = parseGroupRules(given);
      const wrong = Object.entries(checked).find(([, value]) => value === null);
      if (wrong) throw refuse([{ path: wrong[0], message: "must not be null here; leave it out" }]);
      const merged = mergeRules({}, checked);
      checkRules(merged);
      rules.set(name, merged);
    } catch (error) {
      if (!MillraceError.is(error)) throw error;
      problems.push(`${where}: ${error.message}`);
    }
  }
  return rules;
}

const refuse = (issues: Issue[]): Error =>
  fail("invalid_request", issues.map(({ path, message }) => `${path}: ${message}`).join("; "), { issues });
