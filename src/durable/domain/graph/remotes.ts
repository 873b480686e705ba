import { fail } from "../../../policy/errors.ts";
import { taskId, type ParsedId } from "../../../policy/ids.ts";
import { statusFromCode, type StoredStatus } from "../../../policy/status.ts";
import type { RunDependency } from "../../protocol.ts";
import type { Core } from "../core.ts";
import type { Store } from "../store.ts";

/** The status on disk of a task that its own domain has purged before it could be asked. */
export const GONE = 99;

/** The low digits of a stand-in's id are its domain's number, the others its counter: both fit into 53 bits. */
const DOMAINS_MAX = 2_048;
const COUNTER_MAX = 2 ** 42;

/**
 * The id under which a task of another domain stands in `edges`, `remotes` and `dependsOn`: negative, and the same for ever.
 *
 * @throws `invalid_dependency` beyond 2,048 domains
 */
export function standIn(core: Core, { domain, counter }: ParsedId): number {
  const { domains } = core.state;
  let number = domains.indexOf(domain);
  if (number === -1) number = domains.push(domain) - 1;
  if (number >= DOMAINS_MAX || counter >= COUNTER_MAX)
    throw fail("invalid_dependency", `The tasks of ${core.name} depend on tasks of at most ${DOMAINS_MAX} other domains.`, {
      id: taskId(domain, counter),
    });
  return -(counter * DOMAINS_MAX + number);
}

/** The task that an id of `edges` or `dependsOn` means: one of this domain, or of another. */
export function taskOf(core: Core, id: number): ParsedId {
  if (id > 0) return { domain: core.name, counter: id };
  return { domain: core.state.domains[-id % DOMAINS_MAX]!, counter: Math.floor(-id / DOMAINS_MAX) };
}

/** The same as a full id. */
export function nameOf(core: Core, id: number): string {
  const { domain, counter } = taskOf(core, id);
  return taskId(domain, counter);
}

/** A status as a dependent sees it. */
export function upstreamStatus(code: number | undefined): StoredStatus | "purged" {
  if (code === undefined || code === GONE) return "purged";
  return statusFromCode(code);
}

/** Tasks of other domains by the domain, as counters. */
export function byDomain(core: Core, ids: Iterable<number>): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const id of ids) {
    const { domain, counter } = taskOf(core, id);
    const counters = found.get(domain);
    if (counters) counters.push(counter);
    else found.set(domain, [counter]);
  }
  return found;
}

/** Live ones, of which nothing is known yet. */
export function insertRemotes(core: Core, ids: readonly number[]): void {
  core.store.exec("INSERT INTO remotes (id, status, version) SELECT value, 0, 0 FROM json_each(?)", JSON.stringify(ids));
  core.touch().remotes += ids.length;
}

/** What is known of them; those that are missing are unknown here. */
export function readRemotes(store: Store, ids: readonly number[]): Map<number, { status: number; version: number }> {
  const query = "SELECT r.id, r.status, r.version FROM json_each(?) AS j CROSS JOIN remotes AS r ON r.id = j.value";
  return new Map(
    store
      .exec<{ id: number; status: number; version: number }>(query, JSON.stringify(ids))
      .toArray()
      .map(({ id, status, version }) => [id, { status, version }]),
  );
}

/** How one stands, as far as is known, with the copy of its result. */
export function readCopy(core: Core, id: number): RunDependency | null {
  const row = core.store
    .exec<{ status: number; result: string | null }>("SELECT status, result FROM remotes WHERE id = ?", id)
    .toArray()[0];
  if (!row) return null;
  return { id: nameOf(core, id), status: upstreamStatus(row.status), ...(row.result === null ? {} : { result: row.result }) };
}

/** What a message says of one. */
export function changeRemote(store: Store, id: number, status: number, version: number, result: string | null): void {
  store.exec("UPDATE remotes SET status = ?, version = ?, result = ? WHERE id = ?", status, version, result, id);
}

/** Removes those of these that nothing depends on any more, and no schedule names; answers which. */
export function deleteUnused(core: Core, ids: readonly number[]): number[] {
  const named = core.state.prerequisites;
  const gone = core.store
    .exec<{ id: number }>(
      "DELETE FROM remotes WHERE id IN (SELECT value FROM json_each(?)) AND NOT EXISTS (SELECT 1 FROM edges WHERE upstream = remotes.id) RETURNING id",
      JSON.stringify(named.length === 0 ? ids : ids.filter((id) => !named.includes(id))),
    )
    .toArray()
    .map((row) => row.id);
  core.touch().remotes -= gone.length;
  return gone;
}
