import type { Task, TaskPage } from "../../api/answers.ts";

/** A list as far as it has been loaded. */
export interface Loaded {
  items: readonly Task[];
  /** Where its pages end in `items`, and the cursor that each was asked for with. */
  pages: readonly { cursor: string | undefined; end: number }[];
  /** The cursor of what comes after; null at the end. */
  next: string | null;
}

/** With the next page at its end; as it is where it ends elsewhere by now. */
export function append(loaded: Loaded | undefined, cursor: string, { items, next }: TaskPage): Loaded | undefined {
  if (loaded?.next !== cursor) return loaded;
  const had = new Set(loaded.items.map(({ id }) => id));
  const all = [...loaded.items, ...items.filter(({ id }) => !had.has(id))];
  return { items: all, pages: [...loaded.pages, { cursor, end: all.length }], next };
}

/**
 * With one page as it is now, in the place of what stood from its beginning to its last task. What follows it stays, also where
 * new tasks have pushed it beyond the page; unless nobody knows what lies between, or the mill says that nothing follows.
 */
export function renew(loaded: Loaded | undefined, page: number, { items, next }: TaskPage): Loaded {
  const asked = loaded?.pages[page];
  if (!loaded || !asked) return { items, pages: [{ cursor: undefined, end: items.length }], next };
  const start = loaded.pages[page - 1]?.end ?? 0;
  const cut = loaded.items.findIndex(({ id }, at) => at >= start && id === items.at(-1)?.id);
  const kept = next === null || cut < 0 ? [] : loaded.items.slice(cut + 1);
  const all = [...loaded.items.slice(0, start), ...items, ...kept];
  const pages = [...loaded.pages.slice(0, page), { cursor: asked.cursor, end: start + items.length }];
  if (next === null || kept.length === 0) return { items: all, pages, next };
  // The next one begins where this one ends now, whatever it began with before.
  const ends = loaded.pages.slice(page + 1).filter(({ end }) => end > cut + 1);
  const moved = all.length - loaded.items.length;
  const after = ends.length > 0 ? ends.map(({ cursor, end }) => ({ cursor, end: end + moved })) : [{ cursor: next, end: all.length }];
  return { items: all, pages: [...pages, { ...after[0]!, cursor: next }, ...after.slice(1)], next: loaded.next };
}
