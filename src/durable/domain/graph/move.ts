import { FIRST_TERMINAL_CODE, STATUS_CODE } from "../../../policy/status.ts";
import type { Core } from "../core.ts";
import { deleteEdges, insertEdges, readEdges } from "./edges.ts";
import { endedElsewhere } from "../run/end.ts";
import type { Envelope } from "../outbox/messages.ts";
import { post } from "../outbox/outbox.ts";
import { startProbe } from "./probe.ts";
import { changeRemote, deleteUnused, insertRemotes, readRemotes, standIn, upstreamStatus } from "./remotes.ts";
import { optionsOf, readTasks, setOptions } from "../rows.ts";

/** A task whose place another took. */
export interface Move {
  from: number;
  to: number;
}

/**
 * What waits for one task waits for another from now on, here and in other domains; part of the transaction in which that one
 * takes its place, and before it ends.
 */
export function moveDependents(core: Core, { from, to }: Move): void {
  if (!core.upstreams.has(from)) return;
  moveEdges(core, from, to);
  if (core.state.watchers === 0) return;
  const watchers = core.store
    .exec<{ domain: string }>("UPDATE watchers SET upstream = ? WHERE upstream = ? RETURNING domain", to, from)
    .toArray();
  for (const { domain } of watchers) post(core, domain, "move", { from, to });
  if (watchers.length > 0) core.upstreams.add(to);
}

/** Blocked dependents with their edges and what their rows say; those that have ended stay where they are. */
function moveEdges(core: Core, from: number, to: number): void {
  const edges = readEdges(core.store, [from]).filter((edge) => edge.kind !== "after" && edge.status === STATUS_CODE.blocked);
  if (edges.length === 0) return;
  const state = core.touch();
  state.edges -= deleteEdges(
    core.store,
    edges.map((edge) => [from, edge.dependent]),
  );
  const rows = new Map(
    readTasks(
      core.store,
      edges.map((edge) => edge.dependent),
    ).map((row) => [row.id, optionsOf(row)]),
  );
  // One that depends on both already has its edge.
  const fresh = edges.filter(({ dependent }) => !rows.get(dependent)!.dependsOn!.includes(to));
  insertEdges(
    core.store,
    fresh.map((edge) => [to, edge.dependent, edge.kind]),
  );
  state.edges += fresh.length;
  const renamed = (dependsOn: readonly number[] = []): number[] => [...new Set(dependsOn.map((one) => (one === from ? to : one)))];
  setOptions(
    core.store,
    [...rows].map(([id, options]) => [id, JSON.stringify({ ...options, dependsOn: renamed(options.dependsOn) })]),
  );
  for (const id of rows.keys()) core.blockers.delete(id);
  core.upstreams.add(to);
}

/** The same for a task of another domain, which tells it. */
export function takeMove(core: Core, { from, to }: Move, { from: domain, id: version }: Envelope): null {
  const [old, next] = [standIn(core, { domain, counter: from }), standIn(core, { domain, counter: to })];
  const known = readRemotes(core.store, [old, next]);
  const before = known.get(old);
  if (!before || before.version >= version) return null;
  if (!known.has(next)) insertRemotes(core, [next]);
  // It gives way: nobody waits for it any more.
  changeRemote(core.store, old, STATUS_CODE.superseded, version, null);
  moveEdges(core, old, next);
  core.upstreams.delete(old);
  deleteUnused(core, [old, next]);
  // A probe may have come through here too early to see it.
  startProbe(core, domain, [to]);
  // Something here depended on the newcomer before, and it has ended meanwhile.
  const status = known.get(next)?.status ?? 0;
  const end = upstreamStatus(status);
  if (status >= FIRST_TERMINAL_CODE) endedElsewhere(core, end as Parameters<typeof endedElsewhere>[1], [next], false);
  return null;
}
