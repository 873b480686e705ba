import type { StandardSchemaV1 } from "@standard-schema/spec";
import { toJSONSchema } from "zod/mini";
import { resolveDefaults } from "../../domains/defaults.ts";
import type { Defaults, DomainDefinition, Registry, TypeDefinition } from "../../domains/definition.ts";
import { ratesOf } from "../../domains/rates.ts";
import { everyMsOf } from "../../domains/singleton.ts";
import { parseOnDuplicate } from "../../policy/duplicates.ts";
import { parseDuration } from "../../policy/duration.ts";
import { parsePriority } from "../../policy/priority.ts";
import type { Rate } from "../../policy/rate.ts";
import { json } from "../problem.ts";
import { type Route, visibleDomains } from "../route.ts";

export const registryRoutes: Route[] = [
  {
    method: "GET",
    path: "/v1/registry",
    role: "viewer",
    answer: (call) => json({ domains: visibleDomains(call).map((domain) => domainView(call.registry, domain)) }),
  },
];

function domainView(registry: Registry, domain: DomainDefinition) {
  const rates = ratesOf(domain);
  return {
    name: domain.name,
    maxConcurrency: domain.maxConcurrency ?? null,
    defaults: givenDefaults(domain.defaults),
    types: [...domain.types.values()].map((type) => typeView(registry, domain, type, rates)),
  };
}

function typeView(registry: Registry, domain: DomainDefinition, type: TypeDefinition, rates: ReadonlyMap<string, Rate>) {
  const {
    priority,
    retry,
    timeoutMs,
    ttlMs,
    ttlFrom,
    onDuplicate = "skip",
    onDependencyFailure,
    failFast,
  } = resolveDefaults(registry, domain, type);
  return {
    name: type.name,
    payloadSchema: jsonSchema(type.payload, "input"),
    resultSchema: type.result ? jsonSchema(type.result, "output") : null,
    defaults: {
      priority,
      retry,
      timeoutMs,
      ttlMs: ttlMs ?? null,
      ttlFrom,
      onDuplicate,
      onDependencyFailure,
      failFast,
      ...(type.io ? { io: type.io } : {}),
    },
    submittable: type.submittable,
    singleton: type.singleton !== undefined,
    ...(type.singleton ? { everyMs: everyMsOf(type.singleton) } : {}),
    pull: type.pull,
    rate: rates.get(type.name) ?? null,
    redact: type.redact,
  };
}

/** A domain's own defaults, in the answers' units. */
function givenDefaults({
  priority,
  retry,
  timeout,
  ttl,
  ttlFrom,
  onDuplicate,
  tags,
  onDependencyFailure,
  failFast,
}: Defaults): Record<string, unknown> {
  return {
    ...(priority === undefined ? {} : { priority: parsePriority(priority) }),
    ...(retry === undefined ? {} : { retry }),
    ...(timeout === undefined ? {} : { timeoutMs: parseDuration(timeout) }),
    ...(ttl === undefined ? {} : { ttlMs: parseDuration(ttl) }),
    ...(ttlFrom === undefined ? {} : { ttlFrom }),
    ...(onDuplicate === undefined ? {} : { onDuplicate: parseOnDuplicate(onDuplicate) ?? "skip" }),
    ...(tags === undefined ? {} : { tags }),
    ...(onDependencyFailure === undefined ? {} : { onDependencyFailure }),
    ...(failFast === undefined ? {} : { failFast }),
  };
}

interface Converter {
  input: (options: object) => Record<string, unknown>;
  output: (options: object) => Record<string, unknown>;
}

const TARGET = "draft-2020-12";
const known = new WeakMap<StandardSchemaV1, Record<"input" | "output", unknown>>();

/** The JSON Schema of a schema whose library can tell it (Standard JSON Schema, or zod), else null. */
function jsonSchema(schema: StandardSchemaV1, side: "input" | "output"): unknown {
  const cached = known.get(schema) ?? { input: undefined, output: undefined };
  if (cached[side] === undefined) {
    cached[side] = convert(schema, side);
    known.set(schema, cached);
  }
  return cached[side];
}

function convert(schema: StandardSchemaV1, side: "input" | "output"): unknown {
  const standard = schema["~standard"] as StandardSchemaV1.Props & { jsonSchema?: Converter };
  const converter = standard.jsonSchema;
  // What JSON Schema cannot say, such as a transform's output, is left open instead of hiding the rest.
  const ways = converter
    ? [() => converter[side]({ target: TARGET, libraryOptions: { unrepresentable: "any" } }), () => converter[side]({ target: TARGET })]
    : standard.vendor === "zod"
      ? [() => toJSONSchema(schema as never, { target: TARGET, io: side, unrepresentable: "any" })]
      : [];
  for (const way of ways) {
    try {
      return way();
    } catch {
      continue;
    }
  }
  return null;
}
