import { sha256 } from "@noble/hashes/sha2.js";
import { fail } from "./errors.ts";

const DEPTH_MAX = 1_000;

/**
 * A JSON value as text in which the order of members makes no difference: members sorted by UTF-16 code units,
 * no spaces, numbers and strings as `JSON.stringify` writes them (RFC 8785).
 *
 * @param value what `JSON.parse` gives; members that are `undefined` are left out, as `JSON.stringify` does
 * @throws `invalid_payload` when it is nested more than 1,000 levels deep
 * @example `canonicalJson({ b: 1, a: [2] }) // '{"a":[2],"b":1}'`
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0);
}

function write(value: unknown, depth: number): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  if (depth >= DEPTH_MAX) throw fail("invalid_payload", `The JSON is nested more than ${DEPTH_MAX} levels deep; make it flatter.`);
  if (Array.isArray(value)) {
    let text = "[";
    for (let index = 0; index < value.length; index += 1) text += (index === 0 ? "" : ",") + write(value[index], depth + 1);
    return `${text}]`;
  }
  let text = "{";
  for (const key of Object.keys(value).sort()) {
    const member = (value as Record<string, unknown>)[key];
    if (member === undefined) continue;
    text += `${text.length > 1 ? "," : ""}${JSON.stringify(key)}:${write(member, depth + 1)}`;
  }
  return `${text}}`;
}

const KIND = { key: 1, payload: 2, schedule: 3, child: 4 } as const;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
// Kept between calls: nearly all keys are short, and an allocation costs as much as the hash.
const scratch = new Uint8Array(4_096);

/**
 * The duplicate key of a task as 32 hex digits: 128 bits of SHA-256 over kind, type and text, each told apart, so
 * that an explicit key never meets a payload, nor one type another.
 *
 * @param type the type's name
 * @param kind whether `text` is an explicit key, a canonical payload, a schedule and one of its times, or a child's name among its parent's children
 * @example `duplicateHash("resize", "payload", canonicalJson(payload))`
 */
export function duplicateHash(type: string, kind: keyof typeof KIND, text: string): string {
  const room = 3 + 3 * (type.length + text.length);
  const bytes = room <= scratch.length ? scratch : new Uint8Array(room);
  const typeEnd = encode(type, bytes, 3);
  bytes[0] = KIND[kind];
  bytes[1] = (typeEnd - 3) >> 8;
  bytes[2] = typeEnd - 3;
  const digest = sha256(bytes.subarray(0, encode(text, bytes, typeEnd)));
  let hex = "";
  for (let index = 0; index < 16; index += 1) hex += HEX[digest[index]!];
  return hex;
}

/** UTF-8, but lone surrogates keep their own three bytes (an encoder would make them all alike); answers the end. */
function encode(text: string, into: Uint8Array, start: number): number {
  let at = start;
  for (let index = 0; index < text.length; index += 1) {
    let unit = text.charCodeAt(index);
    if (unit < 0x80) {
      into[at++] = unit;
      continue;
    }
    if (unit < 0x800) {
      into[at++] = 0xc0 | (unit >> 6);
    } else {
      const next = (unit & 0xfc00) === 0xd800 ? text.charCodeAt(index + 1) : 0;
      if ((next & 0xfc00) === 0xdc00) {
        unit = 0x10000 + ((unit & 0x3ff) << 10) + (next & 0x3ff);
        index += 1;
        into[at++] = 0xf0 | (unit >> 18);
        into[at++] = 0x80 | ((unit >> 12) & 0x3f);
      } else {
        into[at++] = 0xe0 | (unit >> 12);
      }
      into[at++] = 0x80 | ((unit >> 6) & 0x3f);
    }
    into[at++] = 0x80 | (unit & 0x3f);
  }
  return at;
}
