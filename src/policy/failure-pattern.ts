import { cutUtf8 } from "./text.ts";

/** What of a message is looked at, and how long a pattern becomes: enough to tell failures apart. */
const READ_CHARS = 512;
const PATTERN_BYTES_MAX = 256;

/** With the separators of dates, versions, addresses and the like inside. */
const WORD = /[\p{L}\d_-]+(?:[.,:](?=\d)[\p{L}\d_-]+)*/gu;
const NUMBER = /^[-+]?\d+(?:[.,:_-]\d+)*$/;
const INSTANT = /^\d{4}-\d\d-\d\d(?:T\d\d(?::\d\d){1,2}(?:\.\d+)?Z?)?$/;
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;
const HEX = /^[\da-f]{8,}$/i;

/**
 * What a failure has in common with others of its kind: the error's message with ids and numbers taken out. A word that
 * mixes letters and digits as ids do becomes `{id}`, a number `{n}`, a date `{time}`.
 *
 * @param name the error's; told unless it says nothing
 * @example `failurePattern("Error", "no such object 9f0c31aa after 30s") // "no such object {id} after {n}s"`
 */
export function failurePattern(name: string, message: string): string {
  const plain = message.slice(0, READ_CHARS).replaceAll(/\s+/g, " ").trim().replaceAll(WORD, shape);
  return cutUtf8(name === "" || name === "Error" ? plain : `${name}: ${plain}`, PATTERN_BYTES_MAX);
}

function shape(word: string): string {
  if (!/\d/.test(word)) return word;
  if (INSTANT.test(word)) return "{time}";
  if (UUID.test(word)) return "{id}";
  if (NUMBER.test(word)) return "{n}";
  if (HEX.test(word) || changes(word) > 2) return "{id}";
  return word.replaceAll(/\d+(?:[.,:]\d+)*/g, "{n}");
}

/** How often a word goes from letters to digits or back. */
function changes(word: string): number {
  let count = 0;
  let last: boolean | undefined;
  for (const character of word) {
    if (!/[\p{L}\d]/u.test(character)) continue;
    const isDigit = character >= "0" && character <= "9";
    if (last !== undefined && isDigit !== last) count += 1;
    last = isDigit;
  }
  return count;
}
