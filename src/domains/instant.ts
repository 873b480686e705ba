import { fail } from "../policy/errors.ts";

const RFC_3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;
/** The last moment that a `Date` can hold. */
const LAST = 8_640_000_000_000_000;

/** Whether text looks like a moment rather than like a duration. */
export const looksLikeInstant = (text: string): boolean => RFC_3339.test(text);

/**
 * A moment in milliseconds since 1970.
 *
 * @param value RFC 3339 text with a zone, a `Date`, or milliseconds since 1970
 * @param name what it is called where the caller wrote it, for the message
 * @throws `invalid_request` when it is none of them
 * @example `parseInstant("2026-12-01T08:00:00+01:00") // 1796108400000`
 */
export function parseInstant(value: unknown, name = "instant"): number {
  const at =
    value instanceof Date ? value.getTime() : typeof value === "number" ? value : typeof value === "string" ? fromText(value) : Number.NaN;
  if (Number.isFinite(at) && at >= 0 && at <= LAST) return Math.round(at);
  throw fail(
    "invalid_request",
    `${name} must be a moment such as "2026-12-01T08:00:00Z" (RFC 3339, with a zone), a Date, or milliseconds since 1970; got ${show(value)}.`,
    { issues: [{ path: name, message: "not a moment" }] },
  );
}

function fromText(text: string): number {
  const match = RFC_3339.exec(text);
  if (!match) return Number.NaN;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  // Date.parse rolls the 30th of February over into March.
  if (day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return Number.NaN;
  return Date.parse(text.toUpperCase());
}

function show(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : value instanceof Date ? "an invalid Date" : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
