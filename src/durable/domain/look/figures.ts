import type { EventName } from "../../../policy/events/event.ts";
import {
  BOUNDS,
  COUNTED,
  type Counted,
  type DomainFigures,
  noFigures,
  observe,
  type Timed,
  type TypeFigures,
} from "../../../policy/figures.ts";
import type { Facts, Subject } from "../history/chronicle.ts";
import type { Core } from "../core.ts";
import { countsOf } from "./list.ts";
import { readTask } from "../rows.ts";

const BY_EVENT: Partial<Record<EventName, Counted>> = {
  "task.started": "dispatched",
  "task.completed": "completed",
  "task.failed": "failed",
  "task.dead_lettered": "dead_lettered",
  "task.superseded": "superseded",
  "task.cancelled": "cancelled",
  "task.expired": "expired",
  "task.dependency_failed": "dependency_failed",
  "task.preempted": "preempted",
  "task.reopened": "reopened",
};
const ENDS: Partial<Record<EventName, Timed>> = {
  "task.completed": "completed",
  "task.failed": "failed",
  "task.dead_lettered": "dead_letter",
};

const PLACE = Object.fromEntries(COUNTED.map((name, index) => [name, index])) as Record<Counted, number>;

function of(core: Core, type: string | undefined): TypeFigures {
  return (core.state.figures.types[type ?? ""] ??= noFigures());
}

/** Tasks that have come in. Part of the transaction that writes them. */
export function countSubmitted(core: Core, rows: readonly { type: string }[]): void {
  for (const { type } of rows) of(core, type).n[PLACE.submitted]! += 1;
}

/** What happened to some tasks. Part of the transaction that made it so. */
export function countEvent(core: Core, event: EventName, subjects: readonly Subject[], facts: Facts | undefined, now: number): void {
  const name = BY_EVENT[event];
  if (!name) return;
  // An attempt that is made once more has failed, but the task has not.
  const place = PLACE[name === "failed" && facts?.willRetry === true ? "retried" : name];
  const end = facts?.willRetry === true ? undefined : ENDS[event];
  const ms = typeof facts?.durationMs === "number" ? facts.durationMs / subjects.length : undefined;
  for (const { type, createdAt, isFirst } of subjects) {
    const figures = of(core, type);
    figures.n[place]! += 1;
    if (event === "task.started" && isFirst && createdAt !== undefined)
      figures.wait = observe(figures.wait, BOUNDS.seconds, Math.max(0, now - createdAt) / 1_000);
    if (ms !== undefined) figures.wallMs = Math.round(((figures.wallMs ?? 0) + ms) * 1e3) / 1e3;
    if (end !== undefined && ms !== undefined) (figures.run ??= {})[end] = observe(figures.run?.[end], BOUNDS.seconds, ms / 1_000);
  }
  const { sizes } = core.state.figures;
  if (event === "task.completed") sizes.completion = observe(sizes.completion, BOUNDS.tasks, subjects.length);
}

/** A batch has come in, or so many of one answer have failed. Part of the transaction. */
export function countSize(core: Core, what: "batch" | "failure", size: number): void {
  const { sizes } = core.state.figures;
  if (what === "batch") sizes.batches += 1;
  sizes[what] = observe(sizes[what], BOUNDS.tasks, size);
}

/** Planned times that a schedule let go by. Part of the transaction. */
export function countSkipped(core: Core, type: string, count: number): void {
  of(core, type).n[PLACE.recurring_skipped]! += count;
}

/** What each type has run, with the wall time of that. */
export function workOf(core: Core): Record<string, { executions: number; wallMs: number }> {
  const types = Object.entries(core.state.figures.types);
  return Object.fromEntries(
    types.map(([type, { n, wallMs = 0 }]) => [type, { executions: n[PLACE.dispatched]!, wallMs: Math.round(wallMs) }]),
  );
}

/** What the coordinator is told. */
export function figuresFor(core: Core, now: number): DomainFigures {
  const { state } = core;
  const oldest = core.lanes.oldestId();
  const row = oldest === undefined ? undefined : readTask(core.store, oldest);
  const { rowsRead, rowsWritten, coordinatorCalls, requests } = state.cost;
  return {
    statuses: countsOf(core),
    types: state.figures.types,
    sizes: state.figures.sizes,
    ...(state.figures.held ? { held: state.figures.held } : {}),
    ...core.rates.figures(),
    purged: state.totals.purged,
    cap: core.cap,
    oldestPendingMs: row ? Math.max(0, now - row.created_at) : null,
    cost: { rowsRead, rowsWritten, coordinatorCalls, requests },
  };
}
