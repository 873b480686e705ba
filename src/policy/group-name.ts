import { fail } from "./errors.ts";
import { isGroupName } from "./names.ts";

/** @throws `invalid_request` unless it may name a group */
export function checkGroupName(name: unknown): string {
  if (isGroupName(name)) return name;
  throw fail("invalid_request", `${String(JSON.stringify(name)).slice(0, 80)} cannot name a group.`, {
    issues: [{ path: "group", message: "not the name of a group" }],
  });
}
