import type { UpstreamEnd } from "../../../policy/dependencies.ts";
import { FIRST_TERMINAL_CODE } from "../../../policy/status.ts";
import type { Core } from "../core.ts";
import { readStatuses } from "./edges.ts";
import { endedElsewhere } from "../run/end.ts";
import type { Answered, Envelope } from "../outbox/messages.ts";
import { changeRemote, GONE, readRemotes, standIn, upstreamStatus } from "./remotes.ts";
import { awaitedAgain } from "../run/reopen.ts";
import { watchedBy, type Settled } from "./tell.ts";

/** Another domain has tasks that depend on these: it is written down, and told how they end. Answers with those that are gone. */
export function takeWatch(core: Core, counters: readonly number[], { from, id }: Envelope): number[] {
  const statuses = readStatuses(core.store, counters);
  if (statuses.size > 0) watchedBy(core, from, id, statuses);
  return counters.filter((counter) => !statuses.has(counter));
}

/** Nothing there depends on them any more, unless it has begun to anew. */
export function takeUnwatch(core: Core, counters: readonly number[], { from, id }: Envelope): null {
  core.touch().watchers -= core.store.exec(
    "DELETE FROM watchers WHERE domain = ? AND since < ? AND upstream IN (SELECT value FROM json_each(?))",
    from,
    id,
    JSON.stringify(counters),
  ).rowsWritten;
  return null;
}

/** The answer to a watch: what is gone has failed whoever depends on it. The others are told of by `settle`. */
export function watched(core: Core, { target, answer }: Answered<"watch">): void {
  const ids = answer.map((counter) => standIn(core, { domain: target, counter }));
  const known = readRemotes(core.store, ids);
  const gone = ids.filter((one) => (known.get(one)?.status ?? GONE) < FIRST_TERMINAL_CODE);
  for (const one of gone) changeRemote(core.store, one, GONE, 0, null);
  if (gone.length > 0) endedElsewhere(core, "purged", gone, false);
}

/**
 * Tasks of another domain have ended, with copies of their results, or live again: what waits here hears of it as if they
 * were tasks of this one. Whatever is older than what is known changes nothing.
 */
export function takeSettle(core: Core, ends: Settled, { from, id: version }: Envelope): null {
  const counters = new Map(ends.map((end) => [standIn(core, { domain: from, counter: end[0] }), end]));
  const known = readRemotes(core.store, [...counters.keys()]);
  const waves = new Map<string, { to: UpstreamEnd; isCascade: boolean; ids: number[] }>();
  core.touch();
  for (const [id, [, status, cascade, result]] of counters) {
    const before = known.get(id);
    if (!before || before.version >= version) continue;
    changeRemote(core.store, id, status, version, result);
    if (status < FIRST_TERMINAL_CODE) awaitedAgain(core, id);
    else if (before.status < FIRST_TERMINAL_CODE) {
      const key = `${status} ${cascade}`;
      const wave = waves.get(key) ?? { to: upstreamStatus(status) as UpstreamEnd, isCascade: cascade === 1, ids: [] };
      waves.set(key, wave);
      wave.ids.push(id);
    }
  }
  for (const { to, isCascade, ids } of waves.values()) endedElsewhere(core, to, ids, isCascade);
  return null;
}
