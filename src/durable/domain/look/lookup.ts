import { fail, MillraceError } from "../../../policy/errors.ts";
import { parseTaskId, taskId } from "../../../policy/ids.ts";
import type { Neighbour } from "../../mail.ts";
import { point } from "../../point.ts";
import type { SubmitRequest } from "../../protocol.ts";
import type { Core } from "../core.ts";
import { lookForCycles } from "../graph/cycle.ts";
import { readStatuses } from "../graph/edges.ts";
import { lookAbove } from "../graph/overtake.ts";
import { isRemembered } from "../submit/idempotency.ts";

type Reach = (domain: string) => Neighbour;

/**
 * Asks the domains of all foreign tasks that a submit names whether they exist (and, where it may take a task's place, what
 * lies above them); before its transaction, since answers are waited for. What really counts is the answer to `watch`, after it.
 *
 * @throws `invalid_dependency` for one that does not exist, `domain_unreachable` when a domain does not answer; nothing is
 * inserted then
 */
export async function lookUp(core: Core, request: Lookup, reach: Reach): Promise<void> {
  const { items, idempotency, domain = core.name, parent = items[0]?.parent } = request;
  // A repeat is answered as it was, whatever has become of its dependencies.
  if (!items.some((item) => item.dependsOn) || isRemembered(core, idempotency?.key)) return;
  if (domain !== core.name) refuseUnknown(core, items);
  const foreign = foreignOf(core, items);
  if (foreign.size > 0) {
    point("lookup.call", core.name);
    await Promise.all([...foreign].map(([name, counters]) => lookUpIn(name, counters, reach)));
    point("lookup.answered", core.name);
  }
  if (parent === undefined) await lookAbove(core, items, reach);
  else await lookForCycles(core, parent, items, reach);
}

/** A submit, or children: those have the parent that they are spawned for, or name it. */
export type Lookup = Pick<SubmitRequest, "items" | "idempotency" | "domain"> & { parent?: string };

/** Children for another domain may depend on tasks of this one: there nobody could tell. */
function refuseUnknown(core: Core, items: Lookup["items"]): void {
  const named = new Map<number, string>();
  for (const [index, { dependsOn }] of items.entries()) {
    for (const one of dependsOn ?? []) {
      const parsed = typeof one === "string" ? parseTaskId(one) : null;
      if (parsed?.domain === core.name && !named.has(parsed.counter))
        named.set(parsed.counter, items.length === 1 ? "dependsOn" : `tasks.${index}.dependsOn`);
    }
  }
  const known = readStatuses(core.store, [...named.keys()]);
  for (const [counter, path] of named) if (!known.has(counter)) throw unknownTask(core.name, counter, path);
}

/** Which tasks of which other domains are named, with the path of the item that does so first. */
function foreignOf(core: Core, items: SubmitRequest["items"]): Map<string, Map<number, string>> {
  const found = new Map<string, Map<number, string>>();
  for (const [index, { dependsOn }] of items.entries()) {
    for (const one of dependsOn ?? []) {
      const parsed = typeof one === "string" ? parseTaskId(one) : null;
      // What names no domain of this mill is refused inside.
      if (!parsed || parsed.domain === core.name || !core.outside.registry.domains.has(parsed.domain)) continue;
      const counters = found.get(parsed.domain) ?? new Map<number, string>();
      found.set(parsed.domain, counters);
      if (!counters.has(parsed.counter)) counters.set(parsed.counter, items.length === 1 ? "dependsOn" : `tasks.${index}.dependsOn`);
    }
  }
  return found;
}

async function lookUpIn(domain: string, counters: ReadonlyMap<number, string>, reach: Reach): Promise<void> {
  let unknown: number[];
  try {
    unknown = await reach(domain).ask("unknown", [...counters.keys()]);
  } catch (error) {
    throw fail(
      "domain_unreachable",
      `The domain ${domain} could not be asked about the tasks of it that this one is to depend on, so nothing was inserted; ask again.`,
      { domain, retryAfterMs: 1_000, cause: MillraceError.is(error) ? error.message : String(error) },
    );
  }
  const [first] = unknown;
  if (first !== undefined) throw unknownTask(domain, first, counters.get(first)!);
}

function unknownTask(domain: string, counter: number, path: string): MillraceError {
  const id = taskId(domain, counter);
  const message = `There is no task ${id} to depend on: it never existed, or the history's retention has purged it.`;
  return fail("invalid_dependency", message, { id, issues: [{ path, message }] });
}
