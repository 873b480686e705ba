import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Task, TaskPage } from "../../api/answers.ts";
import { ask, withQuery } from "../../api/ask.ts";
import { messageOf } from "../../api/problem.ts";
import { useLive } from "../../live.ts";
import type { Listing } from "../../search.ts";
import { append, type Loaded, renew } from "./pages.ts";

/** Tasks of the first page, and of each after it: who scrolls on has far to go. */
const FIRST_PAGE = 100;
const PAGE = 500;
const RETRY_MS = 2_000;

/** A list that is loaded as it is scrolled, and stays true. */
export interface TaskRows {
  /** Newest first; undefined before the first answer. */
  items: readonly Task[] | undefined;
  /** Whether there are older ones. */
  more: boolean;
  error: Error | undefined;
  /** Loads the next page; nothing while one is on its way. */
  loadMore: () => void;
  /** Tells which rows can be seen: those are the ones kept fresh, beside the newest. */
  see: (first: number, last: number) => void;
  refresh: () => Promise<void>;
}

/** The tasks of a listing. */
export function useRows(key: string, listing: Listing): TaskRows {
  const loaded = useSignal<Loaded | undefined>(undefined);
  const loading = useRef<AbortController | undefined>(undefined);
  const seen = useRef<[number, number]>([0, 0]);
  const failure = useSignal<Error | undefined>(undefined);
  useEffect(() => {
    loaded.value = undefined;
    failure.value = undefined;
    seen.current = [0, 0];
    return () => {
      loading.current?.abort();
      loading.current = undefined;
    };
  }, [key]);
  const live = useLive(
    `tasks ${key}`,
    async (signal) => {
      const newest = await load(listing, undefined, signal);
      loaded.value = renew(loaded.peek(), 0, newest);
      const page = loaded.peek()?.pages.findIndex(({ end }) => end > seen.current[0]) ?? 0;
      const cursor = loaded.peek()?.pages[page]?.cursor;
      if (page <= 0 || cursor === undefined) return;
      const seenPage = await load(listing, cursor, signal);
      // The list as it is now, not as it was before the answer: more may have been loaded.
      if (!signal.aborted) loaded.value = renew(loaded.peek(), page, seenPage);
    },
    { everyMs: 2_000, concerns: ({ domain }) => listing.domain === undefined || domain === undefined || domain === listing.domain },
  );
  const loadMore = () => {
    const next = loaded.peek()?.next;
    if (loading.current || next === undefined || next === null) return;
    const abort = new AbortController();
    loading.current = abort;
    load(listing, next, abort.signal)
      .then((page) => {
        if (abort.signal.aborted) return;
        failure.value = undefined;
        loaded.value = append(loaded.peek(), next, page);
      })
      .catch((error: unknown) => {
        if (abort.signal.aborted) return;
        failure.value = error instanceof Error ? error : new Error(messageOf(error));
        // Nobody scrolls at the end of a list.
        setTimeout(() => abort.signal.aborted || loadMore(), RETRY_MS);
      })
      .finally(() => {
        if (loading.current === abort) loading.current = undefined;
      });
  };
  return {
    items: loaded.value?.items,
    more: (loaded.value?.next ?? null) !== null,
    error: live.error ?? failure.value,
    loadMore,
    see: (first, last) => {
      seen.current = [first, last];
    },
    refresh: live.refresh,
  };
}

async function load({ domain, id, filters }: Listing, cursor: string | undefined, signal: AbortSignal): Promise<TaskPage> {
  if (id !== undefined) return { items: [await ask<Task>(`v1/tasks/${encodeURIComponent(id)}`, { signal })], next: null };
  const path = domain === undefined ? "v1/tasks" : `v1/domains/${encodeURIComponent(domain)}/tasks`;
  return ask<TaskPage>(withQuery(path, { ...filters, limit: cursor === undefined ? FIRST_PAGE : PAGE, cursor }), { signal });
}
