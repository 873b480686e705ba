import type { DomainDefinition, Registry } from "../../domains/definition.ts";
import { fail } from "../../policy/errors.ts";

type Factory = (env: never) => unknown;

// Once per isolate: definitions are module values, so they tell isolates apart by themselves.
const built = new WeakMap<DomainDefinition | Registry, { value: unknown }>();
/** What `mill.provide` was given. */
const provided = new WeakMap<Registry, Map<string, Factory>>();
const sealed = new WeakSet<Registry>();

/** The domain's state for `ctx.state`; a factory that throws is tried again by the next task that asks. */
export function stateOf(definition: DomainDefinition, env: unknown): unknown {
  return once(definition, definition.state, env);
}

/** The mill's app state for `ctx.app`; the same rule, also for each part that was provided late. */
export function appOf(registry: Registry, env: unknown): unknown {
  seal(registry);
  const parts = provided.get(registry);
  const names = new Set([...(registry.late ?? []), ...(parts?.keys() ?? [])]);
  if (names.size === 0) return once(registry, registry.app, env);
  return once(registry, () => withParts(registry.app?.(env as never), names, parts, env), env);
}

/**
 * A part of `ctx.app` that comes from elsewhere than `app(env)`.
 *
 * @throws `invalid_request` for a name that is taken, `invalid_state` after the first request
 */
export function provide(registry: Registry, name: unknown, factory: unknown): void {
  if (typeof name !== "string" || name === "" || typeof factory !== "function")
    throw fail("invalid_request", "mill.provide takes a name and a function of env.");
  if (sealed.has(registry)) {
    throw fail(
      "invalid_state",
      `mill.provide("${name}", …) came after the first request: tasks may have run without it. Call it in the Worker's main module, right after createMill.`,
    );
  }
  const parts = provided.get(registry) ?? new Map<string, Factory>();
  if (parts.has(name)) throw fail("invalid_request", `mill.provide("${name}", …) was called twice; one of them would be lost.`);
  provided.set(registry, parts.set(name, factory as Factory));
}

/** From here on nothing can be provided. */
export function seal(registry: Registry): void {
  sealed.add(registry);
}

/** Each part is built when it is first asked for. */
function withParts(app: unknown, names: ReadonlySet<string>, parts: ReadonlyMap<string, Factory> | undefined, env: unknown): unknown {
  const whole = app ?? {};
  if (typeof whole !== "object" || !Object.isExtensible(whole))
    throw fail("invalid_state", "What app(env) returns must be a plain object, so that mill.provide can add to it.");
  for (const name of names) {
    if (name in whole) throw fail("invalid_state", `app(env) returns "${name}" already, and mill.provide("${name}", …) gives another.`);
    let entry: { value: unknown } | undefined;
    const get = (): unknown => {
      const factory = parts?.get(name);
      if (!factory)
        throw fail("invalid_state", `ctx.app.${name} was never provided: call mill.provide("${name}", …) right after createMill.`);
      return (entry ??= { value: factory(env as never) }).value;
    };
    Object.defineProperty(whole, name, { get, enumerable: true, configurable: true });
  }
  return whole;
}

function once(owner: DomainDefinition | Registry, factory: Factory | undefined, env: unknown): unknown {
  if (factory === undefined) return undefined;
  let entry = built.get(owner);
  if (entry === undefined) {
    entry = { value: factory(env as never) };
    built.set(owner, entry);
  }
  return entry.value;
}
