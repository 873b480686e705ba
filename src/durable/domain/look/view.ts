import type { Json, Task, TaskError } from "../../../domains/task.ts";
import { scheduleId, taskId } from "../../../policy/ids.ts";
import { showIo } from "../../../policy/io.ts";
import { isTerminal, statusFromCode, type Status } from "../../../policy/status.ts";
import { utf8Bytes } from "../../../policy/text.ts";
import { urgencyOf } from "../gates/age.ts";
import { viewAttempts } from "../run/attempts.ts";
import type { Core } from "../core.ts";
import { recordedIo } from "../gates/budgets.ts";
import { readStatuses } from "../graph/edges.ts";
import { nameOf, upstreamStatus } from "../graph/remotes.ts";
import { optionsOf, type TaskRow } from "../rows.ts";

const iso = (at: number): string => new Date(at).toISOString();
const isoOrNull = (at: number | null): string | null => (at === null ? null : iso(at));

/** A row as everybody sees it, with what memory knows of it: whether it runs, its progress, what pauses it. */
export function view(core: Core, row: TaskRow, now: number): Task {
  const run = core.claims.get(row.id);
  const lease = run ? undefined : core.leases.ofTask(row.id);
  const since = run?.current === row.id ? run.currentSince : lease?.at;
  const isRunning = since !== undefined;
  const pausedBy = pausedByOf(core, row);
  const status: Status = isRunning ? "running" : shownStatus(core, row, pausedBy);
  const startedAt = since ?? row.started_at;
  const hasEnded = isTerminal(status);
  const { retry, dependsOn } = optionsOf(row);
  const policy = retry ?? core.defaultsOf(row.type)?.retry;
  return {
    id: taskId(core.name, row.id),
    domain: core.name,
    type: row.type,
    status,
    payload: parse(row.payload),
    result: row.result === null ? null : parse(row.result),
    error: row.error === null ? null : (JSON.parse(row.error) as TaskError),
    key: row.key,
    label: row.label,
    priority: row.priority,
    effectivePriority: hasEnded ? row.priority : urgencyOf(core, row, now),
    group: row.grp,
    tags: {
      ...core.outside.registry.defaults.tags,
      ...core.definition?.defaults.tags,
      _domain: core.name,
      ...(row.tags === null ? {} : (JSON.parse(row.tags) as Record<string, string>)),
    },
    attempt: row.attempt + (isRunning ? 1 : 0),
    maxAttempts: (policy?.attempts ?? 0) + 1,
    executions: row.executions + (isRunning ? 1 : 0),
    errors: viewAttempts(row),
    parent: row.parent,
    children: { ...core.families.of(row) },
    dependsOn: dependsOn === undefined ? [] : dependenciesOf(core, dependsOn),
    runAt: isoOrNull(row.run_at),
    expiresAt: isoOrNull(row.ttl_at),
    createdAt: iso(row.created_at),
    startedAt: isoOrNull(startedAt),
    finishedAt: isoOrNull(row.finished_at),
    waitMs: Math.max(0, (row.first_started_at ?? startedAt ?? row.finished_at ?? now) - row.created_at),
    durationMs: hasEnded && startedAt !== null && row.finished_at !== null ? Math.max(0, row.finished_at - startedAt) : null,
    progress: isRunning ? core.progresses.of(core, row, since) : null,
    io: { expected: core.definition?.types.get(row.type)?.io ?? null, actual: showIo(recordedIo(row)) },
    sizes: { payload: utf8Bytes(row.payload), result: row.result === null ? 0 : utf8Bytes(row.result) },
    schedule: row.schedule === null ? null : scheduleId(core.name, row.schedule),
    deadline: isoOrNull(row.deadline_at),
    pausedBy,
  };
}

type Judged = Pick<TaskRow, "id" | "status" | "type" | "grp">;

const pausedByOf = (core: Core, row: Judged): Task["pausedBy"] =>
  core.claims.has(row.id) || statusFromCode(row.status) !== "pending" ? [] : gatesOf(core, row);

/** The status that everybody sees: some are not on the row. */
export function shownStatus(core: Core, row: Judged, pausedBy: Task["pausedBy"] = pausedByOf(core, row)): Status {
  if (core.claims.get(row.id)?.current === row.id) return "running";
  return pausedBy.length > 0 ? "paused" : statusFromCode(row.status);
}

/** What it depends on, as it is now. */
function dependenciesOf(core: Core, counters: readonly number[]): Task["dependsOn"] {
  const statuses = readStatuses(core.store, counters);
  return counters.map((counter) => ({ id: nameOf(core, counter), status: upstreamStatus(statuses.get(counter)) }));
}

/** Flags that hold a ready task; none of them is on its row. */
function gatesOf(core: Core, row: Judged): Task["pausedBy"] {
  const gates: Task["pausedBy"] = core.pauses.reasons(row.grp);
  if (!core.definition?.types.has(row.type)) gates.push("unregistered");
  return gates;
}

/** A stored text that cannot be decoded fails its task, never a page that shows it. */
function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return null;
  }
}
