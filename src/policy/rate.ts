import { parseDuration } from "./duration.ts";
import { fail, MillraceError } from "./errors.ts";
import { LIMITS } from "./limits.ts";

/** A token bucket: `permits` in every `perMs`, and `burst` at once at most. */
export interface Rate {
  permits: number;
  perMs: number;
  burst: number;
}

const PERMITS_MAX = 1_000_000;

/**
 * A rate limit as it is written: `permits` per `per`, and how many may come at once (`burst`, default `permits`).
 *
 * @throws `invalid_request` when it is no such object, `permits` or `burst` is no whole number from 1 to 1,000,000, or `per` is no duration up to 10 years
 * @example `parseRate({ permits: 10, per: "1s" }) // { permits: 10, perMs: 1000, burst: 10 }`
 */
export function parseRate(value: unknown, name = "rate"): Rate {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(name, `${name} must be { permits, per, burst? }`);
  const { permits, per, burst = permits, ...others } = value as { permits?: unknown; per?: unknown; burst?: unknown };
  const [other] = Object.keys(others);
  if (other !== undefined) throw wrong(`${name}.${other}`, `${name} has permits, per and burst, not ${JSON.stringify(other)}`);
  const perMs = parseDuration(per, `${name}.per`);
  if (perMs === 0 || perMs > LIMITS.delayMsMax) throw wrong(`${name}.per`, `${name}.per must be more than 0 and at most 10 years`);
  return { permits: count(permits, `${name}.permits`), perMs, burst: count(burst, `${name}.burst`) };
}

/**
 * A change of rate limits by type: null stays null.
 *
 * @throws `invalid_request` listing everything that is wrong, as `issues`
 */
export function parseRates(given: Readonly<Record<string, unknown>>): Record<string, Rate | null> {
  const issues: { path: string; message: string }[] = [];
  const rates: Record<string, Rate | null> = {};
  for (const [type, rate] of Object.entries(given)) {
    try {
      rates[type] = rate === null ? null : parseRate(rate, `rates.${type}`);
    } catch (error) {
      if (!MillraceError.is(error)) throw error;
      issues.push({ path: `rates.${type}`, message: error.message });
    }
  }
  if (issues.length > 0) throw fail("invalid_request", issues.map(({ message }) => message).join(" "), { issues });
  return rates;
}

function count(value: unknown, name: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= PERMITS_MAX) return value;
  throw wrong(name, `${name} must be a whole number from 1 to ${PERMITS_MAX}, not ${JSON.stringify(value) ?? String(value)}`);
}

const wrong = (path: string, message: string) => fail("invalid_request", `${message}.`, { issues: [{ path, message: "not a rate" }] });
