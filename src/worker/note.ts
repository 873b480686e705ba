import { AUDIT, type AuditNote } from "../policy/audit.ts";
import { utf8Bytes } from "../policy/text.ts";
import { includesRole } from "../policy/roles.ts";
import type { Identity } from "./auth.ts";
import type { GatewayContext, GatewayOptions, Route } from "./route.ts";

/**
 * The ways to the objects as a route gets them: those of a route that takes an operator carry a note, which each object
 * writes into its audit log together with the change.
 */
export function noted(
  options: GatewayOptions,
  route: Route,
  { context, identity, body }: { context: GatewayContext; identity: Identity; body: Record<string, unknown> },
): GatewayOptions {
  if (route.method === "GET" || !includesRole(route.role, "operator")) return options;
  const names = Object.values(context.req.param() as Record<string, string | undefined>).filter((name) => name !== undefined);
  const note: AuditNote = {
    name: identity.name,
    role: identity.role,
    action: `${route.method} ${route.path.replaceAll(/:(\w+)/g, "{$1}")}`,
    target: names.length === 0 ? null : names.join(" "),
    change: changeOf(body),
  };
  return { ...options, domain: (name) => options.domain(name, note), coordinator: () => options.coordinator(note) };
}

/** What the body asks for; payloads stay where `redact` guards them. */
function changeOf(body: Record<string, unknown>): string | null {
  if (Object.keys(body).length === 0) return null;
  const text = JSON.stringify("payload" in body ? { ...body, payload: "[payload]" } : body);
  return utf8Bytes(text) <= AUDIT.changeBytesMax ? text : null;
}
