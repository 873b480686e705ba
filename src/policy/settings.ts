import { type AgingOptions, type AgingPolicy, parseAging } from "./aging.ts";
import { parseDuration, type Duration } from "./duration.ts";
import { fail, MillraceError } from "./errors.ts";
import { didYouMean } from "./names.ts";

const CAP_MAX = 10_000;
const PRESSURE_NAME = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;
/** A source that is silent for longer says nothing. */
const PRESSURE_TTL_MAX_MS = 86_400_000;

/** What can be changed of the whole mill while it runs; absent: stays. */
export interface SettingsChange {
  /** Tasks that may run at once, 1 to 10,000. */
  maxConcurrency?: number;
  /** The same for each group that names no cap of its own; `null`: none. */
  defaultGroupMaxConcurrency?: number | null;
  /** How waiting tasks grow more urgent; `null`: not at all. */
  aging?: AgingOptions | null;
}

/** The same, checked. */
export type CheckedSettings = Omit<SettingsChange, "aging"> & { aging?: AgingPolicy | null };

const DRAIN_MS = 30_000;
const DRAIN_MAX_MS = 86_400_000;

interface Issue {
  path: string;
  message: string;
}

const NAMES = ["maxConcurrency", "defaultGroupMaxConcurrency", "aging"] as const;

/**
 * Live settings of the mill.
 *
 * @throws `invalid_request` listing everything that is wrong, as `issues`; also when nothing is to change
 * @example `parseSettings({ maxConcurrency: 32, aging: { interval: "1m" } })`
 */
export function parseSettings(given: SettingsChange): CheckedSettings {
  const { maxConcurrency, defaultGroupMaxConcurrency, aging } = given;
  const issues: Issue[] = [];
  const checked: CheckedSettings = {};
  for (const name of Object.keys(given)) {
    if ((NAMES as readonly string[]).includes(name)) continue;
    const hint = didYouMean(name, NAMES);
    issues.push({ path: name, message: hint ? `there is no such setting; did you mean "${hint}"?` : "there is no such setting" });
  }
  if (maxConcurrency !== undefined) {
    if (isCap(maxConcurrency)) checked.maxConcurrency = maxConcurrency;
    else issues.push({ path: "maxConcurrency", message: `must be an integer from 1 to ${CAP_MAX}; to stop the mill, pause it` });
  }
  if (defaultGroupMaxConcurrency !== undefined) {
    if (defaultGroupMaxConcurrency === null || isCap(defaultGroupMaxConcurrency))
      checked.defaultGroupMaxConcurrency = defaultGroupMaxConcurrency;
    else issues.push({ path: "defaultGroupMaxConcurrency", message: `must be an integer from 1 to ${CAP_MAX}, or null for none` });
  }
  if (aging !== undefined) {
    try {
      checked.aging = aging && parseAging(aging);
    } catch (error) {
      if (!MillraceError.is(error)) throw error;
      issues.push(...(error.facts.issues as Issue[]));
    }
  }
  if (issues.length === 0 && Object.keys(checked).length === 0) {
    throw fail("invalid_request", `Nothing is to change; give ${NAMES.join(", ")}.`, {
      issues: [{ path: "maxConcurrency", message: "missing" }],
    });
  }
  if (issues.length > 0) throw refuse(issues);
  return checked;
}

/** What a pressure source says. */
export interface CheckedPressure {
  name: string;
  /** 0 to 1, in hundredths: more would only cost writes. */
  value: number;
  ttlMs: number;
}

/**
 * A pressure source's word.
 *
 * @param ttl how long it counts, unless it is said again: more than 0, at most a day
 * @throws `invalid_request` listing everything that is wrong, as `issues`
 */
export function parsePressure(name: unknown, value: unknown, ttl: Duration): CheckedPressure {
  const issues: Issue[] = [];
  if (typeof name !== "string" || !PRESSURE_NAME.test(name))
    issues.push({ path: "name", message: "must be a letter, then at most 63 of a-z, A-Z, 0-9, . _ and -" });
  if (typeof value !== "number" || !(value >= 0 && value <= 1)) issues.push({ path: "value", message: "must be a number from 0 to 1" });
  let ttlMs = 0;
  try {
    ttlMs = parseDuration(ttl, "ttl");
    if (ttlMs < 1 || ttlMs > PRESSURE_TTL_MAX_MS) issues.push({ path: "ttl", message: "must be more than 0 and at most 1d" });
  } catch (error) {
    issues.push({ path: "ttl", message: (error as Error).message });
  }
  if (issues.length > 0) throw refuse(issues);
  return { name: name as string, value: Math.round((value as number) * 100) / 100, ttlMs };
}

/**
 * How long a drain waits for what runs; default 30 s.
 *
 * @throws `invalid_request` when it is no duration, or more than a day
 */
export function parseDrain(timeout: Duration | undefined): number {
  const timeoutMs = parseDuration(timeout ?? DRAIN_MS, "timeout");
  if (timeoutMs <= DRAIN_MAX_MS) return timeoutMs;
  throw refuse([{ path: "timeout", message: "must be at most 1d" }]);
}

const isCap = (cap: unknown): boolean => typeof cap === "number" && Number.isInteger(cap) && cap >= 1 && cap <= CAP_MAX;

const refuse = (issues: Issue[]): Error =>
  fail("invalid_request", issues.map(({ path, message }) => `${path}: ${message}`).join("; "), { issues });
