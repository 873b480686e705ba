import type { DomainDefinition } from "../domains/definition.ts";
import type { Json } from "../domains/task.ts";
import type { Identity } from "./auth.ts";

/** What a viewer sees instead. */
const REDACTED = "[redacted]";

/**
 * A task or schedule as this token may see it: viewers do not see the members of the payload that its type names under
 * `redact`, nor any payload of a type that the code no longer knows, because nobody can tell what it would have named.
 */
export function redact<Item extends { type: string; payload: Json }>(item: Item, definition: DomainDefinition, identity: Identity): Item {
  if (identity.role !== "viewer") return item;
  const type = definition.types.get(item.type);
  if (!type) return { ...item, payload: REDACTED };
  const { payload } = item;
  if (type.redact.length === 0 || payload === null) return item;
  if (typeof payload !== "object" || Array.isArray(payload)) return { ...item, payload: REDACTED };
  const shown = Object.entries(payload).map(([name, value]) => [name, type.redact.includes(name) ? REDACTED : value] as const);
  return { ...item, payload: Object.fromEntries(shown) };
}
