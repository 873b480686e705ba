import { fail, type MillraceError } from "../policy/errors.ts";

const DEPTH_MAX = 1_000;
/** As it stands, only after a trip through JSON, or not at all. */
const PLAIN = 0;
const CONVERTED = 1;
const REFUSED = 2;

/** A value as JSON text, with what `JSON.parse` would make of it. */
export interface JsonText {
  text: string;
  value: unknown;
}

/**
 * A value as JSON, or a clear refusal of what JSON would silently lose. Members that are `undefined` vanish, dates and
 * others with `toJSON` become what it says; NaN, infinities, `undefined` in arrays, functions, symbols, bigints, maps,
 * sets, cycles and members named `__proto__` are refused.
 *
 * @param what what it is called in the message, such as `The payload of media::resize`
 * @throws `invalid_payload` naming the path
 */
export function toJson(value: unknown, what: string): JsonText {
  const verdict = judge(value, 0);
  if (verdict === REFUSED) throw refusal(value, what);
  const text = JSON.stringify(value);
  return { text, value: verdict === PLAIN ? value : JSON.parse(text) };
}

/** One pass without allocations: submits go through here 25,000 times a second. */
function judge(value: unknown, depth: number): number {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return PLAIN;
  if (typeof value === "number") return Number.isFinite(value) ? PLAIN : REFUSED;
  if (typeof value !== "object" || depth >= DEPTH_MAX) return REFUSED;
  if (Array.isArray(value)) {
    let verdict = PLAIN;
    for (let index = 0; index < value.length; index += 1) {
      const member = judge(value[index], depth + 1);
      if (member === REFUSED) return REFUSED;
      if (member > verdict) verdict = member;
    }
    return verdict;
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === "function")
    return judge(converted(value), depth + 1) === REFUSED ? REFUSED : CONVERTED;
  return isRecord(value) ? judgeMembers(value, depth) : REFUSED;
}

function judgeMembers(value: Record<string, unknown>, depth: number): number {
  let verdict = PLAIN;
  for (const key of Object.keys(value)) {
    if (key === "__proto__") return REFUSED;
    const member = value[key];
    if (member === undefined) {
      verdict = CONVERTED;
      continue;
    }
    const inner = judge(member, depth + 1);
    if (inner === REFUSED) return REFUSED;
    if (inner > verdict) verdict = inner;
  }
  return verdict;
}

/** An object whose members are all there is to it: not a Map, a Set, a RegExp, a Promise, a buffer, an Error. */
function isRecord(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Object.prototype.toString.call(value) === "[object Object]";
}

/** What `toJSON` says; `undefined`, which is refused, when it throws or the date is none. */
function converted(value: object): unknown {
  if (value instanceof Date && Number.isNaN(value.getTime())) return undefined;
  try {
    return (value as { toJSON(): unknown }).toJSON();
  } catch {
    return undefined;
  }
}

/** The second, slow pass: only to say where it is and what. */
function refusal(root: unknown, what: string): MillraceError {
  const open = new Set<unknown>();
  const walk = (value: unknown, path: string): { path: string; message: string } | undefined => {
    const message = complaint(value, open);
    if (message !== undefined) return { path, message };
    if (typeof value !== "object" || value === null) return undefined;
    open.add(value);
    const found =
      typeof (value as { toJSON?: unknown }).toJSON === "function" ? walk(converted(value), path) : walkMembers(value, path, walk);
    open.delete(value);
    return found;
  };
  const { path, message } = walk(root, "") ?? { path: "", message: `nested more than ${DEPTH_MAX} levels deep; make it flatter` };
  return fail("invalid_payload", `${what} is not JSON: ${path === "" ? "it" : path} is ${message}.`, { issues: [{ path, message }] });
}

function walkMembers<Found>(value: object, path: string, walk: (member: unknown, path: string) => Found | undefined): Found | undefined {
  const list = Array.isArray(value);
  for (const key of list ? value.keys() : Object.keys(value)) {
    const member = (value as Record<string | number, unknown>)[key];
    if (member === undefined && !list) continue;
    const inner = path === "" ? String(key) : `${path}.${key}`;
    // A value of its own kind, so that the complaint names the member and not its innards.
    const found = walk(key === "__proto__" ? FORBIDDEN : member, inner);
    if (found) return found;
  }
  return undefined;
}

const FORBIDDEN = Symbol("__proto__");

function complaint(value: unknown, open: ReadonlySet<unknown>): string | undefined {
  if (value === FORBIDDEN) return "a member name that could change an object's prototype; rename it";
  if (typeof value === "number" && !Number.isFinite(value))
    return `${value}, which JSON would turn into null; send null or a finite number`;
  if (value === undefined) return "undefined, which JSON does not have; send null or leave it out";
  if (typeof value === "bigint") return "a BigInt; send it as text or as a number";
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}; send data only`;
  if (typeof value !== "object" || value === null) return undefined;
  if (open.has(value)) return "a reference to something that contains it (a cycle)";
  if (open.size >= DEPTH_MAX) return `nested more than ${DEPTH_MAX} levels deep; make it flatter`;
  if (Array.isArray(value) || typeof (value as { toJSON?: unknown }).toJSON === "function" || isRecord(value)) return undefined;
  return `a ${Object.prototype.toString.call(value).slice(8, -1)}; send plain objects and arrays`;
}
