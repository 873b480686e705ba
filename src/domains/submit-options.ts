import type { Clock } from "../clock.ts";
import type { SubmitItem } from "../durable/protocol.ts";
import { DEPENDENCY_POLICIES, type DependencyPolicy } from "../policy/dependencies.ts";
import { parseOnDuplicate } from "../policy/duplicates.ts";
import { parseDuration } from "../policy/duration.ts";
import { fail, type MillraceError } from "../policy/errors.ts";
import { parseTaskId } from "../policy/ids.ts";
import { LIMITS } from "../policy/limits.ts";
import { didYouMean, GROUP_NAME_RULE, isGroupName } from "../policy/names.ts";
import { parsePriority } from "../policy/priority.ts";
import { parseRetryPolicy, type RetryPolicy } from "../policy/retry.ts";
import { utf8Bytes } from "../policy/text.ts";
import { looksLikeInstant, parseInstant } from "./instant.ts";
import { isClean } from "./tags.ts";

/** What a submit may say, as it comes in: from TypeScript or from a JSON body. */
export type GivenOptions = Readonly<Record<string, unknown>>;

/** The names of all options of a submit; and of those that are not built yet. */
export const SUBMIT_OPTIONS = [
  "key",
  "label",
  "priority",
  "delay",
  "runAt",
  "ttl",
  "ttlFrom",
  "timeout",
  "tags",
  "deadline",
  "retry",
  "onDuplicate",
  "dependsOn",
  "onDependencyFailure",
  "failFast",
  "parent",
  "group",
];
const KNOWN_SET: ReadonlySet<string> = new Set(SUBMIT_OPTIONS);
export const SUBMIT_OPTIONS_LATER: ReadonlySet<string> = new Set(["fairKey", "shard"]);

/**
 * Refuses options that do not exist, and those whose feature is not built yet.
 *
 * @param embedded whether type and payload stand among them, as in a batch
 */
export function checkOptionNames(options: GivenOptions, embedded: boolean): void {
  for (const name of Object.keys(options)) {
    if (KNOWN_SET.has(name) || options[name] === undefined || (embedded && (name === "type" || name === "payload"))) continue;
    if (SUBMIT_OPTIONS_LATER.has(name))
      throw fail("not_implemented", `The option ${name} is not implemented yet; leave it out.`, {
        option: name,
        issues: [{ path: name, message: "not implemented" }],
      });
    const hint = didYouMean(name, SUBMIT_OPTIONS);
    const end = hint === undefined ? `a submit takes ${SUBMIT_OPTIONS.join(", ")}.` : `did you mean "${hint}"?`;
    throw fail("invalid_request", `There is no option ${JSON.stringify(name.slice(0, 80))}; ${end}`, {
      ...(hint === undefined ? {} : { didYouMean: hint }),
      issues: [{ path: name, message: "unknown option" }],
    });
  }
}

/** Everything that is neither key, label nor tags: checked and written into the item. */
export function applyOptions(item: SubmitItem, options: GivenOptions, clock: Clock): void {
  const { priority, timeout, retry, onDuplicate, failFast } = options;
  if (options.parent !== undefined) applyParent(item, options);
  if (failFast !== undefined) {
    if (typeof failFast !== "boolean") throw refuse("failFast", `failFast must be true or false; got ${show(failFast)}.`);
    item.failFast = failFast;
  }
  if (priority !== undefined) item.priority = parsePriority(priority);
  if (timeout !== undefined) item.timeoutMs = positive(timeout, "timeout");
  if (retry !== undefined) item.retry = readRetry(retry);
  if (onDuplicate !== undefined) applyStrategy(item, onDuplicate);
  applyRunTime(item, options, clock);
  if (options.dependsOn !== undefined || options.onDependencyFailure !== undefined) applyDependencies(item, options);
  applyExpiry(item, options, clock);
  if (options.group !== undefined) applyGroup(item, options.group);
}

function applyGroup(item: SubmitItem, group: unknown): void {
  if (group === null) delete item.group;
  else item.group = readGroup(group);
}

/**
 * The name of a group.
 *
 * @throws `invalid_request`
 */
export function readGroup(group: unknown): string {
  if (!isGroupName(group)) throw refuse("group", `group must be ${GROUP_NAME_RULE}, or null for none; got ${show(group)}.`);
  return group;
}

/** A child is told from the others by its parent's object, not by a strategy. */
function applyParent(item: SubmitItem, { parent, onDuplicate }: GivenOptions): void {
  if (parseTaskId(parent) === null) throw refuse("parent", `parent must be the id of a task, such as "media_17"; got ${show(parent)}.`);
  if (onDuplicate !== undefined)
    throw refuse("onDuplicate", "A child takes no onDuplicate: submitting the same again answers with the child that is there.");
  item.parent = parent as string;
}

function applyRunTime(item: SubmitItem, { delay, runAt }: GivenOptions, clock: Clock): void {
  if (delay === undefined && runAt === undefined) return;
  if (delay !== undefined && runAt !== undefined) throw refuse("runAt", "Give delay or runAt, not both: they say the same thing.");
  if (delay !== undefined) {
    const delayMs = bounded(delay, "delay");
    if (delayMs > 0) item.delayMs = delayMs;
    return;
  }
  const at = parseInstant(runAt, "runAt");
  if (at - clock.now() > LIMITS.delayMsMax) throw refuse("runAt", "runAt must be at most 10 years ahead.");
  item.runAt = at;
}

function applyExpiry(item: SubmitItem, { ttl, ttlFrom, deadline }: GivenOptions, clock: Clock): void {
  if (ttl !== undefined) item.ttlMs = positive(ttl, "ttl");
  if (ttlFrom !== undefined) {
    if (ttlFrom !== "submit" && ttlFrom !== "firstAttempt")
      throw refuse("ttlFrom", `ttlFrom must be "submit" or "firstAttempt"; got ${show(ttlFrom)}.`);
    if (item.ttlMs === undefined) throw refuse("ttlFrom", "ttlFrom says where a ttl's clock starts, but there is no ttl; give one.");
    if (ttlFrom === "submit") delete item.ttlFrom;
    else item.ttlFrom = "firstAttempt";
  }
  if (deadline === undefined) return;
  if (deadline instanceof Date || (typeof deadline === "string" && looksLikeInstant(deadline))) {
    item.deadlineAt = parseInstant(deadline, "deadline");
    delete item.deadlineMs;
    if (item.deadlineAt - clock.now() > LIMITS.delayMsMax) throw refuse("deadline", "deadline must be at most 10 years ahead.");
  } else item.deadlineMs = positive(deadline, "deadline", " (a moment is written as RFC 3339 text or a Date)");
}

/** An explicit key. */
export function readKey(key: unknown, where: string): string {
  if (
    typeof key !== "string" ||
    key === "" ||
    !isClean(key) ||
    (key.length * 3 > LIMITS.keyBytesMax && utf8Bytes(key) > LIMITS.keyBytesMax)
  ) {
    throw refuse(
      "key",
      `${where} must be text of 1 to ${LIMITS.keyBytesMax} bytes, without NUL or half surrogate pairs, or null for no duplicate check; got ${show(key)}.`,
    );
  }
  return key;
}

/** What a task takes turns by. */
export function readFairKey(key: unknown, where: string): string {
  if (typeof key !== "string" || !isClean(key) || utf8Bytes(key) > LIMITS.fairKeyBytesMax)
    throw refuse(
      "",
      `${where} must be text of at most ${LIMITS.fairKeyBytesMax} bytes without NUL, or null for no turns; got ${show(key)}.`,
    );
  return key;
}

/** The label that a call gives. */
export function readLabel(label: unknown): string {
  if (
    typeof label !== "string" ||
    !isClean(label) ||
    (label.length * 3 > LIMITS.labelBytesMax && utf8Bytes(label) > LIMITS.labelBytesMax)
  ) {
    throw refuse(
      "label",
      `label must be text of at most ${LIMITS.labelBytesMax} bytes, without NUL or half surrogate pairs; got ${show(label)}.`,
    );
  }
  return label;
}

/** A policy made by `exponential(…)` and its like, or the same as JSON: `{ kind, attempts, initial, max?, jitter? }`. */
function readRetry(retry: unknown): RetryPolicy {
  if (typeof retry !== "object" || retry === null || !("initialMs" in retry)) return parseRetryPolicy(retry);
  const { initialMs, maxMs, ...rest } = retry as RetryPolicy;
  return parseRetryPolicy({ ...rest, initial: initialMs, ...(rest.kind === "constant" ? {} : { max: maxMs }) });
}

function applyStrategy(item: SubmitItem, given: unknown): void {
  const strategy = parseOnDuplicate(given);
  if (strategy === undefined) delete item.onDuplicate;
  else item.onDuplicate = strategy;
}

/** A plain task meets no other; and a debounce says itself when its task runs. */
export function settleStrategy(item: SubmitItem): void {
  if (item.onDuplicate === undefined) return;
  if (item.hash === undefined) delete item.onDuplicate;
  else if (typeof item.onDuplicate === "object" && (item.delayMs !== undefined || item.runAt !== undefined)) {
    const name = item.runAt === undefined ? "delay" : "runAt";
    throw refuse(name, `A debounce says itself when its task runs; leave ${name} out, or submit it with onDuplicate: "skip".`);
  }
}

/** Names are judged here, existence in the object. */
function applyDependencies(item: SubmitItem, { dependsOn = [], onDependencyFailure }: GivenOptions): void {
  if (!Array.isArray(dependsOn)) throw refuse("dependsOn", `dependsOn must be a list of task ids; got ${show(dependsOn)}.`);
  if (dependsOn.length > LIMITS.dependenciesMax) {
    throw refuse(
      "dependsOn",
      `A task depends on at most ${LIMITS.dependenciesMax} others; this one names ${dependsOn.length}. Put a task between them for each part.`,
    );
  }
  if (dependsOn.length > 0) item.dependsOn = dependsOn.map(readDependency);
  if (onDependencyFailure === undefined) return;
  const policy = checkPolicy(onDependencyFailure);
  if (policy === "cancel") delete item.onDependencyFailure;
  else item.onDependencyFailure = policy;
}

function readDependency(given: unknown): string | number {
  if (parseTaskId(given) !== null) return given as string;
  const index =
    typeof given === "object" && given !== null && Object.keys(given).length === 1 ? (given as { index?: unknown }).index : undefined;
  if (typeof index === "number" && Number.isSafeInteger(index) && index >= 0) return index;
  const message = `A dependency is the id of a task, such as "media_17", or in a batch { "index": n } of an earlier task; got ${show(given)}.`;
  throw fail("invalid_dependency", message, { issues: [{ path: "dependsOn", message }] });
}

function checkPolicy(policy: unknown): DependencyPolicy {
  if (DEPENDENCY_POLICIES.includes(policy as DependencyPolicy)) return policy as DependencyPolicy;
  throw refuse(
    "onDependencyFailure",
    `onDependencyFailure must be ${DEPENDENCY_POLICIES.map((name) => `"${name}"`).join(", ")}; got ${show(policy)}.`,
  );
}

function positive(value: unknown, name: string, hint = ""): number {
  const ms = bounded(value, name, hint);
  if (ms === 0) throw refuse(name, `${name} must be more than 0${hint}.`);
  return ms;
}

function bounded(value: unknown, name: string, hint = ""): number {
  const ms = parseDuration(value, name);
  if (ms > LIMITS.delayMsMax) throw refuse(name, `${name} must be at most 10 years${hint}; got ${show(value)}.`);
  return ms;
}

function refuse(path: string, message: string): MillraceError {
  return fail("invalid_request", message, { issues: [{ path, message }] });
}

function show(value: unknown): string {
  const text = typeof value === "string" || typeof value === "object" ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
