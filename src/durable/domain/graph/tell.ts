import { LIMITS } from "../../../policy/limits.ts";
import { FIRST_TERMINAL_CODE } from "../../../policy/status.ts";
import type { Core } from "../core.ts";
import type { Answered } from "../outbox/messages.ts";
import { post } from "../outbox/outbox.ts";
import { noteRetention } from "../history/retention.ts";
import { readResults, readResultSizes } from "../rows.ts";

/** How tasks stand: ended, or alive again. `cascade`: by the policy `cancel` of one above, which goes on down. */
export type Settle = [counter: number, status: number, cascade: 0 | 1][];
/** The same with the results, JSON texts. */
export type Settled = [counter: number, status: number, cascade: 0 | 1, result: string | null][];

/** A watcher as its row says. */
interface Watcher extends Record<string, SqlStorageValue> {
  upstream: number;
  domain: string;
  owed: number | null;
}

/** Tells every domain that watches some of these tasks how they stand now; part of the transaction that made it so. */
export function tellWatchers(core: Core, ids: readonly number[], status: number, cascade: boolean): void {
  if (core.state.watchers === 0 || ids.length === 0) return;
  const query = "SELECT w.upstream, w.domain, w.owed FROM json_each(?) AS j CROSS JOIN watchers AS w ON w.upstream = j.value";
  const watchers = core.store.exec<Watcher>(query, JSON.stringify(ids)).toArray();
  for (const domain of new Set(watchers.map((watcher) => watcher.domain))) {
    const own = watchers.filter((watcher) => watcher.domain === domain);
    tell(core, domain, own, new Map(own.map(({ upstream }) => [upstream, status])), cascade);
  }
}

/** Tells one domain; the results ride along when it is sent, so no message may have too many of them. */
function tell(
  core: Core,
  domain: string,
  watchers: readonly Pick<Watcher, "upstream" | "owed">[],
  statuses: ReadonlyMap<number, number>,
  cascade: boolean,
): void {
  const sizes = new Map(
    readResultSizes(
      core.store,
      watchers.map(({ upstream }) => upstream),
    ).map(({ id, bytes }) => [id, bytes]),
  );
  let slice: Pick<Watcher, "upstream" | "owed">[] = [];
  let bytes = 0;
  const flush = (): void => {
    if (slice.length === 0) return;
    const body = slice.map(({ upstream }): Settle[number] => [upstream, statuses.get(upstream)!, cascade ? 1 : 0]);
    const id = post(core, domain, "settle", body);
    owe(core, domain, id, slice, statuses);
    slice = [];
    bytes = 0;
  };
  for (const watcher of watchers) {
    const size = sizes.get(watcher.upstream) ?? 0;
    if (slice.length === LIMITS.settleTasksMax || bytes + size > LIMITS.settleBytesMax) flush();
    slice.push(watcher);
    bytes += size;
  }
  flush();
}

/**
 * Notes who is owed an end. The usual row says so from its beginning; one that has been told before does not any more. A
 * task that lives again is owed nothing yet, but an older answer must not count for its next end.
 */
function owe(
  core: Core,
  domain: string,
  id: number,
  told: readonly Pick<Watcher, "upstream" | "owed">[],
  statuses: ReadonlyMap<number, number>,
): void {
  const again = told
    .filter(({ upstream, owed }) => owed !== 0 || statuses.get(upstream)! < FIRST_TERMINAL_CODE)
    .map(({ upstream }) => upstream);
  if (again.length === 0) return;
  core.store.exec(
    "UPDATE watchers SET owed = ? WHERE domain = ? AND upstream IN (SELECT value FROM json_each(?))",
    id,
    domain,
    JSON.stringify(again),
  );
}

/** Another domain watches some of these tasks from now on; those that have ended are told at once. */
export function watchedBy(core: Core, domain: string, since: number, statuses: ReadonlyMap<number, number>): void {
  const ids = JSON.stringify([...statuses.keys()]);
  const known = core.store.exec<{ n: number }>(
    "SELECT count(*) AS n FROM json_each(?) AS j CROSS JOIN watchers AS w ON w.upstream = j.value AND w.domain = ?",
    ids,
    domain,
  );
  core.touch().watchers += statuses.size - known.one().n;
  core.store.exec(
    `INSERT INTO watchers (upstream, domain, owed, since) SELECT value, ?, 0, ? FROM json_each(?) WHERE true
      ON CONFLICT (upstream, domain) DO UPDATE SET since = max(since, excluded.since)`,
    domain,
    since,
    ids,
  );
  const over: Pick<Watcher, "upstream" | "owed">[] = [];
  for (const [upstream, status] of statuses) {
    // It may have watched before, and been told: asked again, it is told again.
    if (status >= FIRST_TERMINAL_CODE) over.push({ upstream, owed: null });
    else core.upstreams.add(upstream);
  }
  tell(core, domain, over, statuses, false);
}

/** The message as it goes: with the results of what has completed. */
export function loadSettle(core: Core, body: Settle): Settled {
  const results = new Map(
    readResults(
      core.store,
      body.map(([counter]) => counter),
    ),
  );
  return body.map(([counter, status, cascade]) => [counter, status, cascade, results.get(counter) ?? null]);
}

/** The watcher knows: retention may take what it was owed. */
export function settled(core: Core, { target, id, body }: Answered<"settle">): void {
  core.store.exec(
    "UPDATE watchers SET owed = NULL WHERE domain = ? AND upstream IN (SELECT value FROM json_each(?)) AND owed IN (0, ?)",
    target,
    JSON.stringify(body.filter(([, status]) => status >= FIRST_TERMINAL_CODE).map(([counter]) => counter)),
    id,
  );
  noteRetention(core, core.clock.now());
}
