import { fail } from "../policy/errors.ts";
import { didYouMean } from "../policy/names.ts";
import type { DomainDefinition, Registry, TypeDefinition } from "./definition.ts";

/**
 * A domain of the mill by its name.
 *
 * @throws `unknown_domain` with `didYouMean` and the names there are
 */
export function findDomain(registry: Registry, name: string): DomainDefinition {
  const domain = registry.domains.get(name);
  if (domain) return domain;
  const hint = didYouMean(String(name), registry.domains.keys());
  throw fail("unknown_domain", `This mill has no domain ${quote(name)}${ending(hint, registry.domains.keys())}`, {
    domain: name,
    ...(hint === undefined ? {} : { didYouMean: hint }),
  });
}

/**
 * A task type of a domain by its name.
 *
 * @throws `unknown_type` with `didYouMean` and the names there are
 */
export function findType(domain: DomainDefinition, name: unknown): TypeDefinition {
  const type = typeof name === "string" ? domain.types.get(name) : undefined;
  if (type) return type;
  const hint = typeof name === "string" ? didYouMean(name, domain.types.keys()) : undefined;
  throw fail("unknown_type", `The domain ${domain.name} has no task type ${quote(name)}${ending(hint, domain.types.keys())}`, {
    domain: domain.name,
    type: typeof name === "string" ? name : null,
    ...(hint === undefined ? {} : { didYouMean: hint }),
  });
}

function ending(hint: string | undefined, names: Iterable<string>): string {
  if (hint !== undefined) return `; did you mean "${hint}"?`;
  const all = [...names];
  return all.length === 0
    ? "; it has none."
    : `; there ${all.length === 1 ? "is" : "are"} ${all.slice(0, 20).join(", ")}${all.length > 20 ? ", …" : ""}.`;
}

function quote(name: unknown): string {
  const text = JSON.stringify(name) ?? String(name);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
