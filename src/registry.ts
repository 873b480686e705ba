import type { Defaults, DomainDefinition, Registry, ScheduleDefinition, TypeDefinition } from "./domains/definition.ts";
import { checkKeepAtLeast, historyProblems } from "./domains/history.ts";
import { optionProblems } from "./domains/options.ts";
import { checkSingleton } from "./domains/singleton.ts";
import { preemptAtProblems } from "./domains/preempt-at.ts";
import { rateProblems } from "./domains/rates.ts";
import { prepareSchedule } from "./domains/schedule.ts";
import { readGroup } from "./domains/submit-options.ts";
import { checkTags } from "./domains/tags.ts";
import { addWebhooks } from "./domains/webhook-options.ts";
import { type AgingOptions, parseAging } from "./policy/aging.ts";
import { DEPENDENCY_POLICIES } from "./policy/dependencies.ts";
import { parseOnDuplicate } from "./policy/duplicates.ts";
import { type GroupOptions, readGroups } from "./policy/group-rules.ts";
import { parseDuration } from "./policy/duration.ts";
import { fail, MillraceError } from "./policy/errors.ts";
import { parseIo } from "./policy/io.ts";
import { LIMITS } from "./policy/limits.ts";
import { DOMAIN_NAME_RULE, isDomainName, isTypeName, TYPE_NAME_RULE } from "./policy/names.ts";
import { parsePressurePolicy, type PressureStep } from "./policy/pressure.ts";
import { parsePriority, type Priority } from "./policy/priority.ts";
import { parseRetryPolicy, type RetryPolicy } from "./policy/retry.ts";

/** What `createMill` is given, types erased. */
export interface RegistryOptions {
  domains: readonly (DomainDefinition & { readonly "~problems"?: readonly string[] })[];
  app?: ((env: never) => unknown) | undefined;
  late?: readonly string[] | undefined;
  maxConcurrency?: number | undefined;
  groups?: Readonly<Record<string, GroupOptions>> | undefined;
  defaultGroupMaxConcurrency?: number | undefined;
  defaults?: Defaults | undefined;
  aging?: AgingOptions | undefined;
  preemptAt?: Priority | null | undefined;
  pressure?: readonly PressureStep[] | undefined;
  crons?: Readonly<Record<string, unknown>> | undefined;
  webhooks?: unknown;
}

const MAX_CONCURRENCY = 16;
const CAP_MAX = 10_000;

/**
 * The registry, when everything about it is right.
 *
 * @param known problems that the caller found already, such as the compatibility date
 * @throws `invalid_request` (`not_implemented` when it is nothing else) with every problem at once, in the message and
 * as the fact `problems`
 */
export function buildRegistry(options: RegistryOptions, known: readonly string[] = []): Registry {
  const problems = [...known];
  const given = typeof options === "object" && options !== null ? options : ({} as RegistryOptions);
  problems.push(
    ...optionProblems("mill", "createMill", given),
    ...capProblems("createMill", given.maxConcurrency),
    ...capProblems("createMill", given.defaultGroupMaxConcurrency, "defaultGroupMaxConcurrency"),
    ...defaultsProblems("createMill", given.defaults),
    ...preemptAtProblems("createMill", given.preemptAt),
  );
  if (given.app !== undefined && typeof given.app !== "function") problems.push("createMill: app must be a function of env.");
  if (given.late !== undefined && (!Array.isArray(given.late) || given.late.some((name) => typeof name !== "string" || name === "")))
    problems.push("createMill: late must be a list of names, those that mill.provide will be given.");
  problems.push(...cronProblems(given.crons));
  let registry: Registry = {
    domains: collect(given.domains, problems),
    app: given.app,
    late: given.late,
    maxConcurrency: given.maxConcurrency ?? MAX_CONCURRENCY,
    defaults: given.defaults ?? {},
    ...(given.aging === undefined ? {} : { aging: readAging(given.aging, problems) }),
    ...(given.pressure === undefined ? {} : { pressure: readPressure(given.pressure, problems) }),
    ...(given.preemptAt === undefined ? {} : { preemptAt: given.preemptAt }),
    groups: readGroups(given.groups, problems),
    defaultGroupMaxConcurrency: given.defaultGroupMaxConcurrency ?? null,
  };
  for (const domain of registry.domains.values()) problems.push(...domainProblems(domain));
  // Deliveries are made of the domain's own schema and defaults.
  if (problems.length === 0 && given.webhooks !== undefined) registry = addWebhooks(registry, given.webhooks, problems);
  // Payloads of schedules go through schemas and defaults, which must be right themselves first.
  if (problems.length === 0) for (const domain of registry.domains.values()) problems.push(...scheduleProblems(registry, domain));
  if (problems.length > 0) throw everything(problems);
  return registry;
}

function everything(problems: readonly string[]): MillraceError {
  const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  const code = problems.every((problem) => problem.includes("not_implemented")) ? "not_implemented" : "invalid_request";
  return fail(code, `createMill found ${count}:\n${problems.map((problem) => `  - ${problem}`).join("\n")}`, { problems: [...problems] });
}

const readAging = (aging: unknown, problems: string[]) => readPolicyOf(() => parseAging(aging), problems);
const readPressure = (pressure: unknown, problems: string[]) => readPolicyOf(() => parsePressurePolicy(pressure), problems);

/** A policy of the whole mill, or everything that is wrong with it. */
function readPolicyOf<Policy>(parse: () => Policy, problems: string[]): Policy | undefined {
  try {
    return parse();
  } catch (error) {
    if (!MillraceError.is(error)) throw error;
    problems.push(
      ...(error.facts.issues as { path: string; message: string }[]).map(({ path, message }) => `createMill: ${path} ${message}.`),
    );
    return undefined;
  }
}

function collect(domains: unknown, problems: string[]): ReadonlyMap<string, DomainDefinition> {
  const found = new Map<string, DomainDefinition>();
  if (!Array.isArray(domains) || domains.length === 0) {
    problems.push("createMill: domains must be a list of at least one definition, made by defineDomain.");
    return found;
  }
  for (const [index, domain] of (domains as unknown[]).entries()) {
    if (!isDefinition(domain)) {
      const hint =
        typeof domain === "object" && domain !== null && "name" in domain ? " (a ref is not enough here: import the definition)" : "";
      problems.push(`createMill: domains[${index}] is not a definition made by defineDomain${hint}.`);
    } else if (found.has(domain.name)) problems.push(`createMill: there are two domains "${domain.name}"; rename one, or list it once.`);
    else found.set(domain.name, domain);
  }
  return found;
}

function isDefinition(domain: unknown): domain is DomainDefinition {
  return typeof domain === "object" && domain !== null && "types" in domain && domain.types instanceof Map && "schedules" in domain;
}

function domainProblems(domain: DomainDefinition & { readonly "~problems"?: readonly string[] }): string[] {
  const { name } = domain;
  const problems: string[] = [];
  if (!isDomainName(name)) problems.push(`${quote(name)} cannot name a domain; a name is ${DOMAIN_NAME_RULE}.`);
  problems.push(
    ...(domain["~problems"] ?? []),
    ...capProblems(name, domain.maxConcurrency),
    ...defaultsProblems(name, domain.defaults),
    ...historyProblems(name, domain),
    ...rateProblems(domain),
    ...preemptAtProblems(name, domain.preemptAt),
  );
  if (domain.state !== undefined && typeof domain.state !== "function") problems.push(`${name}: state must be a function of env.`);
  if (domain.gate !== undefined && typeof domain.gate !== "function") problems.push(`${name}: gate must be a function of a task.`);
  for (const type of domain.types.values()) problems.push(...typeProblems(name, type));
  return problems;
}

function typeProblems(domain: string, type: TypeDefinition): string[] {
  const where = `${domain}::${type.name}`;
  const problems: string[] = [];
  if (!isTypeName(type.name)) problems.push(`${domain}: ${quote(type.name)} cannot name a task type; a name is ${TYPE_NAME_RULE}.`);
  if (!isSchema(type.payload)) problems.push(`${where}: payload must be a Standard Schema, such as z.object({ … }).`);
  if (type.result !== undefined && !isSchema(type.result))
    problems.push(`${where}: result must be a Standard Schema, such as z.object({ … }).`);
  if (type.pull === true) problems.push(...pullProblems(where, type));
  else if (typeof type.execute !== "function") problems.push(`${where}: execute must be a function (or pull: true, for pull workers).`);
  if (type.finalize !== undefined && typeof type.finalize !== "function") problems.push(`${where}: finalize must be a function.`);
  for (const name of ["key", "label", "tags", "fairKey", "onCancel"] as const) {
    if (type[name] !== undefined && typeof type[name] !== "function") problems.push(`${where}: ${name} must be a function of the payload.`);
  }
  for (const name of ["submittable", "keep", "pull"] as const) {
    if (typeof type[name] !== "boolean") problems.push(`${where}: ${name} must be true or false.`);
  }
  const { keepAtLeast } = type;
  if (keepAtLeast !== undefined) problems.push(...problemOf(where, () => checkKeepAtLeast(keepAtLeast, type.keep)));
  const names: unknown = type.redact;
  if (!Array.isArray(names) || names.some((member) => typeof member !== "string"))
    problems.push(`${where}: redact must be a list of names of the payload's members.`);
  if (type.io !== undefined) problems.push(...problemOf(where, () => parseIo(type.io)));
  const { singleton } = type;
  if (singleton) problems.push(...problemOf(where, () => checkSingleton(singleton)));
  problems.push(...defaultsProblems(where, type.defaults));
  return problems;
}

function pullProblems(where: string, type: TypeDefinition): string[] {
  const problems: string[] = [];
  for (const name of ["execute", "finalize", "onCancel"] as const)
    if (type[name] !== undefined) problems.push(`${where}: a pull type has no ${name}; its workers do it.`);
  if (type.defaults.timeout !== undefined) problems.push(`${where}: a pull type has no timeout; the lease of each claim is it.`);
  return problems;
}

function isSchema(schema: unknown): boolean {
  // ArkType's schemas are functions.
  if ((typeof schema !== "object" || schema === null) && typeof schema !== "function") return false;
  const standard = (schema as { "~standard"?: { validate?: unknown } })["~standard"];
  return typeof standard === "object" && standard !== null && typeof standard.validate === "function";
}

function defaultsProblems(where: string, defaults: Defaults | undefined): string[] {
  if (defaults === undefined) return [];
  if (typeof defaults !== "object" || defaults === null) return [`${where}: defaults must be an object.`];
  const { priority, retry, timeout, ttl, ttlFrom, deadline, onDuplicate, onDependencyFailure, failFast, tags, group } = defaults;
  const problems = optionProblems("defaults", where, defaults);
  const check = (action: () => unknown) => problems.push(...problemOf(where, action));
  if (priority !== undefined) check(() => parsePriority(priority));
  if (retry !== undefined) check(() => readPolicy(retry));
  if (timeout !== undefined) check(() => positive(timeout, "timeout"));
  if (ttl !== undefined) check(() => positive(ttl, "ttl"));
  if (deadline !== undefined) check(() => positive(deadline, "deadline"));
  if (onDuplicate !== undefined) check(() => parseOnDuplicate(onDuplicate));
  if (tags !== undefined) check(() => checkTags(tags));
  if (group !== undefined && group !== null) check(() => readGroup(group));
  if (ttlFrom !== undefined && ttlFrom !== "submit" && ttlFrom !== "firstAttempt")
    problems.push(`${where}: ttlFrom must be "submit" or "firstAttempt".`);
  if (onDependencyFailure !== undefined && !DEPENDENCY_POLICIES.includes(onDependencyFailure))
    problems.push(`${where}: onDependencyFailure must be ${DEPENDENCY_POLICIES.join(", ")}.`);
  if (failFast !== undefined && typeof failFast !== "boolean") problems.push(`${where}: failFast must be true or false.`);
  return problems;
}

function readPolicy(retry: RetryPolicy): void {
  if (typeof retry !== "object" || retry === null || !("initialMs" in retry)) {
    throw fail("invalid_request", 'retry must be made by constant, linear or exponential, such as exponential(5, "2s", "2m").');
  }
  const { initialMs, maxMs, ...rest } = retry;
  parseRetryPolicy({ ...rest, initial: initialMs, ...(rest.kind === "constant" ? {} : { max: maxMs }) });
}

function positive(value: unknown, name: string): void {
  const ms = parseDuration(value, name);
  if (ms === 0 || ms > LIMITS.delayMsMax) throw fail("invalid_request", `${name} must be more than 0 and at most 10 years.`);
}

function capProblems(where: string, cap: unknown, name = "maxConcurrency"): string[] {
  if (cap === undefined || (typeof cap === "number" && Number.isInteger(cap) && cap >= 1 && cap <= CAP_MAX)) return [];
  return [`${where}: ${name} must be an integer from 1 to ${CAP_MAX}; got ${quote(cap)}.`];
}

function cronProblems(crons: unknown): string[] {
  if (crons === undefined) return [];
  if (typeof crons !== "object" || crons === null) return ["createMill: crons must be an object of functions, keyed by cron text."];
  return Object.entries(crons).flatMap(([cron, action]) => {
    const where = `createMill: crons[${quote(cron)}]`;
    // The platform's own: five fields, compared with the text under [triggers] in wrangler.toml as it stands.
    const problems = cron.trim().split(/\s+/).length === 5 ? [] : [`${where} must have five fields, as under [triggers] in wrangler.toml.`];
    if (typeof action !== "function") problems.push(`${where} must be a function of the mill.`);
    return problems;
  });
}

function scheduleProblems(registry: Registry, domain: DomainDefinition): string[] {
  return domain.schedules.flatMap((schedule) =>
    problemOf(`${domain.name}, schedule "${schedule.name}"`, () => checkSchedule(registry, domain, schedule)),
  );
}

function checkSchedule(registry: Registry, domain: DomainDefinition, { name, type, payload, spec }: ScheduleDefinition): void {
  const ready = prepareSchedule(registry, domain, { ...spec, name, type, payload });
  // An asynchronous schema answers too late for this error; the first firing tells.
  if (ready instanceof Promise) ready.catch(() => undefined);
}

function problemOf(where: string, action: () => unknown): string[] {
  try {
    action();
    return [];
  } catch (error) {
    if (MillraceError.is(error)) return [`${where}: ${error.message}`];
    throw error;
  }
}

function quote(value: unknown): string {
  return String(JSON.stringify(value) ?? value).slice(0, 80);
}
