import type { Task } from "../../../domains/task.ts";
import { LIMITS } from "../../../policy/limits.ts";
import type { Status } from "../../../policy/status.ts";
import type { TaskPage, TaskQuery } from "../../protocol.ts";
import type { Core } from "../core.ts";
import { filterOf } from "./filter.ts";
import { readTasks } from "../rows.ts";
import { view } from "./view.ts";
import { matchesOf, nextBelow, walk } from "./walk.ts";

const STEP = 1_000;

/** One page, newest first. Reads at most 20,000 rows: it may come back short, or empty, with a `next`. */
export function list(core: Core, query: TaskQuery): TaskPage {
  const limit = Math.min(query.limit ?? LIMITS.pageDefault, LIMITS.pageMax);
  const now = core.clock.now();
  const { rows, next } = collect(core, query, limit, now);
  return { items: rows, next };
}

/** How many match; counters where they know it, else a walk over everything. */
export function count(core: Core, query: TaskQuery): number {
  const { status, limit: _limit, before: _before, ...others } = query;
  const isPlain = Object.values(others).every((value) => value === undefined);
  if (isPlain) {
    const counts = countsOf(core);
    return (status ?? (Object.keys(counts) as Status[])).reduce((sum, one) => sum + counts[one], 0);
  }
  let total = 0;
  let before: number | null | undefined = query.before;
  do {
    const page: TaskPage = list(core, { ...query, limit: LIMITS.pageMax, ...(before ? { before } : {}) });
    total += page.items.length;
    before = page.next;
  } while (before);
  return total;
}

/** How many tasks show each status now. */
export function countsOf(core: Core): Record<Status, number> {
  const { counts } = core.state;
  const executing = [...core.runs.values()].filter((run) => run.open.size > 0).length;
  const waiting = core.lanes.size;
  const held = core.pauses.stopped ? waiting : core.lanes.sizeHeldFor("unregistered", "paused");
  return { ...counts, running: counts.running + executing, pending: counts.pending - executing - held, paused: held };
}

function collect(core: Core, query: TaskQuery, limit: number, now: number): { rows: Task[]; next: number | null } {
  if (query.status?.length === 1 && query.status[0] === "running") return running(core, query, limit, now);
  const filter = filterOf(core, query);
  const wanted = query.status && new Set<string>(query.status);
  const found: Task[] = [];
  let budget: number = LIMITS.pageRowsReadMax;
  let before = query.before ?? core.state.nextId;
  while (before > 1 && budget > 0 && found.length < limit) {
    const room = limit - found.length;
    // By an index, little more is looked at in one step than is wanted.
    const part = filter.isIndexed ? Math.min(budget, Math.max(STEP, 2 * room)) : budget;
    const { rows, reached } = walk(core, filter, { before, limit: room, budget: part });
    for (const row of rows) {
      const task = view(core, row, now);
      if (!wanted || wanted.has(task.status)) found.push(task);
    }
    if (filter.isIndexed) budget -= rows.length === room ? room : part;
    else budget -= before - reached;
    before = rows.length === 0 ? nextBelow(core, reached) : reached;
  }
  return { rows: found, next: before > 1 && nextBelow(core, before) > 1 ? before : null };
}

/** Those in a run or leased: memory knows them. */
function running(core: Core, query: TaskQuery, limit: number, now: number): { rows: Task[]; next: null } {
  const ids = [...core.runs.values()].flatMap((run) => (run.current === undefined ? [] : [run.current]));
  for (const { task } of core.leases.all()) ids.push(task);
  const before = query.before ?? Infinity;
  const rows = readTasks(
    core.store,
    ids.filter((id) => id < before).sort((one, other) => other - one),
  );
  const { status: _status, before: _before, limit: _limit, ...others } = query;
  const matching = matchesOf(
    core,
    filterOf(core, others),
    rows.map(({ id }) => id),
  );
  return {
    rows: rows
      .filter((row) => matching.has(row.id))
      .slice(0, limit)
      .map((row) => view(core, row, now)),
    next: null,
  };
}
