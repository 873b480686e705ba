import type { BulkFilter } from "../domains/bulk.ts";
import type { ListQuery } from "../domains/handle.ts";
import { parseInstant } from "../domains/instant.ts";
import type { BulkQuery } from "../durable/bulk.ts";
import type { TaskQuery } from "../durable/protocol.ts";
import { type BulkAction, bulkStatuses } from "../policy/bulk.ts";
import { fail, type MillraceError } from "../policy/errors.ts";
import { parseScheduleId, parseTaskId } from "../policy/ids.ts";
import { LIMITS } from "../policy/limits.ts";
import { parseTagPrefix } from "../policy/look.ts";
import { didYouMean } from "../policy/names.ts";
import { parsePriority } from "../policy/priority.ts";
import { type Status, STATUSES } from "../policy/status.ts";
import { utf8Bytes } from "../policy/text.ts";

const FIELDS = [
  "status",
  "type",
  "group",
  "priority",
  "tags",
  "tagPrefix",
  "key",
  "error",
  "q",
  "schedule",
  "parent",
  "since",
  "until",
  "limit",
  "cursor",
] as const;
const TEXT_BYTES_MAX = 256;
const KNOWN: ReadonlySet<string> = new Set(FIELDS);
const SHOWN: ReadonlySet<string> = new Set([...STATUSES, "paused"]);

/**
 * A handle's query as the object takes it.
 *
 * @throws `invalid_request` naming the field
 */
export function readQuery(given: ListQuery = {}): TaskQuery {
  for (const name of Object.keys(given)) {
    if (KNOWN.has(name)) continue;
    const hint = didYouMean(name, FIELDS);
    throw refuse(
      name,
      `A query has no field ${JSON.stringify(name)}${hint ? `; did you mean "${hint}"?` : `; it takes ${FIELDS.join(", ")}.`}`,
    );
  }
  const query: TaskQuery = {};
  if (given.status !== undefined) query.status = readStatuses(given.status);
  if (given.priority !== undefined) query.priority = parsePriority(given.priority);
  if (given.tags !== undefined) query.tags = readTags(given.tags);
  if (given.tagPrefix !== undefined) query.tagPrefix = parseTagPrefix(given.tagPrefix, "tagPrefix");
  for (const name of ["type", "group", "key", "error", "q", "schedule", "parent"] as const) {
    const value = given[name];
    if (value === undefined) continue;
    const most = name === "key" ? LIMITS.keyBytesMax : TEXT_BYTES_MAX;
    // Nothing would be part of everything.
    if (typeof value !== "string" || value === "" || utf8Bytes(value) > most)
      throw refuse(name, `${name} must be text of 1 to ${most} bytes.`);
    query[name] = value;
  }
  if (query.schedule !== undefined && !parseScheduleId(query.schedule))
    throw refuse("schedule", `schedule must be the id of a schedule such as media_s3; got ${JSON.stringify(query.schedule)}.`);
  if (query.parent !== undefined && !parseTaskId(query.parent))
    throw refuse("parent", `parent must be the id of a task such as media_17; got ${JSON.stringify(query.parent)}.`);
  if (given.since !== undefined) query.since = parseInstant(given.since, "since");
  if (given.until !== undefined) query.until = parseInstant(given.until, "until");
  if (given.limit !== undefined) query.limit = readLimit(given.limit);
  if (given.cursor !== undefined) query.before = readCursor(given.cursor);
  return query;
}

/**
 * A filter of a bulk action, with the statuses that it is about.
 *
 * @throws `invalid_request` naming the field
 */
export function readBulkFilter(domain: string, action: BulkAction, given: BulkFilter): BulkQuery {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw refuse("filter", 'A filter is an object, such as { status: "dead_letter" }; {} is every task that the action is about.');
  for (const name of ["limit", "cursor"])
    if (name in given) throw refuse(`filter.${name}`, `A filter takes no ${name}: a bulk action is about every task that matches.`);
  const { pattern, ids, ...others } = given;
  const query: BulkQuery = readQuery(others);
  if (ids !== undefined) query.ids = readIds(domain, ids);
  if (pattern === undefined) return { ...query, status: bulkStatuses(action, query.status) };
  return { ...query, pattern: readPattern(pattern), status: bulkStatuses(action, readFailures(query.status)) };
}

function readIds(domain: string, ids: unknown): number[] {
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > LIMITS.bulkIdsMax)
    throw refuse("filter.ids", `ids must be a list of 1 to ${LIMITS.bulkIdsMax} tasks; leave it out for all that match.`);
  const counters = ids.map((id) => {
    const parsed = parseTaskId(id);
    if (parsed?.domain === domain) return parsed.counter;
    throw refuse("filter.ids", `ids must be tasks of ${domain}, such as ${domain}_17; got ${JSON.stringify(id) ?? String(id)}.`);
  });
  return [...new Set(counters)];
}

/** Empty is the pattern of errors without a message. */
function readPattern(pattern: unknown): string {
  if (typeof pattern === "string" && utf8Bytes(pattern) <= TEXT_BYTES_MAX) return pattern;
  throw refuse("filter.pattern", `pattern must be one of those that failures are grouped by: text of at most ${TEXT_BYTES_MAX} bytes.`);
}

function readFailures(statuses: readonly Status[] = ["failed", "dead_letter"]): readonly Status[] {
  const other = statuses.find((status) => status !== "failed" && status !== "dead_letter");
  if (other === undefined) return statuses;
  throw refuse("filter.status", `Beside a pattern, status can be failed and dead_letter; got ${other}.`);
}

function readStatuses(given: Status | readonly Status[]): Status[] {
  const statuses = typeof given === "string" ? [given] : [...given];
  for (const status of statuses) {
    if (SHOWN.has(status)) continue;
    throw refuse("status", `There is no status ${JSON.stringify(status)}; there are ${[...SHOWN].join(", ")}.`);
  }
  return statuses;
}

function readTags(given: unknown): [string, string][] {
  const tags = typeof given === "object" && given !== null ? Object.entries(given) : undefined;
  if (tags && tags.length <= LIMITS.tagsMax && tags.every(([, value]) => typeof value === "string")) return tags;
  throw refuse("tags", `tags must be at most ${LIMITS.tagsMax} texts by key, such as { tenant: "acme" }.`);
}

function readLimit(limit: unknown): number {
  if (typeof limit === "number" && Number.isInteger(limit) && limit >= 1 && limit <= LIMITS.pageMax) return limit;
  throw refuse("limit", `limit must be an integer from 1 to ${LIMITS.pageMax}; got ${String(limit)}.`);
}

function readCursor(cursor: unknown): number {
  const before = typeof cursor === "string" && /^[1-9]\d{0,15}$/.test(cursor) ? Number(cursor) : Number.NaN;
  if (Number.isSafeInteger(before)) return before;
  throw refuse("cursor", "cursor must be the `next` of the page before.");
}

function refuse(path: string, message: string): MillraceError {
  return fail("invalid_request", message, { issues: [{ path, message }] });
}
