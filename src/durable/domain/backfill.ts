import { fail, MillraceError } from "../../policy/errors.ts";
import { taskId } from "../../policy/ids.ts";
import { FIRST_TERMINAL_CODE, isTerminal, STATUS_CODE, statusFromCode } from "../../policy/status.ts";
import { mustRead } from "./cancel.ts";
import type { Core } from "./core.ts";
import { dispatch } from "./dispatch.ts";
import { readEdges } from "./edges.ts";
import type { Envelope } from "./messages.ts";
import { post } from "./outbox.ts";
import { byDomain, changeRemote, doubtRemotes, GONE, readRemotes, standIn } from "./remotes.ts";
import { awaitedAgain, reopen } from "./reopen.ts";
import { refuseRound } from "./rounds.ts";
import { optionsOf, readTasks } from "./rows.ts";

/**
 * Reopens an ended task and all that depended on it and has ended, near and far, in every domain: it runs again, and they
 * after it, in order. What is active, or purged, is left alone, and so is what cannot be reopened: one whose key another
 * task holds, or that depends on another one which has failed. Children are not run again: their parents find them.
 */
export function backfill(core: Core, id: number): void {
  core.transact("backfill", () => {
    const row = mustRead(core, id);
    const status = statusFromCode(row.status);
    if (!isTerminal(status) || status === "superseded") {
      const message = `Task ${taskId(core.name, id)} is ${status}; only a task that has ended (and was not superseded) can be backfilled.`;
      throw fail("invalid_state", message, { id: taskId(core.name, id), status });
    }
    refuseRound(core, row.type, id);
    reopen(core, row, {});
    reopenBelow(core, [id]);
    dispatch(core);
  });
}

/** Reopens what depends on these, which live again; by age, so that each finds alive what it waits for. */
function reopenBelow(core: Core, from: readonly number[]): void {
  const found = new Set(from);
  for (let level = [...from]; level.length > 0;) {
    const edges = readEdges(core.store, level).filter(({ kind, status }) => kind !== "after" && status >= FIRST_TERMINAL_CODE);
    level = [...new Set(edges.map(({ dependent }) => dependent))].filter((one) => !found.has(one));
    for (const one of level) found.add(one);
  }
  const own = [...found].filter((one) => one > 0 && !from.includes(one)).sort((one, other) => one - other);
  const asked = doubt(core, own, from);
  const reopened = own.filter((one) => tryReopen(core, one));
  tellDomains(core, [...from.filter((one) => one > 0), ...reopened]);
  // After what may run them again: how they stand now.
  for (const [domain, counters] of byDomain(core, asked)) post(core, domain, "watch", counters);
}

/** Whether tasks of other domains that these depend on run again, too, is not known here yet: they count as alive until they are told of. */
function doubt(core: Core, ids: readonly number[], from: readonly number[]): number[] {
  const upstreams = new Set(readTasks(core.store, ids).flatMap((row) => (optionsOf(row).dependsOn ?? []).filter((one) => one < 0)));
  const asked = [...readRemotes(core.store, [...upstreams])]
    .filter(([id, { status }]) => status >= FIRST_TERMINAL_CODE && status !== GONE && !from.includes(id))
    .map(([id]) => id);
  if (asked.length > 0) doubtRemotes(core.store, asked);
  // Whoever is blocked and was satisfied with one waits for it once more.
  for (const id of asked) awaitedAgain(core, id);
  return asked;
}

/** False: it cannot be, and stays as it is; nothing has changed then. */
function tryReopen(core: Core, id: number): boolean {
  const [row] = readTasks(core.store, [id]);
  if (!row || row.status === STATUS_CODE.superseded) return false;
  try {
    reopen(core, row, {});
    return true;
  } catch (error) {
    if (!MillraceError.is(error) || error.status >= 500) throw error;
    return false;
  }
}

/** Domains that watch these go on with what depends on them there. */
function tellDomains(core: Core, ids: readonly number[]): void {
  if (core.state.watchers === 0) return;
  const query = "SELECT w.upstream, w.domain FROM json_each(?) AS j CROSS JOIN watchers AS w ON w.upstream = j.value";
  const watched = new Map<string, number[]>();
  for (const { upstream, domain } of core.store.exec<{ upstream: number; domain: string }>(query, JSON.stringify(ids)))
    watched.set(domain, [...(watched.get(domain) ?? []), upstream]);
  for (const [domain, counters] of watched) post(core, domain, "backfill", counters);
}

/**
 * Tasks of another domain run again: so does what has depended on them here. They live from then on, whether that was told
 * before or is told later; of those of which something newer is known it has been told before.
 */
export function takeBackfill(core: Core, counters: readonly number[], { from, id: version }: Envelope): null {
  const known = readRemotes(
    core.store,
    counters.map((counter) => standIn(core, { domain: from, counter })),
  );
  const news = [...known].filter(([, { version: before }]) => before < version).map(([id]) => id);
  if (news.length === 0) return null;
  core.touch();
  for (const id of news) {
    changeRemote(core.store, id, STATUS_CODE.pending, version, null);
    awaitedAgain(core, id);
  }
  reopenBelow(core, news);
  return null;
}
