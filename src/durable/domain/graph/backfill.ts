import { fail, MillraceError } from "../../../policy/errors.ts";
import { taskId } from "../../../policy/ids.ts";
import { FIRST_TERMINAL_CODE, isTerminal, STATUS_CODE, statusFromCode } from "../../../policy/status.ts";
import { mustRead } from "../run/cancel.ts";
import type { Core } from "../core.ts";
import { dispatch } from "../run/dispatch.ts";
import { readEdges } from "./edges.ts";
import type { Envelope } from "../outbox/messages.ts";
import { post } from "../outbox/outbox.ts";
import { unblock } from "./release.ts";
import { changeRemote, readRemotes, standIn } from "./remotes.ts";
import { awaitedAgain, reopen } from "../run/reopen.ts";
import { refuseRound } from "../schedules/rounds.ts";
import { readTask } from "../rows.ts";
import { type Fill, isUnderWay, waveName, wentOut } from "./waves.ts";

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
    const isHeld = core.state.watchers > 0;
    const wave = waveName(core);
    reopen(core, row, { isHeld });
    // While other domains have still to reopen what is theirs, it waits, and all below it.
    if (isHeld && wentOut(core, wave, reopenBelow(core, wave, [id]), { root: id })) unblock(core, id);
    else if (!isHeld) reopenBelow(core, wave, [id]);
    dispatch(core);
  });
}

/**
 * Reopens what depends on these, which live again: by levels, so that what is refused for one that has failed is tried again
 * when that lives. Answers with the messages by which other domains hear.
 */
function reopenBelow(core: Core, wave: string, from: readonly number[]): number[] {
  const alive = from.filter((one) => one > 0);
  for (let level = from; level.length > 0;) {
    const edges = readEdges(core.store, level).filter(({ kind, status }) => kind !== "after" && status >= FIRST_TERMINAL_CODE);
    level = [...new Set(edges.map(({ dependent }) => dependent))].filter((one) => tryReopen(core, one));
    alive.push(...level);
  }
  return tellDomains(core, wave, alive);
}

/** False: it cannot be, and stays as it is; nothing has changed then. */
function tryReopen(core: Core, id: number): boolean {
  const row = readTask(core.store, id);
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
function tellDomains(core: Core, wave: string, ids: readonly number[]): number[] {
  if (core.state.watchers === 0) return [];
  const query = "SELECT w.upstream, w.domain FROM json_each(?) AS j CROSS JOIN watchers AS w ON w.upstream = j.value";
  const watched = new Map<string, number[]>();
  for (const { upstream, domain } of core.store.exec<{ upstream: number; domain: string }>(query, JSON.stringify(ids)))
    watched.set(domain, [...(watched.get(domain) ?? []), upstream]);
  return [...watched].map(([domain, counters]) => post(core, domain, "backfill", { wave, counters }));
}

/**
 * Tasks of another domain run again: so does what has depended on them here. They live from then on, whether that was told
 * before or is told later; of those of which something newer is known it has been told before. Answers whether it is through.
 */
export function takeBackfill(core: Core, { wave, counters }: Fill, envelope: Envelope): boolean {
  const { from: domain, id } = envelope;
  const known = readRemotes(
    core.store,
    counters.map((counter) => standIn(core, { domain, counter })),
  );
  const news = [...known].filter(([, { version }]) => version < id).map(([one]) => one);
  if (news.length === 0) return !isUnderWay(core, wave, envelope);
  for (const one of news) {
    changeRemote(core.store, one, STATUS_CODE.pending, id, null);
    awaitedAgain(core, one);
  }
  return wentOut(core, wave, reopenBelow(core, wave, news), { from: { domain, id } });
}
