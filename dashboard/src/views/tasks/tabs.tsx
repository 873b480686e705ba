import type { DomainPage } from "../../api/answers.ts";
import { ask } from "../../api/ask.ts";
import { number, words } from "../../format.ts";
import { useLive } from "../../live.ts";
import { formatSearch, type Search, SHOWN_STATUSES, toggle } from "../../search.ts";

interface Props {
  search: Search;
  domain: string | undefined;
  onSearch: (text: string) => void;
}

/** A switch for each status, with how many tasks the domains count of it. */
export function StatusTabs({ search, domain, onSearch }: Props) {
  const domains = useLive("domains", (signal) => ask<DomainPage>("v1/domains", { signal }));
  const counted = domains.value?.items.filter(({ name }) => domain === undefined || name === domain);
  const counts = counted ?? [];
  const chosen = new Set(search.tokens.filter(({ name }) => name === "status").flatMap(({ value }) => value.split(",")));
  return (
    <div class="tabs" role="group" aria-label="Status">
      {SHOWN_STATUSES.map((status) => {
        const count = counts.reduce((sum, one) => sum + (one.counts[status as keyof typeof one.counts] ?? 0), 0);
        const on = chosen.has(status);
        // Statuses that nothing is in do not take room.
        if (count === 0 && !on) return null;
        return (
          <button
            key={status}
            type="button"
            class={`tab status is-${status}`}
            aria-pressed={on}
            title={`${number(count)} in ${domain ?? "all domains"}, whatever else is searched for`}
            onClick={() => onSearch(formatSearch(toggle(search, "status", status)))}
          >
            {words(status)} <span class="dim">{number(count)}</span>
          </button>
        );
      })}
    </div>
  );
}
