import { signal } from "@preact/signals";
import type { DomainPage } from "./api/answers.ts";
import { ask, withQuery } from "./api/ask.ts";
import { refreshAll } from "./live.ts";
import type { Listing } from "./search.ts";

export type Action = "cancel" | "retry" | "delete";

/** Something done to many tasks, as far as it has come. */
export interface Job {
  action: Action;
  total: number;
  done: number;
  failed: number;
  finished: boolean;
  /** What went wrong first. */
  problem: string | null;
}

/** The job of this page, if any: shown as a bar until it is dismissed. */
export const job = signal<Job | null>(null);

const LANES = 4;
const POLL_MS = 400;

/** Does it to each of these tasks, a few at a time. */
export async function actOnEach(action: "cancel" | "retry", ids: readonly string[]): Promise<void> {
  const state = begin(action, ids.length);
  const left = [...ids];
  const lane = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) {
      try {
        await ask(`v1/tasks/${id}/${action}`, { method: "POST" });
        state.done += 1;
      } catch (error) {
        state.failed += 1;
        state.problem ??= error instanceof Error ? error.message : String(error);
      }
      show(state);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  end(state);
}

/** Has the domains do it to every task that matches, by a bulk job in each. */
export async function actOnAll(action: Action, domains: readonly string[], filter: Listing["filters"], total: number): Promise<void> {
  const state = begin(action, total);
  const each = new Map<string, Counted>();
  const follow = async (domain: string) => {
    const { id } = await ask<{ id: string }>(`v1/domains/${domain}/bulk`, { method: "POST", body: { action, filter: bulkFilter(filter) } });
    for (;;) {
      const progress = await ask<Counted>(`v1/bulk/${id}`);
      each.set(domain, progress);
      const counts = [...each.values()];
      state.done = counts.reduce((sum, { done }) => sum + done, 0);
      state.failed = counts.reduce((sum, { failed }) => sum + failed, 0);
      state.problem ??= progress.errors[0]?.message ?? null;
      show(state);
      if (progress.finished) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  for (const answer of await Promise.allSettled(domains.map(follow)))
    if (answer.status === "rejected") state.problem ??= answer.reason instanceof Error ? answer.reason.message : String(answer.reason);
  end(state);
}

interface Counted {
  matched: number;
  done: number;
  failed: number;
  finished: boolean;
  errors: readonly { message: string }[];
}

/** How many tasks match, as the domains count them now. */
export async function countMatching({ domain, filters }: Listing, abort: AbortSignal): Promise<number> {
  const counts = (await domainsOf(domain, abort)).map(async (name) => {
    const { count } = await ask<{ count: number }>(withQuery(`v1/domains/${name}/tasks/count`, filters), { signal: abort });
    return count;
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

/** The domains that a listing is about. */
export async function domainsOf(domain: string | undefined, abort?: AbortSignal): Promise<string[]> {
  if (domain !== undefined) return [domain];
  return (await ask<DomainPage>("v1/domains", abort ? { signal: abort } : {})).items.map(({ name }) => name);
}

/** How many would be acted upon, as the domains count them now. */
export async function countAll(
  action: Action,
  domains: readonly string[],
  filter: Listing["filters"],
): Promise<{ matched: number; exact: boolean }> {
  const counts = await Promise.all(
    domains.map((domain) =>
      ask<{ matched: number; exact: boolean }>(`v1/domains/${domain}/bulk`, {
        method: "POST",
        body: { action, filter: bulkFilter(filter), dryRun: true },
      }),
    ),
  );
  return { matched: counts.reduce((sum, { matched }) => sum + matched, 0), exact: counts.every(({ exact }) => exact) };
}

/** A bulk filter has the names of a list's parameters, but its tags are an object. */
function bulkFilter({ tag, ...filter }: Listing["filters"]): Record<string, unknown> {
  if (tag === undefined) return filter;
  return {
    ...filter,
    tags: Object.fromEntries([tag].flat().map((one) => [one.slice(0, one.indexOf(":")), one.slice(one.indexOf(":") + 1)])),
  };
}

function begin(action: Action, total: number): Job {
  const state: Job = { action, total, done: 0, failed: 0, finished: false, problem: null };
  show(state);
  return state;
}

const show = (state: Job): void => {
  job.value = { ...state };
};

function end(state: Job): void {
  state.finished = true;
  show(state);
  refreshAll();
}
