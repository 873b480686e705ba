/** A full id taken apart. `counter` is the domain's own dense number, at least 1. */
export interface ParsedId {
  domain: string;
  counter: number;
}

// 16 digits hold 2^53 - 1; longer text never reaches Number().
const TASK_ID = /^([a-z][a-z0-9-]{0,62})_([1-9][0-9]{0,15})$/;
const LEASE_ID = /^([a-z][a-z0-9-]{0,62})_l[0-9a-f]{24}$/;
const BULK_ID = /^([a-z][a-z0-9-]{0,62})_b([1-9][0-9]{0,15})$/;
const SCHEDULE_ID = /^([a-z][a-z0-9-]{0,62})_s([1-9][0-9]{0,15})$/;

/**
 * The full id of a task.
 *
 * @param domain a valid domain name
 * @param counter the domain's number for it, 1 to 2^53 - 1
 * @example `taskId("media", 4217) // "media_4217"`
 */
export const taskId = (domain: string, counter: number): string => `${domain}_${counter}`;

/**
 * The parts of a task id, or null when `text` is not exactly what `taskId` makes.
 *
 * @example `parseTaskId("media_4217") // { domain: "media", counter: 4217 }`
 */
export const parseTaskId = (text: unknown): ParsedId | null => parse(TASK_ID, text);

/**
 * The full id of a schedule.
 *
 * @example `scheduleId("media", 3) // "media_s3"`
 */
export const scheduleId = (domain: string, counter: number): string => `${domain}_s${counter}`;

/** The parts of a schedule id, or null when `text` is not exactly what `scheduleId` makes. */
export const parseScheduleId = (text: unknown): ParsedId | null => parse(SCHEDULE_ID, text);

/**
 * The full id of a bulk job.
 *
 * @example `bulkId("media", 2) // "media_b2"`
 */
export const bulkId = (domain: string, counter: number): string => `${domain}_b${counter}`;

/** The parts of a bulk job's id, or null when `text` is not exactly what `bulkId` makes. */
export const parseBulkId = (text: unknown): ParsedId | null => parse(BULK_ID, text);

/**
 * The full id of a pull worker's lease: it names its domain, and its 96 random bits are the fence.
 *
 * @param token 24 hex digits
 * @example `leaseId("media", "9f0c…") // "media_l9f0c…"`
 */
export const leaseId = (domain: string, token: string): string => `${domain}_l${token}`;

/** The domain that a lease id names, or null when `text` is not exactly what `leaseId` makes. */
export function parseLeaseId(text: unknown): string | null {
  return (typeof text === "string" && text.length <= 89 ? LEASE_ID.exec(text)?.[1] : undefined) ?? null;
}

function parse(pattern: RegExp, text: unknown): ParsedId | null {
  const match = typeof text === "string" && text.length <= 81 ? pattern.exec(text) : null;
  if (!match) return null;
  const counter = Number(match[2]);
  return Number.isSafeInteger(counter) ? { domain: match[1]!, counter } : null;
}
