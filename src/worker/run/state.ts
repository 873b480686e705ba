import type { DomainDefinition, Registry } from "../../domains/definition.ts";

// Once per isolate: definitions are module values, so they tell isolates apart by themselves.
const built = new WeakMap<DomainDefinition | Registry, { value: unknown }>();

/** The domain's state for `ctx.state`; a factory that throws is tried again by the next task that asks. */
export function stateOf(definition: DomainDefinition, env: unknown): unknown {
  return once(definition, definition.state, env);
}

/** The mill's app state for `ctx.app`; the same rule. */
export function appOf(registry: Registry, env: unknown): unknown {
  return once(registry, registry.app, env);
}

function once(owner: DomainDefinition | Registry, factory: ((env: never) => unknown) | undefined, env: unknown): unknown {
  if (factory === undefined) return undefined;
  let entry = built.get(owner);
  if (entry === undefined) {
    entry = { value: factory(env as never) };
    built.set(owner, entry);
  }
  return entry.value;
}
