import type { DomainDefinition, Registry } from "../domains/definition.ts";
import { findDomain } from "../domains/find.ts";
import type { DomainHandle } from "../domains/handle.ts";
import type { Json, Outcome } from "../domains/task.ts";
import type { DomainApi, SpawnRequest, SubmitItem } from "../durable/protocol.ts";
import { localHandle } from "../client/local.ts";
import { fail } from "../policy/errors.ts";

/** A submit that a task made through `ctx.domain`: checked like a real one, then written down instead of sent. */
export interface RecordedSubmit {
  domain: string;
  type: string;
  payload: Json;
  /** As it would be stored; `null`: plain, or the payload is the key. */
  key: string | null;
  label: string | null;
  tags: Record<string, string>;
  priority: number;
  delayMs: number | null;
}

/** A child that a task spawned, or a sibling: recorded in the same way. */
export interface RecordedSpawn extends RecordedSubmit {
  id: string;
  sibling: boolean;
}

/** Takes the spawns of an execution, as its parent's object would: the same again is the child that is there. */
export function recordSpawns(spawned: RecordedSpawn[]): (request: SpawnRequest) => Promise<Outcome[]> {
  const known = new Map<string, string>();
  return async ({ domain, items, sibling = false }) =>
    items.map((item) => {
      const there = item.hash === undefined ? undefined : known.get(item.hash);
      if (there !== undefined) return { outcome: "duplicate", id: there };
      // Far from the ids of what is submitted.
      const id = `${domain}_${1_000_001 + spawned.length}`;
      spawned.push({ ...record(domain, item), id, sibling });
      if (item.hash !== undefined) known.set(item.hash, id);
      return { outcome: "inserted", id };
    });
}

/**
 * Handles whose submits are recorded: real validation, keys and options, no mill. The ids are `<domain>_1` and so on.
 *
 * @throws `not_implemented` from every verb but `submit`, `submitAll` and `task`: there is no mill to ask
 */
export function recordingHandles(registry: Registry, submitted: RecordedSubmit[]): (name: string) => DomainHandle<string, never> {
  const counters = new Map<string, number>();
  const reach = (name: string): DomainApi => {
    const submit: DomainApi["submit"] = async ({ items }) => ({
      outcomes: items.map((item) => {
        submitted.push(record(name, item));
        const counter = (counters.get(name) ?? 0) + 1;
        counters.set(name, counter);
        return { outcome: "inserted" as const, id: `${name}_${counter}` };
      }),
    });
    return new Proxy({ submit } as DomainApi, {
      get: (api, method) => (method === "submit" ? api.submit : () => Promise.reject(nobody(name, String(method)))),
    });
  };
  return (name) => localHandle<string, never>(registry, findDomain(registry, name) as DomainDefinition, { reach });
}

function record(domain: string, item: SubmitItem): RecordedSubmit {
  return {
    domain,
    type: item.type,
    payload: JSON.parse(item.payload) as Json,
    key: item.key ?? null,
    label: item.label ?? null,
    tags: item.tags ?? {},
    priority: item.priority,
    delayMs: item.delayMs ?? null,
  };
}

const nobody = (name: string, method: string) =>
  fail(
    "not_implemented",
    `runTask has no mill behind ctx.domain("${name}"): submits are recorded, but "${method}" cannot be answered. Test it against a real mill.`,
  );
