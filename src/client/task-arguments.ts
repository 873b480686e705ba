import { fail } from "../policy/errors.ts";
import { parseScheduleId, parseTaskId } from "../policy/ids.ts";

/**
 * What `task(submitted)` and `task(type, id)` are about.
 *
 * @throws `task_not_found` when the id is none of this domain
 */
export function taskArguments(domain: string, first: unknown, second: unknown): { type: string; id: string } {
  const submitted = typeof first === "object" && first !== null ? (first as { type?: unknown; id?: unknown }) : undefined;
  const [type, id] = submitted ? [submitted.type, submitted.id] : [first, second];
  if (typeof type !== "string")
    throw fail("invalid_request", 'task() takes what submit answered, or a type and an id: task("resize", "media_17").');
  if (typeof id === "string" && parseTaskId(id)?.domain === domain) return { type, id };
  throw fail("task_not_found", `${JSON.stringify(id) ?? "undefined"} is not the id of a task of ${domain}; those look like ${domain}_17.`, {
    id,
  });
}

/** @throws `schedule_not_found` when the id is none of this domain */
export function checkScheduleId(domain: string, id: string): void {
  if (parseScheduleId(id)?.domain === domain) return;
  throw fail("schedule_not_found", `${JSON.stringify(id)} is not the id of a schedule of ${domain}; those look like ${domain}_s1.`, { id });
}
