import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { TypeDefinition } from "./definition.ts";
import type { TaskOptions } from "./options.ts";

/** A task type as the engine sees it, from what `.task(…)` was given. */
export function typeDefinition(name: string, given: Record<string, unknown>): TypeDefinition {
  const options = given as unknown as TaskOptions<StandardSchemaV1, StandardSchemaV1, unknown, unknown, unknown, unknown>;
  const { tags, priority, retry, timeout, ttl, ttlFrom, deadline, onDuplicate, onDependencyFailure, failFast, group } = options;
  return {
    name,
    payload: options.payload,
    result: options.result,
    key: options.key,
    label: options.label,
    fairKey: options.fairKey,
    rate: options.rate,
    io: options.io,
    tags: typeof tags === "object" ? () => tags : tags,
    defaults: {
      ...(priority === undefined ? {} : { priority }),
      ...(retry === undefined ? {} : { retry }),
      ...(timeout === undefined ? {} : { timeout }),
      ...(ttl === undefined ? {} : { ttl }),
      ...(ttlFrom === undefined ? {} : { ttlFrom }),
      ...(deadline === undefined ? {} : { deadline }),
      ...(onDuplicate === undefined ? {} : { onDuplicate }),
      ...(onDependencyFailure === undefined ? {} : { onDependencyFailure }),
      ...(failFast === undefined ? {} : { failFast }),
      ...(group === undefined ? {} : { group }),
    },
    submittable: options.submittable ?? true,
    redact: options.redact ?? [],
    keep: options.keep ?? true,
    ...(options.keepAtLeast === undefined ? {} : { keepAtLeast: options.keepAtLeast }),
    pull: (given.pull as boolean | undefined) ?? false,
    execute: options.execute,
    finalize: options.finalize as TypeDefinition["finalize"],
    onCancel: options.onCancel,
  };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
