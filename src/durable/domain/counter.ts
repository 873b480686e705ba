import { fail } from "../../policy/errors.ts";
import { parseTaskId } from "../../policy/ids.ts";

/** The counter in the id of a task of this domain. @throws `task_not_found` for every other text */
export function counterOf(domain: string, id: string): number {
  const parsed = parseTaskId(id);
  if (parsed?.domain === domain) return parsed.counter;
  throw fail("task_not_found", `${JSON.stringify(id)} is not an id of domain ${domain}; its ids look like ${domain}_17.`, { id });
}
