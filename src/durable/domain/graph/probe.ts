import { parseTaskId, taskId } from "../../../policy/ids.ts";
import { LIMITS } from "../../../policy/limits.ts";
import { FIRST_TERMINAL_CODE, STATUS_CODE } from "../../../policy/status.ts";
import type { Core } from "../core.ts";
import { end } from "../run/end.ts";
import { post } from "../outbox/outbox.ts";
import { byDomain, readRemotes } from "./remotes.ts";
import { readTask, type TaskRow } from "../rows.ts";
import { walk } from "./waits.ts";

// What is looked for before a task is taken in can be missed over domains: two that close a circle at the same moment do not
// see each other. So each that could have sends a probe afterwards, from domain to domain along what it waits for. The edges
// are written by then, so the one that came last meets the whole circle.

/** A question on its way: do these tasks wait for themselves? */
export interface Probe {
  /** Whose probe it is. */
  origins: string[];
  /** Tasks of the target which they wait for; at its start, themselves. */
  at: number[];
  isStart?: true;
  /** How many messages may follow from it. */
  room: number;
}

/** Of one probe, so that its walks are not cut short. */
const ORIGINS_MAX = 100;

/** Some tasks of a domain may have closed a circle; part of the transaction that made them, or that learns of them. */
export function startProbe(core: Core, domain: string, counters: readonly number[]): void {
  for (let start = 0; start < counters.length; start += ORIGINS_MAX) {
    const at = counters.slice(start, start + ORIGINS_MAX);
    const probe: Probe = { origins: at.map((counter) => taskId(domain, counter)), at, isStart: true, room: LIMITS.probeMessagesMax };
    if (domain === core.name) goOn(core, probe, walk(core, at).seen);
    else post(core, domain, "probe", probe);
  }
}

/** It has come here, from a task of another domain that waits for these. */
export function takeProbe(core: Core, probe: Probe): null {
  const { seen } = walk(core, probe.at);
  const met = probe.isStart ? [] : probe.origins.filter((id) => seen.has(counterIn(core, id)));
  core.touch();
  if (met.length > 0 && probe.origins.length === 1) breakCircle(core, counterIn(core, met[0]!));
  else {
    // One of several may only be what another waits for: each is asked about by itself.
    for (const id of met) startProbe(core, core.name, [counterIn(core, id)]);
    goOn(core, probe, seen);
  }
  return null;
}

const counterIn = (core: Core, id: string): number => {
  const { domain, counter } = parseTaskId(id)!;
  return domain === core.name ? counter : 0;
};

/** To the domains where what was walked goes on; what may follow is shared out among them. */
function goOn(core: Core, { origins, room }: Probe, seen: ReadonlySet<number>): void {
  const away = [...seen].filter((id) => id < 0);
  const known = readRemotes(core.store, away);
  const beyond = byDomain(
    core,
    away.filter((id) => (known.get(id)?.status ?? 0) < FIRST_TERMINAL_CODE),
  );
  const left = Math.floor(room / beyond.size) - 1;
  if (beyond.size === 0 || left < 0) return;
  for (const [domain, at] of beyond) post(core, domain, "probe", { origins, at, room: left });
}

/** It waits for itself: it ends, and what waits for it goes on, or falls, by its own policies. */
function breakCircle(core: Core, id: number): void {
  const row = readTask(core.store, id);
  if (row?.status !== STATUS_CODE.blocked) return;
  end(core, row, "dependency", "dependency_failed", { error: circleError(core, row) });
}

function circleError(core: Core, { id, parent }: TaskRow): string {
  const why = parent === null ? "one that waits for the task whose place it took" : `one that waits for its parent ${parent}`;
  const message = `Not run: ${taskId(core.name, id)} waits for itself. It depends, over other domains, on ${why}; both came at the same moment. Submit it anew, without that dependency.`;
  return JSON.stringify({ name: "DependencyError", message, code: "dependency_cycle" });
}
