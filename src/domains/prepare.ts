import { type Clock, systemClock } from "../clock.ts";
import type { SubmitItem } from "../durable/protocol.ts";
import { type ErrorCode, fail, MillraceError } from "../policy/errors.ts";
import { canonicalJson, duplicateHash } from "../policy/key.ts";
import { LIMITS } from "../policy/limits.ts";
import { cutUtf8, utf8Bytes } from "../policy/text.ts";
import { nameChild, parentOf } from "./child.ts";
import { type ResolvedDefaults, resolveDefaults } from "./defaults.ts";
import type { DomainDefinition, Registry, TypeDefinition } from "./definition.ts";
import { findType } from "./find.ts";
import { toJson } from "./json.ts";
import { applyOptions, checkOptionNames, type GivenOptions, readFairKey, readKey, readLabel, settleStrategy } from "./submit-options.ts";
import { checkTags, isClean } from "./tags.ts";
import { type Issue, validate } from "./validate.ts";

/** What a type's submits have in common, worked out once. */
interface Plan {
  registry: Registry;
  domain: string;
  type: TypeDefinition;
  /** For messages: `media::resize`. */
  title: string;
  defaults: ResolvedDefaults;
}

const plans = new WeakMap<TypeDefinition, Plan>();
const NONE: GivenOptions = {};

/**
 * One task made ready for its Domain object: payload turned into JSON and validated, key hashed, label and tags
 * worked out, options checked, defaults applied. Only as asynchronous as the payload's schema.
 *
 * @param typeName the type, unqualified
 * @param payload the schema's input
 * @param options `SubmitOptions`, or the same as JSON
 * @throws `unknown_type`, `invalid_payload`, `payload_too_large`, `invalid_request`, `invalid_tag`, `not_implemented`
 */
export function prepare(
  registry: Registry,
  domain: DomainDefinition,
  typeName: unknown,
  payload: unknown,
  options: GivenOptions | undefined,
  clock: Clock = systemClock,
): SubmitItem | Promise<SubmitItem> {
  const plan = planOf(registry, domain, typeName);
  if (options === undefined) return prepareWith(plan, payload, NONE, clock);
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw fail("invalid_request", `The options of a submit must be an object; got ${String(JSON.stringify(options)).slice(0, 60)}.`);
  }
  checkOptionNames(options, false);
  return prepareWith(plan, payload, options, clock);
}

/**
 * A batch made ready: all of it, or an error that names every bad task.
 *
 * @param tasks `{ type, payload, …options }` each, at most 10,000 and 24 MiB
 * @param defaults options of every task that does not say otherwise
 * @throws what `prepare` throws (`invalid_request` when it is not the same for all), with `issues` whose paths begin
 * with `tasks.<index>`
 */
export function prepareAll(
  registry: Registry,
  domain: DomainDefinition,
  tasks: readonly unknown[],
  defaults?: GivenOptions,
  clock: Clock = systemClock,
): SubmitItem[] | Promise<SubmitItem[]> {
  if (!Array.isArray(tasks))
    throw fail("invalid_request", "A batch must be a list of tasks.", { issues: [{ path: "tasks", message: "not a list" }] });
  if (tasks.length > LIMITS.batchTasksMax) {
    throw fail("payload_too_large", `A batch has at most ${LIMITS.batchTasksMax} tasks; this one has ${tasks.length}. Send several.`);
  }
  const failures: Failure[] = [];
  let waits = false;
  const items = tasks.map((task, index) => {
    try {
      const item = prepareOne(registry, domain, task, defaults, clock);
      if (!(item instanceof Promise)) return item;
      waits = true;
      return item.catch((error: unknown) => note(failures, index, error));
    } catch (error) {
      return note(failures, index, error);
    }
  });
  return waits ? Promise.all(items).then((all) => finish(all, failures)) : finish(items as (SubmitItem | undefined)[], failures);
}

interface Failure {
  index: number;
  error: MillraceError;
}

function prepareOne(registry: Registry, domain: DomainDefinition, task: unknown, defaults: GivenOptions | undefined, clock: Clock) {
  if (typeof task !== "object" || task === null || Array.isArray(task)) {
    throw fail("invalid_request", "Each task of a batch must be an object with type and payload.");
  }
  const options = (defaults === undefined ? task : withDefaults(defaults, task)) as GivenOptions & { type?: unknown; payload?: unknown };
  const plan = planOf(registry, domain, options.type);
  checkOptionNames(options, true);
  return prepareWith(plan, options.payload, options, clock);
}

/** A member that is `undefined` says nothing, as in a single submit. */
function withDefaults(defaults: GivenOptions, task: object): object {
  const options: Record<string, unknown> = { ...defaults };
  for (const [name, value] of Object.entries(task)) if (value !== undefined) options[name] = value;
  return options;
}

function note(failures: Failure[], index: number, error: unknown): undefined {
  if (!MillraceError.is(error)) throw error;
  failures.push({ index, error });
}

/** How many bad tasks of a batch are named. */
const FAILURES_MAX = 100;

function finish(items: (SubmitItem | undefined)[], failures: Failure[]): SubmitItem[] {
  if (failures.length > 0) throw batchError(failures, items.length);
  const ready = items as SubmitItem[];
  parentOf(ready);
  let length = 0;
  for (const item of ready) length += item.payload.length;
  if (length * 3 > LIMITS.batchBytesMax) {
    const bytes = ready.reduce((sum, item) => sum + utf8Bytes(item.payload), 0);
    if (bytes > LIMITS.batchBytesMax) {
      throw fail(
        "payload_too_large",
        `The payloads of a batch take at most ${LIMITS.batchBytesMax} bytes together; these take ${bytes}. Send several.`,
      );
    }
  }
  return ready;
}

function batchError(failures: Failure[], total: number): MillraceError {
  failures.sort((left, right) => left.index - right.index);
  const [first] = failures as [Failure];
  const code: ErrorCode = failures.every(({ error }) => error.code === first.error.code) ? first.error.code : "invalid_request";
  const issues: Issue[] = failures.slice(0, FAILURES_MAX).flatMap(({ index, error }) => {
    const own = (error.facts.issues as Issue[] | undefined) ?? [{ path: "", message: error.message }];
    return own.map(({ path, message }) => ({ path: `tasks.${index}${inTask(error, path)}`, message }));
  });
  const more = failures.length === 1 ? "" : ` ${failures.length} of ${total} tasks are bad, see issues.`;
  return fail(code, `Nothing was submitted: task ${first.index} of the batch: ${first.error.message}${more}`, {
    ...(failures.length === 1 ? first.error.facts : {}),
    issues,
    failed: failures.slice(0, FAILURES_MAX).map(({ index, error }) => ({ index, code: error.code, detail: error.message })),
  });
}

function inTask(error: MillraceError, path: string): string {
  const parts = error.code === "invalid_payload" ? ["payload", path] : [path];
  return parts.map((part) => (part === "" ? "" : `.${part}`)).join("");
}

const notSubmitted = (domain: string, type: string): MillraceError =>
  fail(
    "not_submittable",
    `${domain}::${type} is a singleton: nobody submits it, its next round comes by itself. To have it sooner, find it with list({ type: "${type}" }) and call runNow.`,
  );

function planOf(registry: Registry, domain: DomainDefinition, typeName: unknown): Plan {
  const type = findType(domain, typeName);
  if (type.singleton) throw notSubmitted(domain.name, type.name);
  const known = plans.get(type);
  if (known?.registry === registry) return known;
  const plan = {
    registry,
    domain: domain.name,
    type,
    title: `${domain.name}::${type.name}`,
    defaults: resolveDefaults(registry, domain, type),
  };
  plans.set(type, plan);
  return plan;
}

function prepareWith(plan: Plan, payload: unknown, options: GivenOptions, clock: Clock): SubmitItem | Promise<SubmitItem> {
  const what = `The payload of ${plan.title}`;
  const { text, value } = toJson(payload, what);
  checkSize(text, what);
  const item: SubmitItem = { type: plan.type.name, payload: text, priority: plan.defaults.priority };
  if (plan.defaults.ttlMs !== undefined) {
    item.ttlMs = plan.defaults.ttlMs;
    if (plan.defaults.ttlFrom === "firstAttempt") item.ttlFrom = "firstAttempt";
  }
  if (plan.defaults.deadlineMs !== undefined) item.deadlineMs = plan.defaults.deadlineMs;
  if (plan.defaults.onDuplicate !== undefined) item.onDuplicate = plan.defaults.onDuplicate;
  if (plan.defaults.group !== undefined) item.group = plan.defaults.group;
  if (options !== NONE) applyOptions(item, options, clock);
  const { onDependencyFailure } = plan.defaults;
  if (item.dependsOn && options.onDependencyFailure === undefined && onDependencyFailure !== "cancel")
    item.onDependencyFailure = onDependencyFailure;
  if (item.timeoutMs !== undefined && plan.type.pull) {
    throw fail("invalid_request", `${plan.title} is done by pull workers: it takes no timeout, the lease of each claim is it.`, {
      issues: [{ path: "timeout", message: "not for pull types" }],
    });
  }
  const output = validate(plan.type.payload, value, what);
  if (output instanceof Promise) return output.then((late) => complete(plan, item, value, late, options));
  return complete(plan, item, value, output, options);
}

function checkSize(text: string, what: string): void {
  if (text.length * 3 <= LIMITS.payloadBytesMax) return;
  const bytes = utf8Bytes(text);
  if (bytes <= LIMITS.payloadBytesMax) return;
  throw fail(
    "payload_too_large",
    `${what} takes ${bytes} bytes as JSON, more than the ${LIMITS.payloadBytesMax} allowed; store it elsewhere (R2, say) and submit where.`,
    {
      bytes,
      limit: LIMITS.payloadBytesMax,
    },
  );
}

/** What depends on the schema's output: key, label, tags. */
function complete(plan: Plan, item: SubmitItem, input: unknown, output: unknown, options: GivenOptions): SubmitItem {
  const { type } = plan;
  const key = options.key === undefined ? ask(plan, "key", output) : options.key;
  if (key === undefined) item.hash = duplicateHash(type.name, "payload", canonicalJson(input));
  else if (key !== null) {
    item.key = readKey(key, options.key === undefined ? `What the key function of ${plan.title} returns` : "key");
    item.hash = duplicateHash(type.name, "key", item.key);
  }
  settleStrategy(item);
  const label = options.label === undefined ? ownLabel(plan, output) : readLabel(options.label);
  if (label !== undefined && label !== "") item.label = label;
  applyTags(plan, item, output, options.tags);
  const fair = ask(plan, "fairKey", output);
  if (fair !== undefined && fair !== null) item.fair = readFairKey(fair, `What the fairKey function of ${plan.title} returns`);
  return item.parent === undefined ? item : nameChild(item.parent, plan.domain, item);
}

/** A label that a definition makes out of a payload is cut, not refused: it is for people. */
function ownLabel(plan: Plan, output: unknown): string | undefined {
  const label = ask(plan, "label", output);
  if (label === undefined) return undefined;
  if (typeof label !== "string")
    throw fail("invalid_request", `The label function of ${plan.title} must return text; it returned ${String(label)}.`);
  return cutUtf8(isClean(label) ? label : label.toWellFormed().replaceAll("\0", ""), LIMITS.labelBytesMax);
}

function applyTags(plan: Plan, item: SubmitItem, output: unknown, called: unknown): void {
  if (called === undefined && plan.type.tags === undefined) return;
  const own = plan.type.tags === undefined ? undefined : checkTags(ask(plan, "tags", output), `tags of ${plan.title}`);
  const given = called === undefined ? undefined : checkTags(called);
  const tags = own && given ? checkTags({ ...own, ...given }) : { ...(own ?? given) };
  if (Object.keys(tags).length > 0) item.tags = tags;
}

/** Runs a function of the definition; `undefined` where there is none. */
function ask(plan: Plan, name: "key" | "label" | "tags" | "fairKey", output: unknown): unknown {
  const own = plan.type[name] as ((payload: unknown) => unknown) | undefined;
  if (own === undefined) return undefined;
  try {
    const answer = own(output);
    // Without an answer a key would silently become the payload, and a label or tags vanish.
    if (answer !== undefined) return answer;
  } catch (error) {
    if (MillraceError.is(error)) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw fail("invalid_payload", `The ${name} function of ${plan.title} threw on this payload: ${message}`, {
      issues: [{ path: "", message }],
    });
  }
  throw fail(
    "invalid_request",
    `The ${name} function of ${plan.title} returned undefined; it must return a value${name === "key" ? ", or null for no duplicate check" : name === "fairKey" ? ", or null for no turns" : ""}.`,
  );
}
