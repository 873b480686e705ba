import { fail } from "./errors.ts";

/** `"250ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`, or a number of milliseconds. */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const PATTERN = /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d)$/;

/**
 * A duration in whole milliseconds.
 *
 * @param value `"30s"`-style text or milliseconds, not negative
 * @param name what it is called where the caller wrote it, for the message
 * @throws `invalid_request` when it is neither
 * @example `parseDuration("1.5s") // 1500`
 */
export function parseDuration(value: unknown, name = "duration"): number {
  if (typeof value === "number" && Number.isFinite(value) && value >= 0 && value <= Number.MAX_SAFE_INTEGER) return Math.round(value);
  const match = typeof value === "string" ? PATTERN.exec(value) : null;
  if (!match) {
    throw fail(
      "invalid_request",
      `${name} must be a duration such as "250ms", "30s", "5m", "2h" or "7d", or milliseconds ≥ 0; got ${describe(value)}.`,
      {
        issues: [{ path: name, message: "not a duration" }],
      },
    );
  }
  return Math.round(Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]);
}

function describe(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
