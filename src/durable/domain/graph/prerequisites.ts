import { fail } from "../../../policy/errors.ts";
import { parseTaskId } from "../../../policy/ids.ts";
import { keepNote } from "../../audit.ts";
import type { SubmitItem } from "../../protocol.ts";
import type { Core } from "../core.ts";
import { readStatuses } from "./edges.ts";
import { forget } from "../run/end.ts";
import { lookUp } from "../look/lookup.ts";
import { post } from "../outbox/outbox.ts";
import { byDomain, insertRemotes, readRemotes, standIn } from "./remotes.ts";

// What the instances of schedules depend on, from the first to the last: it is kept as long as a schedule names it.

/** Asks other domains whether they have what a schedule names anew, then does the work; at once where nobody has to be asked. */
export async function withPrerequisites<T>(core: Core, item: SubmitItem | undefined, work: () => T): Promise<T> {
  const foreign = (item?.dependsOn ?? []).filter((id) => {
    const parsed = parseTaskId(id)!;
    return parsed.domain !== core.name && core.outside.registry.domains.has(parsed.domain) && !isNamed(core, id as string);
  });
  if (!item || foreign.length === 0) return work();
  const noted = keepNote();
  await lookUp(core, { items: [{ ...item, dependsOn: foreign }] }, core.outside.neighbour);
  return noted(work);
}

const idOf = (core: Core, id: string): number => {
  const parsed = parseTaskId(id)!;
  return parsed.domain === core.name ? parsed.counter : standIn(core, parsed);
};

const isNamed = (core: Core, id: string): boolean => core.state.prerequisites.includes(idOf(core, id));

/**
 * Before the first change.
 *
 * @throws `invalid_dependency` for a task of this domain that does not exist, or of a domain that the mill does not have
 */
export function refuseUnknown(core: Core, { dependsOn = [] }: SubmitItem): void {
  for (const id of dependsOn as string[]) {
    const { domain, counter } = parseTaskId(id)!;
    const isKnown = domain === core.name ? readStatuses(core.store, [counter]).size > 0 : core.outside.registry.domains.has(domain);
    if (isKnown || isNamed(core, id)) continue;
    const why = domain === core.name ? "it never existed, or the history's retention has purged it" : "this mill has no such domain";
    const message = `There is no task ${id} to depend on: ${why}.`;
    throw fail("invalid_dependency", message, { id, issues: [{ path: "dependsOn", message }] });
  }
}

/** Schedules have changed: what they name is kept from now on, and watched in other domains; what they name no more is not. */
export function notePrerequisites(core: Core): void {
  const query = "SELECT DISTINCT j.value AS id FROM schedules AS s CROSS JOIN json_each(s.item, '$.dependsOn') AS j";
  const named = core.store
    .exec<{ id: string }>(query)
    .toArray()
    .map(({ id }) => idOf(core, id));
  const before = core.state.prerequisites;
  if (named.length === 0 && before.length === 0) return;
  core.touch().prerequisites = named;
  const foreign = named.filter((id) => id < 0);
  const known = readRemotes(core.store, foreign);
  const unseen = foreign.filter((id) => !known.has(id));
  if (unseen.length > 0) insertRemotes(core, unseen);
  for (const [domain, counters] of byDomain(core, unseen)) post(core, domain, "watch", counters);
  const kept = new Set(named);
  forget(core, new Set(before.filter((id) => id < 0 && !kept.has(id))));
}
