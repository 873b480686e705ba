import { parseInstant } from "../domains/instant.ts";
import { isClean } from "../domains/tags.ts";
import type { TaskQuery } from "../durable/protocol.ts";
import { parseDuration } from "../policy/duration.ts";
import { fail, type MillraceError } from "../policy/errors.ts";
import { parseScheduleId, parseTaskId } from "../policy/ids.ts";
import { LIMITS } from "../policy/limits.ts";
import { parseTagPrefix } from "../policy/look.ts";
import { didYouMean, isTypeName, TYPE_NAME_RULE } from "../policy/names.ts";
import { parsePriority } from "../policy/priority.ts";
import { type Status, STATUSES } from "../policy/status.ts";
import { utf8Bytes } from "../policy/text.ts";

/** The query parameters of a route. */
export interface QueryShape {
  once?: readonly string[];
  /** May be given several times. */
  many?: readonly string[];
}

/** The parameters as they came, each name once with all its values. */
export type Given = ReadonlyMap<string, readonly string[]>;

/** What a list of tasks may be asked for. */
const taskFilters = ["type", "group", "priority", "tagPrefix", "key", "error", "q", "schedule", "parent", "since", "until"];
export const countQuery: QueryShape = { once: taskFilters, many: ["status", "tag"] };
export const listQuery: QueryShape = { ...countQuery, once: [...taskFilters, "limit", "cursor"] };
export const pageQuery: QueryShape = { once: ["limit", "cursor"] };
export const waitQuery: QueryShape = { once: ["wait"] };

const SHOWN: readonly string[] = [...STATUSES, "paused"];
const TEXT_BYTES_MAX = 256;

/**
 * The parameters of a URL, when it has no others than these.
 *
 * @throws `invalid_request` for unknown ones and for a repeated single one
 */
export function readParameters(url: string, { once = [], many = [] }: QueryShape): Given {
  const given = new Map<string, string[]>();
  for (const [name, value] of new URL(url).searchParams) {
    const known = [...once, ...many];
    if (!known.includes(name)) throw unknown(name, known);
    const values = given.get(name);
    if (!values) given.set(name, [value]);
    else if (many.includes(name)) values.push(value);
    else throw refuse(name, `${name} may be given once only.`);
    if (!isClean(value)) throw refuse(name, `${name} must not contain NUL.`);
  }
  return given;
}

function unknown(name: string, known: string[]): MillraceError {
  const hint = didYouMean(name, known);
  const takes = known.length === 0 ? "this takes none." : `it takes ${known.join(", ")}.`;
  return fail(
    "invalid_request",
    `There is no query parameter ${JSON.stringify(name.slice(0, 80))}; ${hint === undefined ? takes : `did you mean "${hint}"?`}`,
    {
      ...(hint === undefined ? {} : { didYouMean: hint }),
      issues: [{ path: name.slice(0, 80), message: "unknown query parameter" }],
    },
  );
}

/**
 * What a list of tasks is asked for, without limit and cursor.
 *
 * @throws `invalid_request`, `invalid_tag`
 */
export function readFilters(given: Given): TaskQuery {
  const query: TaskQuery = {};
  const statuses = given.get("status");
  if (statuses) query.status = [...new Set(statuses.map(readStatus))];
  const tags = given.get("tag");
  if (tags) query.tags = readTags(tags);
  const tagPrefix = first(given, "tagPrefix");
  if (tagPrefix !== undefined) query.tagPrefix = parseTagPrefix(tagPrefix, "tagPrefix");
  const type = first(given, "type");
  if (type !== undefined) query.type = readType(type);
  const level = first(given, "priority");
  if (level !== undefined) query.priority = parsePriority(/^\d{1,3}$/.test(level) ? Number(level) : level);
  for (const name of ["key", "group", "error", "q"] as const) {
    const value = first(given, name);
    if (value !== undefined) query[name] = readText(name, value, name === "key" ? LIMITS.keyBytesMax : TEXT_BYTES_MAX);
  }
  const schedule = first(given, "schedule");
  if (schedule !== undefined) query.schedule = readSchedule(schedule);
  const parent = first(given, "parent");
  if (parent !== undefined) {
    if (!parseTaskId(parent)) throw refuse("parent", `parent must be the id of a task such as media_17; got ${show(parent)}.`);
    query.parent = parent;
  }
  for (const name of ["since", "until"] as const) {
    const value = first(given, name);
    if (value !== undefined) query[name] = readInstant(value, name);
  }
  return query;
}

/** A moment as RFC 3339, or as milliseconds since 1970, which in a URL are text. */
export const readInstant = (text: string, name: string): number => parseInstant(/^\d{1,16}$/.test(text) ? Number(text) : text, name);

/** `?limit=`, 1 to 500, else 50. */
export function readLimit(given: Given): number {
  const text = first(given, "limit");
  if (text === undefined) return LIMITS.pageDefault;
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= LIMITS.pageMax) return limit;
  throw refuse("limit", `limit must be an integer from 1 to ${LIMITS.pageMax}; got ${show(text)}.`);
}

/** `?wait=` in milliseconds, at most 60 s; 0 where there is none. */
export function readWait(given: Given): number {
  const text = first(given, "wait");
  if (text === undefined) return 0;
  const waitMs = parseDuration(/^\d{1,9}$/.test(text) ? Number(text) : text, "wait");
  if (waitMs <= LIMITS.waitMsMax) return waitMs;
  throw refuse("wait", `wait must be at most ${LIMITS.waitMsMax / 1_000}s; got ${show(text)}. Ask again for the result to wait longer.`);
}

/** The only value of a parameter. */
export const first = (given: Given, name: string): string | undefined => given.get(name)?.[0];

function readStatus(text: string): Status {
  if (SHOWN.includes(text)) return text as Status;
  const hint = didYouMean(text, SHOWN);
  throw refuse(
    "status",
    `There is no status ${show(text)}; ${hint === undefined ? `there are ${SHOWN.join(", ")}.` : `did you mean "${hint}"?`}`,
    hint,
  );
}

export function readTags(texts: readonly string[]): [string, string][] {
  if (texts.length > LIMITS.tagsMax) throw refuse("tag", `At most ${LIMITS.tagsMax} tags can be asked for at once.`);
  return texts.map((text) => {
    const colon = text.indexOf(":");
    if (colon > 0) return [text.slice(0, colon), text.slice(colon + 1)];
    throw fail("invalid_tag", `A tag filter is written key:value; got ${show(text)}.`, {
      issues: [{ path: "tag", message: "not key:value" }],
    });
  });
}

export function readType(text: string): string {
  if (isTypeName(text)) return text;
  throw refuse("type", `The name of a type is ${TYPE_NAME_RULE}; got ${show(text)}.`);
}

function readText(name: string, text: string, bytesMax: number): string {
  if (text !== "" && utf8Bytes(text) <= bytesMax) return text;
  throw refuse(name, `${name} must be text of 1 to ${bytesMax} bytes.`);
}

function readSchedule(text: string): string {
  if (parseScheduleId(text)) return text;
  throw refuse("schedule", `schedule must be the id of a schedule such as media_s3; got ${show(text)}.`);
}

function refuse(path: string, message: string, hint?: string): MillraceError {
  return fail("invalid_request", message, { ...(hint === undefined ? {} : { didYouMean: hint }), issues: [{ path, message }] });
}

function show(text: string): string {
  const quoted = JSON.stringify(text);
  return quoted.length > 60 ? `${quoted.slice(0, 57)}…` : quoted;
}
