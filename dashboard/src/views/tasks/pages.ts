import type { Task, TaskPage } from "../../api/answers.ts";

/** A list as far as it has been loaded. */
export interface Loaded {
  items: readonly Task[];
  /** Where its pages end in `items`, and the cursor that each was asked for with. */
  pages: readonly { cursor: string | undefined; end: number }[];
  /** The cursor of what comes after; null at the end. */
  next: string | null;
}

/** With the next page at its end. */
export function append(loaded: Loaded | undefined, cursor: string, { items, next }: TaskPage): Loaded | undefined {
  if (!loaded) return loaded;
  const had = new Set(loaded.items.map(({ id }) => id));
  const all = [...loaded.items, ...items.filter(({ id }) => !had.has(id))];
  return { items: all, pages: [...loaded.pages, { cursor, end: all.length }], next };
}

/**
 * With one page as it is now. What came before the page's last task is replaced: new tasks are in, those that match no longer
 * are out. What follows it stays, also where new tasks have pushed it beyond the page.
 */
export function renew(loaded: Loaded | undefined, page: number, { items, next }: TaskPage): Loaded {
  const fresh: Loaded = { items, pages: [{ cursor: undefined, end: items.length }], next };
  if (!loaded || loaded.pages.length <= page) return fresh;
  const start = loaded.pages[page - 1]?.end ?? 0;
  const { end } = loaded.pages[page]!;
  const isLast = page === loaded.pages.length - 1;
  if (next === null && page === 0) return fresh;
  const last = items.at(-1);
  const cut = last ? loaded.items.findIndex(({ id }, at) => at >= start && id === last.id) : start - 1;
  // More new tasks than a page holds: nobody knows what lies between.
  if (cut < 0 && last && page === 0) return fresh;
  const kept = cut < start ? (last ? loaded.items.slice(end) : loaded.items.slice(start)) : loaded.items.slice(cut + 1);
  const before = loaded.items.slice(0, start);
  const renewed = new Set([...before, ...items].map(({ id }) => id));
  const all = [...before, ...items, ...kept.filter(({ id }) => !renewed.has(id))];
  const moved = all.length - loaded.items.length;
  const pages = loaded.pages.map((one, at) => (at < page ? one : { ...one, end: Math.max(start, one.end + moved) }));
  return { items: all, pages, next: isLast && cut === end - 1 ? next : loaded.next };
}
