import { parseDuration, type Duration } from "./duration.ts";
import { fail } from "./errors.ts";
import { didYouMean } from "./names.ts";
import { PRIORITY, parsePriority, type Priority } from "./priority.ts";

/** How waiting tasks grow more urgent, as users write it. */
export interface AgingOptions {
  /** So long nothing happens; default 5 minutes. */
  grace?: Duration;
  /** After each of them one step; default 1 minute. */
  interval?: Duration;
  /** By how much of 255 each time, 1 to 255; default 1. */
  step?: number;
  /** No more urgent than this by age alone; default `high`. */
  ceiling?: Priority;
}

/** The same, checked. */
export interface AgingPolicy {
  graceMs: number;
  intervalMs: number;
  step: number;
  /** 0 to 255. */
  ceiling: number;
}

const DEFAULTS = { grace: "5m", interval: "1m", step: 1, ceiling: PRIORITY.high } as const;

/**
 * An aging policy with its defaults filled in.
 *
 * @throws `invalid_request` listing everything that is wrong, as `issues`
 * @example `parseAging({ grace: "5m", interval: "1m", ceiling: "high" }) // { graceMs: 300000, intervalMs: 60000, step: 1, ceiling: 64 }`
 */
export function parseAging(value: unknown, name = "aging"): AgingPolicy {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refuse([
      { path: name, message: `must be { grace?, interval?, step?, ceiling? }; got ${String(JSON.stringify(value)).slice(0, 60)}` },
    ]);
  }
  const issues: Issue[] = [];
  const read = <T>(path: string, action: () => T, fallback: T): T => {
    try {
      return action();
    } catch (error) {
      issues.push({ path: `${name}.${path}`, message: (error as Error).message });
      return fallback;
    }
  };
  for (const key of Object.keys(value)) {
    if (key in DEFAULTS) continue;
    const hint = didYouMean(key, Object.keys(DEFAULTS));
    issues.push({ path: `${name}.${key}`, message: hint ? `there is no such field; did you mean "${hint}"?` : "there is no such field" });
  }
  const given = { ...DEFAULTS, ...defined(value) } as Record<keyof typeof DEFAULTS, unknown>;
  const policy: AgingPolicy = {
    graceMs: read("grace", () => parseDuration(given.grace, `${name}.grace`), 0),
    intervalMs: read("interval", () => parseDuration(given.interval, `${name}.interval`), 1),
    step: typeof given.step === "number" ? given.step : 0,
    ceiling: read("ceiling", () => parsePriority(given.ceiling, `${name}.ceiling`), 0),
  };
  if (policy.intervalMs < 1) issues.push({ path: `${name}.interval`, message: "must be at least 1 ms" });
  if (!Number.isInteger(policy.step) || policy.step < 1 || policy.step > 255) {
    issues.push({ path: `${name}.step`, message: "must be an integer from 1 to 255" });
  }
  if (issues.length > 0) throw refuse(issues);
  return policy;
}

interface Issue {
  path: string;
  message: string;
}

const refuse = (issues: Issue[]): Error =>
  fail("invalid_request", issues.map(({ path, message }) => `${path}: ${message}`).join("; "), { issues });

const defined = (value: object): object => Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined));

/**
 * How urgent a task is at that age: `min(base, max(base − floor(max(0, age − grace) / interval) × step, ceiling))`.
 *
 * @param base its own priority, 0 to 255
 * @param ageMs since its submission, less the time that it was held by a pause
 * @example `effectivePriority(128, 420_000, { graceMs: 300_000, intervalMs: 60_000, step: 1, ceiling: 64 }) // 126`
 */
export function effectivePriority(base: number, ageMs: number, { graceMs, intervalMs, step, ceiling }: AgingPolicy): number {
  const steps = Math.floor(Math.max(0, ageMs - graceMs) / intervalMs);
  return Math.min(base, Math.max(base - steps * step, ceiling));
}

/** The age (ms) at which that changes next; `Infinity`: it never does. */
export function nextChange(base: number, ageMs: number, policy: AgingPolicy): number {
  const { graceMs, intervalMs, ceiling } = policy;
  if (effectivePriority(base, ageMs, policy) <= Math.min(base, ceiling)) return Infinity;
  return graceMs + (Math.floor(Math.max(0, ageMs - graceMs) / intervalMs) + 1) * intervalMs;
}
