import type { DependencyPolicy } from "../policy/dependencies.ts";
import { parseOnDuplicate, type Strategy } from "../policy/duplicates.ts";
import { parseDuration } from "../policy/duration.ts";
import { parsePriority } from "../policy/priority.ts";
import { exponential, type RetryPolicy } from "../policy/retry.ts";
import type { Defaults, DomainDefinition, Registry, TypeDefinition } from "./definition.ts";

/** The defaults of a type with every level merged: type over domain over mill over built in. */
export interface ResolvedDefaults {
  priority: number;
  retry: RetryPolicy;
  timeoutMs: number;
  ttlMs: number | undefined;
  ttlFrom: "submit" | "firstAttempt";
  deadlineMs?: number;
  /** Absent: skip. */
  onDuplicate?: Strategy;
  onDependencyFailure: DependencyPolicy;
  failFast: boolean;
  group?: string;
}

const BUILT_IN = {
  priority: 128,
  retry: exponential(3, "1s", "5m"),
  timeoutMs: 300_000,
  ttlFrom: "submit",
  onDependencyFailure: "cancel",
  failFast: true,
} as const;

/** Merged defaults of a type. Tags are not here: the type's are rows of a task, the domain's are merged at read. */
export function resolveDefaults(registry: Registry, domain: DomainDefinition, type: TypeDefinition): ResolvedDefaults {
  const levels = [type.defaults, domain.defaults, registry.defaults];
  const nearest = <Key extends keyof Defaults>(key: Key): Defaults[Key] | undefined =>
    levels.find((level) => level[key] !== undefined)?.[key];
  const priority = nearest("priority");
  const timeout = nearest("timeout");
  const ttl = nearest("ttl");
  const deadline = nearest("deadline");
  const group = nearest("group");
  const onDuplicate = parseOnDuplicate(nearest("onDuplicate") ?? "skip");
  return {
    priority: priority === undefined ? BUILT_IN.priority : parsePriority(priority),
    retry: nearest("retry") ?? BUILT_IN.retry,
    timeoutMs: timeout === undefined ? BUILT_IN.timeoutMs : parseDuration(timeout, "timeout"),
    ttlMs: ttl === undefined ? undefined : parseDuration(ttl, "ttl"),
    ttlFrom: nearest("ttlFrom") ?? BUILT_IN.ttlFrom,
    ...(deadline === undefined ? {} : { deadlineMs: parseDuration(deadline, "deadline") }),
    ...(onDuplicate === undefined ? {} : { onDuplicate }),
    ...(typeof group === "string" ? { group } : {}),
    onDependencyFailure: nearest("onDependencyFailure") ?? BUILT_IN.onDependencyFailure,
    failFast: nearest("failFast") ?? BUILT_IN.failFast,
  };
}
