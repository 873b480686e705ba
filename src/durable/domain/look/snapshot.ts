import { taskId } from "../../../policy/ids.ts";
import { dollarsOf, perMillion } from "../../../policy/prices.ts";
import type { DomainSnapshot } from "../../protocol.ts";
import type { Core } from "../core.ts";
import { workOf } from "./figures.ts";
import { countsOf } from "./list.ts";
import { readTask, readTasks } from "../rows.ts";

/** The domain at a glance, from counters and memory. */
export function snapshot(core: Core): DomainSnapshot {
  const now = core.clock.now();
  const { state } = core;
  const pausedBy = core.pauses.reasons(null) as DomainSnapshot["pausedBy"];
  const oldest = core.lanes.oldestId();
  const oldestRow = oldest === undefined ? undefined : readTask(core.store, oldest);
  const { statements, ...cost } = state.cost;
  const dollars = dollarsOf(cost);
  // As outside: what was submitted and met no duplicate.
  const { inserted: submitted, ...totals } = state.totals;
  return {
    name: core.name,
    paused: pausedBy.length > 0,
    pausedBy,
    maxConcurrency: core.cap,
    counts: countsOf(core),
    totals: { submitted, ...totals },
    running: runningNow(core),
    oldestPendingMs: oldestRow ? Math.max(0, now - oldestRow.created_at) : null,
    slots: { granted: core.holder.granted, using: core.holder.using },
    rates: core.rates.view(),
    outbox: outboxOf(core, now),
    cost: {
      ...cost,
      dollars,
      dollarsPerMillion: perMillion(dollars, submitted),
      types: workOf(core),
      statements: { ...statements },
    },
  };
}

/** Targets with messages that are not delivered, and how old the first of each is. */
function outboxOf(core: Core, now: number): DomainSnapshot["outbox"] {
  return [...core.outbox.queues].slice(0, 100).map(([domain, { size, attempts }]) => {
    const first = core.store.exec<{ at: number }>("SELECT at FROM outbox WHERE target = ? ORDER BY id LIMIT 1", domain).toArray()[0];
    return { domain, messages: size, attempts, oldestMs: Math.max(0, now - (first?.at ?? now)) };
  });
}

function runningNow(core: Core): DomainSnapshot["running"] {
  const runs = [...core.runs.values()]
    .filter((run) => run.current !== undefined)
    .map((run) => ({ id: run.current!, at: run.currentSince }));
  const under = [...runs, ...[...core.leases.all()].map(({ task, at }) => ({ id: task, at }))].slice(0, 100);
  const rows = new Map(
    readTasks(
      core.store,
      under.map(({ id }) => id),
    ).map((row) => [row.id, row]),
  );
  return under.flatMap(({ id, at }) => {
    const row = rows.get(id);
    return row
      ? [
          {
            id: taskId(core.name, id),
            type: row.type,
            startedAt: new Date(at).toISOString(),
            attempt: row.attempt + 1,
            progress: core.progresses.of(core, row, at),
          },
        ]
      : [];
  });
}
