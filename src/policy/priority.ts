import { fail } from "./errors.ts";

/**
 * Named priorities; lower runs first.
 *
 * @example `if (task.priority <= PRIORITY.high) …`
 */
export const PRIORITY = { realtime: 0, high: 64, normal: 128, background: 192, idle: 255 } as const;

/** A name, or an integer from 0 (most urgent) to 255. */
export type Priority = keyof typeof PRIORITY | number;

/**
 * A priority as its number.
 *
 * @throws `invalid_request` when it is neither a name nor an integer from 0 to 255
 * @example `parsePriority("high") // 64`
 */
export function parsePriority(value: unknown, name = "priority"): number {
  if (typeof value === "string" && Object.hasOwn(PRIORITY, value)) return PRIORITY[value as keyof typeof PRIORITY];
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 255) return value;
  throw fail(
    "invalid_request",
    `${name} must be one of ${Object.keys(PRIORITY).join(", ")}, or an integer from 0 to 255; got ${JSON.stringify(value) ?? String(value)}.`,
    {
      issues: [{ path: name, message: "not a priority" }],
    },
  );
}

/** More urgent than every priority: the end of what has begun goes before what has not. */
export const FINALIZE_LEVEL = -1;
