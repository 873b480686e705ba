import type { Claim, ClaimRequest, Settlement } from "../durable/protocol.ts";
import { parseDuration } from "../policy/duration.ts";
import { fail, MillraceError } from "../policy/errors.ts";
import { LIMITS } from "../policy/limits.ts";
import type { Report } from "../policy/progress.ts";
import { cutUtf8, utf8Bytes } from "../policy/text.ts";
import type { DomainDefinition } from "./definition.ts";
import { findType } from "./find.ts";
import { toJson } from "./json.ts";
import { isClean } from "./tags.ts";
import type { Task, TaskError } from "./task.ts";
import { validate } from "./validate.ts";

type Given = Readonly<Record<string, unknown>>;

/**
 * What a pull worker asks for, checked.
 *
 * @throws `unknown_type`, `invalid_request`
 */
export function readClaim(domain: DomainDefinition, given: Given): ClaimRequest {
  const { worker, types, max = 1, lease = LIMITS.leaseMsDefault, wait = 0 } = given;
  if (typeof worker !== "string" || worker === "" || !isClean(worker) || utf8Bytes(worker) > LIMITS.workerBytesMax) {
    throw refuse("worker", `worker must be the worker's name: text of 1 to ${LIMITS.workerBytesMax} bytes.`);
  }
  if (typeof max !== "number" || !Number.isInteger(max) || max < 1 || max > LIMITS.claimsMax)
    throw refuse("max", `max must be an integer from 1 to ${LIMITS.claimsMax}.`);
  const leaseMs = parseDuration(lease, "lease");
  if (leaseMs < LIMITS.leaseMsMin || leaseMs > LIMITS.leaseMsMax)
    throw refuse("lease", "lease must be from 5 s to 12 h; renew it for longer work.");
  const waitMs = parseDuration(wait, "wait");
  if (waitMs > LIMITS.claimWaitMsMax) throw refuse("wait", "wait must be at most 30 s; ask again.");
  return { worker, types: readTypes(domain, types), max, leaseMs, waitMs };
}

function readTypes(domain: DomainDefinition, given: unknown): string[] {
  const pull = [...domain.types.values()].filter((type) => type.pull).map((type) => type.name);
  const known = pull.length === 0 ? "it has none" : `it has ${pull.join(", ")}`;
  if (given === undefined && pull.length > 0) return pull;
  if (given === undefined) throw refuse("types", `The domain ${domain.name} has no types for pull workers; mark one with pull: true.`);
  if (!Array.isArray(given) || given.length === 0)
    throw refuse("types", "types must be a list of at least one pull type, or left out for all.");
  const names = [...new Set((given as unknown[]).map((name) => findType(domain, name).name))];
  const pushed = names.find((name) => !pull.includes(name));
  if (pushed !== undefined)
    throw refuse("types", `${domain.name}::${pushed} is executed by the mill itself; pull workers claim pull types, and ${known}.`);
  return names;
}

/**
 * Claims until something is leased that its type's schema still accepts, or nothing is: a payload that a deploy has made
 * invalid fails for good, as it does where the mill executes it. `settle` ends a lease.
 */
export async function claimValid(
  domain: DomainDefinition,
  claim: () => Promise<Claim[]>,
  settle: (lease: string, settlement: Settlement) => Promise<unknown>,
): Promise<Claim[]> {
  for (;;) {
    const leased = await claim();
    const problems = await Promise.all(leased.map(({ task }) => payloadProblem(domain, task)));
    const valid = leased.filter((_, index) => problems[index] === undefined);
    await Promise.all(leased.map(({ lease }, index) => problems[index] && settle(lease, permanent("invalid_payload", problems[index]))));
    if (valid.length > 0 || leased.length === 0) return valid;
  }
}

async function payloadProblem(domain: DomainDefinition, { type, payload }: Task): Promise<string | undefined> {
  const schema = domain.types.get(type)?.payload;
  if (!schema) return undefined;
  try {
    await validate(schema, payload, `The stored payload of ${domain.name}::${type}`);
    return undefined;
  } catch (error) {
    if (!MillraceError.is(error)) throw error;
    return `${error.message} Retry the task with another payload.`;
  }
}

/**
 * A result on its way to the object: JSON within the limit, parsed by the type's schema where there is one. One that
 * does not fit fails the task for good, as if `execute` had returned it.
 *
 * @throws `invalid_payload` when it is not JSON at all
 */
export async function readResult(domain: DomainDefinition, typeName: string, result: unknown): Promise<Settlement> {
  const schema = domain.types.get(typeName)?.result;
  const title = `${domain.name}::${typeName}`;
  if (result === undefined && !schema) return { kind: "complete" };
  let value = result === undefined ? undefined : toJson(result, `The result of ${title}`).value;
  if (schema) {
    try {
      value = await validate(schema, value, `The result of ${title}`);
    } catch (error) {
      if (!MillraceError.is(error)) throw error;
      return permanent("invalid_result", error.message);
    }
  }
  if (value === undefined) return { kind: "complete" };
  const { text } = toJson(value, `The result of ${title}`);
  const bytes = utf8Bytes(text);
  if (bytes <= LIMITS.resultBytesMax) return { kind: "complete", result: text };
  return permanent(
    "result_too_large",
    `The result takes ${bytes} bytes of JSON; at most ${LIMITS.resultBytesMax} are kept. Store it elsewhere (R2, KV) and return a reference.`,
  );
}

function permanent(code: string, message: string): Settlement {
  return { kind: "fail", error: { name: "MillraceError", message: cutUtf8(message, LIMITS.errorMessageBytesMax), code }, retryable: false };
}

/**
 * A failure on its way to the object. The error is text, or anything with a message.
 *
 * @throws `invalid_request`
 */
export function readFailure(given: Given): Settlement {
  const { error, retryable = true, retryAfter } = given;
  if (typeof retryable !== "boolean") throw refuse("retryable", "retryable must be true or false.");
  const settlement: Settlement = { kind: "fail", error: readError(error), retryable };
  if (retryAfter === undefined) return settlement;
  const retryAfterMs = parseDuration(retryAfter, "retryAfter");
  if (retryAfterMs > LIMITS.delayMsMax) throw refuse("retryAfter", "retryAfter must be at most 10 years.");
  return { ...settlement, retryAfterMs };
}

const NAME_MAX = 128;

function readError(given: unknown): TaskError {
  const { name, message, code, stack } = (typeof given === "object" && given !== null ? given : { message: given }) as Record<
    string,
    unknown
  >;
  if (typeof message !== "string" || message === "")
    throw refuse("error", "error must be text, or an object with a message (and name, code, stack).");
  const error: TaskError = {
    name: typeof name === "string" && name !== "" ? cutUtf8(name, NAME_MAX) : "Error",
    message: cutUtf8(message, LIMITS.errorMessageBytesMax),
  };
  if (typeof code === "string") error.code = cutUtf8(code, NAME_MAX);
  if (typeof stack === "string") error.stack = cutUtf8(stack, LIMITS.errorStackBytesMax);
  return error;
}

/**
 * Progress that a renewal tells: a fraction from 0 to 1, `{ fraction, message? }`, or `{ bytes: { done, total }, message? }`.
 *
 * @throws `invalid_request`
 */
export function readProgress(given: unknown): Report | undefined {
  if (given === undefined) return undefined;
  const { fraction, message, bytes } = (typeof given === "object" && given !== null ? given : { fraction: given }) as Record<
    string,
    unknown
  >;
  if (message !== undefined && message !== null && typeof message !== "string")
    throw refuse("progress.message", "progress.message must be text.");
  const text = typeof message === "string" ? cutUtf8(message, LIMITS.progressMessageBytesMax) : null;
  if (bytes !== undefined && fraction === undefined) return { ...readBytes(bytes), message: text };
  if (typeof fraction !== "number" || !Number.isFinite(fraction) || bytes !== undefined)
    throw refuse("progress", "progress must be a fraction from 0 to 1, or an object with fraction or bytes, and message.");
  return { fraction: Math.min(1, Math.max(0, fraction)), message: text };
}

function readBytes(given: unknown): Pick<Report, "fraction" | "bytes"> {
  const { done, total } = (typeof given === "object" && given !== null ? given : {}) as Record<string, unknown>;
  const isAmount = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value) && value >= 0;
  if (!isAmount(done) || !isAmount(total))
    throw refuse("progress.bytes", "progress.bytes must be { done, total }, both numbers of bytes from 0 on.");
  return { fraction: total > 0 ? Math.min(1, done / total) : 0, bytes: { done, total } };
}

function refuse(path: string, message: string): MillraceError {
  return fail("invalid_request", message, { issues: [{ path, message }] });
}
