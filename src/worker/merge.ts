import type { Task } from "../domains/task.ts";
import type { TaskPage } from "../durable/protocol.ts";
import { parseTaskId } from "../policy/ids.ts";

/** Where each domain goes on: a counter to stay below, null at its end; a domain that is missing starts at its newest. */
export type Positions = Record<string, number | null>;

/** A page of one source, and where it goes on. */
export interface SourcePage<Item> {
  items: Item[];
  next: number | null;
}

interface Source<Item> {
  name: string;
  page: SourcePage<Item>;
  /** How many of the page's items were taken. */
  taken: number;
}

/** How items of a kind are told apart: by time over all sources, by number within one. */
interface Order<Item> {
  /** RFC 3339 in UTC with milliseconds, which sorts as text. */
  at: (item: Item) => string;
  number: (item: Item) => number;
}

const TASKS: Order<Task> = { at: ({ createdAt }) => createdAt, number: ({ id }) => parseTaskId(id)?.counter ?? 0 };

/**
 * The newest `limit` tasks of the pages of several domains, merged by `createdAt`, and where each domain goes on.
 *
 * @param positions where the pages were asked from
 */
export function mergePages(
  pages: Readonly<Record<string, TaskPage>>,
  positions: Positions,
  limit: number,
): { items: Task[]; next: Positions | null } {
  return mergeNewest(pages, positions, limit, TASKS);
}

/**
 * The newest `limit` items of several sources, and where each source goes on.
 *
 * A page that came back short although more follows (a domain reads a bounded number of rows) stops the merge where it
 * ends: what follows in that source may be newer than anything else. So a merged page may come back short, or empty,
 * but never out of order, and always moves on.
 */
export function mergeNewest<Item>(
  pages: Readonly<Record<string, SourcePage<Item>>>,
  positions: Positions,
  limit: number,
  order: Order<Item>,
): { items: Item[]; next: Positions | null } {
  const sources = Object.entries(pages).map(([name, page]): Source<Item> => ({ name, page, taken: 0 }));
  const items: Item[] = [];
  while (items.length < limit && !sources.some(isBarrier)) {
    const newest = newestOf(sources, order);
    if (!newest) break;
    items.push(newest.page.items[newest.taken]!);
    newest.taken += 1;
  }
  const next: Positions = { ...positions };
  for (const source of sources) next[source.name] = goesOn(source, order);
  return { items, next: Object.values(next).every((position) => position === null) ? null : next };
}

/** Used up, but more follows. */
const isBarrier = ({ page, taken }: Source<unknown>): boolean => taken === page.items.length && page.next !== null;

function newestOf<Item>(sources: readonly Source<Item>[], { at }: Order<Item>): Source<Item> | undefined {
  let newest: Source<Item> | undefined;
  for (const source of sources) {
    const head = source.page.items[source.taken];
    if (head !== undefined && (newest === undefined || at(head) > at(newest.page.items[newest.taken]!))) newest = source;
  }
  return newest;
}

/** Just above the first item that was not taken, so that new ones do not come in between. */
function goesOn<Item>({ page, taken }: Source<Item>, { number }: Order<Item>): number | null {
  const first = page.items[taken];
  return first === undefined ? page.next : number(first) + 1;
}
