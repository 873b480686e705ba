import { fail, type MillraceError } from "../policy/errors.ts";

/** A batch's task with its types erased. */
export interface AnyBatchItem {
  type: string;
  payload: unknown;
}

const IDEMPOTENCY_KEY_MAX = 255;
const CAP_MAX = 10_000;

/** @throws `invalid_request` unless it is 1 to 255 visible ASCII characters, as an HTTP header takes them. */
export function checkIdempotencyKey(key: unknown): string {
  if (typeof key === "string" && key.length <= IDEMPOTENCY_KEY_MAX && /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(key)) return key;
  throw refuse(
    "idempotencyKey",
    `An idempotency key is 1 to ${IDEMPOTENCY_KEY_MAX} ASCII characters without spaces at its ends; got ${show(key)}.`,
  );
}

/** @throws `invalid_request` unless it is null or an integer from 1 to 10,000. */
export function checkCap(cap: unknown): number | null {
  if (cap === null || (typeof cap === "number" && Number.isInteger(cap) && cap >= 1 && cap <= CAP_MAX)) return cap;
  throw refuse(
    "maxConcurrency",
    `maxConcurrency must be an integer from 1 to ${CAP_MAX}, or null for none of its own (to stop a domain, pause it); got ${show(cap)}.`,
  );
}

function refuse(path: string, message: string): MillraceError {
  return fail("invalid_request", message, { issues: [{ path, message }] });
}

function show(value: unknown): string {
  return String(JSON.stringify(value) ?? value).slice(0, 60);
}
