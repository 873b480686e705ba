import { MillraceError } from "../policy/errors.ts";
import { didYouMean } from "../policy/names.ts";
import { parseRate, type Rate } from "../policy/rate.ts";
import type { DomainDefinition } from "./definition.ts";

/** The rate limits that the code gives a domain's types: a type's own, else the domain's `rates`. */
export function ratesOf({ types, rates = {} }: DomainDefinition): Map<string, Rate> {
  const found = new Map<string, Rate>();
  for (const { name, rate = rates[name] } of types.values()) if (rate !== undefined && rate !== null) found.set(name, parseRate(rate));
  return found;
}

/** What is wrong with them. */
export function rateProblems({ name, types, rates = {} }: DomainDefinition): string[] {
  if (typeof rates !== "object" || rates === null || Array.isArray(rates)) {
    return [`${name}: rates must be an object of rate limits, keyed by the names of its types.`];
  }
  const problems: string[] = [];
  const check = (where: string, rate: unknown) => {
    try {
      parseRate(rate);
    } catch (error) {
      if (!MillraceError.is(error)) throw error;
      problems.push(`${where}: ${error.message}`);
    }
  };
  for (const [type, rate] of Object.entries(rates)) {
    if (!types.has(type)) {
      const hint = didYouMean(type, [...types.keys()]);
      problems.push(`${name}: rates names ${JSON.stringify(type)}, which is no type of it${hint ? `; did you mean "${hint}"?` : "."}`);
    } else check(`${name}: rates[${JSON.stringify(type)}]`, rate);
  }
  for (const { name: type, rate } of types.values()) if (rate !== undefined && rate !== null) check(`${name}::${type}`, rate);
  return problems;
}
