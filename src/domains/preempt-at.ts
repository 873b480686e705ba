import { MillraceError } from "../policy/errors.ts";
import { parsePriority, PRIORITY } from "../policy/priority.ts";
import type { DomainDefinition, Registry } from "./definition.ts";

/** From which priority on work takes slots from what is less urgent, in a domain, or in the mill where it says nothing; -1: none does. */
export function preemptAtOf(registry: Registry, domain?: DomainDefinition): number {
  const at = domain?.preemptAt === undefined ? registry.preemptAt : domain.preemptAt;
  return at === null ? -1 : parsePriority(at ?? PRIORITY.realtime);
}

/** What is wrong with a `preemptAt`. */
export function preemptAtProblems(where: string, at: unknown): string[] {
  if (at === undefined || at === null) return [];
  try {
    parsePriority(at, "preemptAt");
    return [];
  } catch (error) {
    if (!MillraceError.is(error)) throw error;
    return [`${where}: ${error.message} Or null, for never.`];
  }
}
