import type { Task } from "../domains/task.ts";
import type { TaskPage } from "../durable/protocol.ts";
import { parseTaskId } from "../policy/ids.ts";

/** Where each domain goes on: a counter to stay below, null at its end; a domain that is missing starts at its newest. */
export type Positions = Record<string, number | null>;

interface Source {
  domain: string;
  page: TaskPage;
  /** How many of the page's tasks were taken. */
  taken: number;
}

/**
 * The newest `limit` tasks of the pages of several domains, merged by `createdAt`, and where each domain goes on.
 *
 * A page that came back short although more follows (a domain reads a bounded number of rows) stops the merge where it
 * ends: what follows in that domain may be newer than anything else. So a merged page may come back short, or empty,
 * but never out of order, and always moves on.
 *
 * @param positions where the pages were asked from
 */
export function mergePages(
  pages: Readonly<Record<string, TaskPage>>,
  positions: Positions,
  limit: number,
): { items: Task[]; next: Positions | null } {
  const sources: Source[] = Object.entries(pages).map(([domain, page]) => ({ domain, page, taken: 0 }));
  const items: Task[] = [];
  while (items.length < limit && !sources.some(isBarrier)) {
    const newest = newestOf(sources);
    if (!newest) break;
    items.push(newest.page.items[newest.taken]!);
    newest.taken += 1;
  }
  const next: Positions = { ...positions };
  for (const source of sources) next[source.domain] = goesOn(source);
  return { items, next: Object.values(next).every((position) => position === null) ? null : next };
}

/** Used up, but more follows. */
const isBarrier = ({ page, taken }: Source): boolean => taken === page.items.length && page.next !== null;

function newestOf(sources: readonly Source[]): Source | undefined {
  let newest: Source | undefined;
  for (const source of sources) {
    const head = source.page.items[source.taken];
    // RFC 3339 in UTC with milliseconds sorts as text.
    if (head && (newest === undefined || head.createdAt > newest.page.items[newest.taken]!.createdAt)) newest = source;
  }
  return newest;
}

/** Just above the first task that was not taken, so that new ones do not come in between. */
function goesOn({ page, taken }: Source): number | null {
  const first = page.items[taken];
  return first ? (parseTaskId(first.id)?.counter ?? 0) + 1 : page.next;
}
