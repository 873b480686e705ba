import type { DomainLike } from "./shape.ts";

/** The types of a definition, taken from its phantom member. */
export type TypesOf<Definition> = Definition extends DomainLike<string, infer Types> ? Types : never;

/**
 * Stands for a definition wherever one is asked for, without importing it at run time: no bundling, no import
 * cycle. Whether the mill has such a domain is found out when it is used.
 *
 * @param name the domain's name, as in its definition
 * @example
 * ```ts
 * import type { analytics } from "./analytics.ts";
 * await ctx.tryDomain(ref<typeof analytics>("analytics"))?.submit("track", { event: "resized" });
 * ```
 */
export function ref<Definition extends DomainLike = never>(name: Definition["name"]): DomainLike<Definition["name"], TypesOf<Definition>> {
  return { name };
}
