import { signal } from "@preact/signals";
import { TERMINAL } from "../../src/policy/status.ts";
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

const POLL_MS = 400;

/** A filter of a bulk job. */
type Filter = Readonly<Record<string, unknown>>;

/** What is to be done to which tasks of which domains. */
export type Wanted = ReadonlyMap<string, Filter>;

/** All tasks that a listing finds, in each of its domains. */
export const allOf = (domains: readonly string[], filters: Listing["filters"]): Wanted =>
  new Map(domains.map((domain) => [domain, bulkFilter(filters)]));

/** These tasks, by their domains. */
export function tasksOf(action: Action, ids: readonly string[]): Wanted {
  const byDomain = Map.groupBy(ids, (id) => id.slice(0, id.lastIndexOf("_")));
  // Who chooses tasks by hand means these, also those that have completed.
  const status = action === "retry" ? { status: TERMINAL.filter((one) => one !== "superseded") } : {};
  return new Map([...byDomain].map(([domain, own]) => [domain, { ids: own, ...status }]));
}

/** Has the domains do it, by a bulk job in each. */
export async function actOn(action: Action, wanted: Wanted, total: number): Promise<void> {
  const state = begin(action, total);
  const each = new Map<string, Counted>();
  const follow = async ([domain, filter]: [string, Filter]) => {
    const { id } = await ask<{ id: string }>(`v1/domains/${domain}/bulk`, { method: "POST", body: { action, filter } });
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
  for (const answer of await Promise.allSettled([...wanted].map(follow)))
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
export async function countOf(action: Action, wanted: Wanted): Promise<{ matched: number; exact: boolean }> {
  const counts = await Promise.all(
    [...wanted].map(([domain, filter]) =>
      ask<{ matched: number; exact: boolean }>(`v1/domains/${domain}/bulk`, { method: "POST", body: { action, filter, dryRun: true } }),
    ),
  );
  return { matched: counts.reduce((sum, { matched }) => sum + matched, 0), exact: counts.every(({ exact }) => exact) };
}

/** A bulk filter has the names of a list's parameters, but its tags are an object. */
function bulkFilter({ tag, ...filter }: Listing["filters"]): Filter {
  if (tag === undefined) return filter;
  return {
    ...filter,
    tags: Object.fromEntries([tag].flat().map((one) => [one.slice(0, one.indexOf(":")), one.slice(one.indexOf(":") + 1)])),
  };
}

let latest: Job | undefined;

function begin(action: Action, total: number): Job {
  const state: Job = { action, total, done: 0, failed: 0, finished: false, problem: null };
  latest = state;
  show(state);
  return state;
}

/** Of jobs that go on at once the last one that was begun has the bar. */
function show(state: Job): void {
  if (state === latest) job.value = { ...state };
}

function end(state: Job): void {
  state.finished = true;
  show(state);
  refreshAll();
}
