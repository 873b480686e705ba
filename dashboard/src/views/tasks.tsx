import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { PRIORITY } from "../../../src/policy/priority.ts";
import { address, go, href } from "../address.ts";
import type { Registry, TagKeys, TagValues } from "../api/answers.ts";
import { ask } from "../api/ask.ts";
import { useLive } from "../live.ts";
import { curl, Empty } from "../parts/empty.tsx";
import { Trouble } from "../parts/trouble.tsx";
import { type Known, listingOf, parseSearch, SHOWN_STATUSES } from "../search.ts";
import { Bulk } from "./tasks/bulk.tsx";
import { useRows } from "./tasks/rows.ts";
import { Rows } from "./tasks/table.tsx";
import { SearchBox } from "./tasks/search-box.tsx";
import { StatusTabs } from "./tasks/tabs.tsx";

/** Of more domains the tags are not asked for. */
const DOMAINS_ASKED = 10;
const NONE: readonly string[] = [];

/** The list of tasks: searched, live, acted upon. */
export function Tasks() {
  const text = address.value.query.get("q") ?? "";
  const search = useMemo(() => parseSearch(text), [text]);
  const listing = useMemo(() => listingOf(search), [search]);
  const registry = useLive("registry", (signal) => ask<Registry>("v1/registry", { signal }), { everyMs: 300_000, concerns: () => false });
  const names = useMemo(() => knownOf(registry.value), [registry.value]);
  const tags = useTags(listing.domain === undefined ? (names.domain ?? []) : [listing.domain], text);
  const known = useMemo(() => ({ ...names, tag: tags }), [names, tags]);
  const rows = useRows(text, listing);
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  const all = useSignal(false);
  useEffect(() => {
    chosen.value = new Set();
    all.value = false;
  }, [text]);
  // What is typed is one step for the back button, not one for each letter.
  const find = (next: string) => go(href(["tasks"], { q: next }), true);
  return (
    <>
      <h1 class="hidden">Tasks</h1>
      <SearchBox text={text} known={known} onSearch={find} />
      <StatusTabs search={search} domain={listing.domain} onSearch={(next) => go(href(["tasks"], { q: next }))} />
      <Trouble error={rows.error} />
      <section class="card tasks" aria-label="Tasks found">
        <Bulk rows={rows} listing={listing} chosen={chosen} all={all} />
        {rows.items === undefined ? (
          rows.error ? null : (
            <div class="waiting" />
          )
        ) : rows.items.length === 0 ? (
          <NoTasks search={text} known={known} />
        ) : (
          <Rows rows={rows} chosen={chosen} all={all} />
        )}
      </section>
    </>
  );
}

function knownOf(registry: Registry | undefined): Known {
  const domains = registry?.domains ?? [];
  return {
    domain: domains.map(({ name }) => name),
    type: [...new Set(domains.flatMap(({ types }) => types.map(({ name }) => name)))],
    status: SHOWN_STATUSES,
    priority: Object.keys(PRIORITY),
  };
}

/** Keys of tags, and the values of the key that is being typed. */
function useTags(domains: readonly string[], text: string): readonly string[] {
  const key = /\btag:([^\s=]+)=\S*$/.exec(text)?.[1];
  const { value } = useLive(
    `tags ${domains.join()} ${key}`,
    async (signal) => {
      const lists = domains.slice(0, DOMAINS_ASKED).map(async (domain) => {
        if (key === undefined) return (await ask<TagKeys>(`v1/domains/${domain}/tags`, { signal })).keys.map((one) => `${one.key}=`);
        const { values } = await ask<TagValues>(`v1/domains/${domain}/tags/${encodeURIComponent(key)}`, { signal });
        return values.map((one) => `${key}=${one.value}`);
      });
      return [...new Set((await Promise.all(lists)).flat())];
    },
    { everyMs: 60_000, concerns: () => false },
  );
  return value ?? NONE;
}

function NoTasks({ search, known }: { search: string; known: Known }) {
  if (search !== "")
    return (
      <Empty title="No task is like that">
        <p>
          Nothing the mill still keeps matches <code>{search}</code>. <a href={href(["tasks"])}>Show all tasks</a>
        </p>
      </Empty>
    );
  const domain = known.domain?.[0] ?? "media";
  const type = known.type?.[0] ?? "resize";
  return (
    <Empty title="No task yet" command={curl(`v1/domains/${domain}/tasks`, "POST", { type, payload: {} })}>
      <p>
        Submit the first one <a href={href(["submit"])}>with a form</a>, from TypeScript, or from a terminal:
      </p>
    </Empty>
  );
}
