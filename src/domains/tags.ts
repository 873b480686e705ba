import { fail, type MillraceError } from "../policy/errors.ts";
import { LIMITS } from "../policy/limits.ts";
import { utf8Bytes } from "../policy/text.ts";

/**
 * Tags as they are stored, checked.
 *
 * @param tags at most 32; keys of 1 to 64 bytes without ":" (filters are written `key:value`), values to 256 bytes
 * @param where what they are called in the message
 * @throws `invalid_tag` naming the tag
 */
export function checkTags(tags: unknown, where = "tags"): Record<string, string> {
  if (typeof tags !== "object" || tags === null || Array.isArray(tags)) {
    throw refuse(where, `${where} must be an object of texts such as {"customer":"acme"}; got ${show(tags)}.`);
  }
  const entries = Object.entries(tags);
  if (entries.length > LIMITS.tagsMax) throw refuse(where, `${where} has ${entries.length} tags; at most ${LIMITS.tagsMax} are allowed.`);
  for (const [key, value] of entries) {
    const path = `${where}.${key}`;
    const problem = keyProblem(key) ?? valueProblem(value);
    if (problem !== undefined) throw refuse(path, `${where}: the tag ${show(key)} ${problem}.`);
  }
  return tags as Record<string, string>;
}

function keyProblem(key: string): string | undefined {
  if (key === "") return "has an empty key; name it";
  if (key === "_domain" || key === "_webhook" || key === "__proto__") return "is reserved; choose another key";
  if (key.includes(":")) return 'has a ":" in its key, where filters are written key:value; use "." or "-"';
  if (!isClean(key)) return "has a key with a NUL or half a surrogate pair; use whole characters";
  if (utf8Bytes(key) > LIMITS.tagKeyBytesMax) return `has a key of more than ${LIMITS.tagKeyBytesMax} bytes; shorten it`;
  return undefined;
}

function valueProblem(value: unknown): string | undefined {
  if (typeof value !== "string") return `must have a text as its value, not ${show(value)}; write it as text`;
  if (!isClean(value)) return "has a value with a NUL or half a surrogate pair; use whole characters";
  if (utf8Bytes(value) > LIMITS.tagValueBytesMax) return `has a value of more than ${LIMITS.tagValueBytesMax} bytes; shorten it`;
  return undefined;
}

/** Whether text survives storage: SQLite ends a JSON string at NUL, UTF-8 has no half surrogate pairs. */
export const isClean = (text: string): boolean => !text.includes("\0") && text.isWellFormed();

function refuse(path: string, message: string): MillraceError {
  return fail("invalid_tag", message, { issues: [{ path, message }] });
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
