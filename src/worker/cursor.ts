import { sha256 } from "@noble/hashes/sha2.js";
import { fail } from "../policy/errors.ts";

const LENGTH_MAX = 32_768;
const SUM_BYTES = 6;

/** Where a list goes on: in one domain the counter that it stays below; over all, that of each domain, null at its end. */
export type Position = number | Readonly<Record<string, number | null>>;

/**
 * A position as opaque text that only goes with the list it came from.
 *
 * @param list what the list is about: its path and filters, but not its limit
 */
export function encodeCursor(list: string, position: Position): string {
  const text = JSON.stringify(position);
  return btoa(`${sumOf(list, text)}${text}`)
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

/**
 * The position in a cursor.
 *
 * @throws `invalid_request` when it was made up, cut, changed, or belongs to a list with other filters
 */
export function decodeCursor(list: string, cursor: string): Position {
  const position = cursor.length <= LENGTH_MAX && /^[A-Za-z0-9_-]+$/.test(cursor) ? read(list, cursor) : undefined;
  if (position !== undefined) return position;
  const message =
    "cursor is not one of this list: send the `next` of the page before, unchanged, with the same filters; or leave it out to begin anew";
  throw fail("invalid_request", `${message}.`, { issues: [{ path: "cursor", message: "not a cursor of this list" }] });
}

function read(list: string, cursor: string): Position | undefined {
  try {
    const plain = atob(cursor.replaceAll("-", "+").replaceAll("_", "/"));
    const text = plain.slice(SUM_BYTES * 2);
    if (plain.slice(0, SUM_BYTES * 2) !== sumOf(list, text)) return undefined;
    const position: unknown = JSON.parse(text);
    return isPosition(position) ? position : undefined;
  } catch {
    return undefined;
  }
}

/** Against mistakes, not against attack: a forged cursor leads nowhere that its sender may not look anyway. */
function sumOf(list: string, text: string): string {
  const digest = sha256(new TextEncoder().encode(`${list}\n${text}`));
  return Array.from(digest.subarray(0, SUM_BYTES), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function isPosition(value: unknown): value is Position {
  if (typeof value !== "object" || value === null) return isCounter(value);
  return !Array.isArray(value) && Object.values(value).every((counter) => counter === null || isCounter(counter));
}

function isCounter(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 1;
}
