import type { Signal } from "@preact/signals";
import { number } from "../../format.ts";
import { type Action, actOnAll, actOnEach, countAll, countMatching, domainsOf } from "../../job.ts";
import { useLive } from "../../live.ts";
import { Act } from "../../parts/act.tsx";
import { confirm } from "../../parts/dialog.tsx";
import { JobBar } from "../../parts/job-bar.tsx";
import type { Listing } from "../../search.ts";
import { may } from "../../session.ts";
import type { TaskRows } from "./rows.ts";

interface Props {
  rows: TaskRows;
  listing: Listing;
  chosen: Signal<ReadonlySet<string>>;
  /** All that match are chosen, also those that are not loaded. */
  all: Signal<boolean>;
}

const MEANS: Record<Action, string> = {
  cancel: "What waits ends at once, what runs is told to stop; children are cancelled, too.",
  retry: "Tasks that have ended run again under their ids, from the first attempt.",
  delete: "Ended tasks are deleted with their payloads and results. This cannot be undone.",
};

/** What can be done to the chosen tasks, and how far it has come. */
export function Bulk({ rows, listing, chosen, all }: Props) {
  if (!may("operator")) return null;
  const count = chosen.value.size;
  const loaded = rows.items?.length ?? 0;
  const clear = () => {
    chosen.value = new Set();
    all.value = false;
  };
  const chooseLoaded = () => {
    chosen.value = count === loaded ? new Set() : new Set(rows.items?.map(({ id }) => id));
    all.value = false;
  };
  const act = async (action: Action): Promise<undefined> => {
    if (await (all.value || action === "delete" ? toAll(action, listing) : toChosen(action, [...chosen.value]))) clear();
  };
  const some = all.value || count > 0;
  return (
    <>
      <div class="bulk row" role="toolbar" aria-label="Chosen tasks">
        <input
          type="checkbox"
          aria-label="Choose all loaded tasks"
          checked={some && (all.value || count === loaded)}
          disabled={loaded === 0}
          onClick={chooseLoaded}
        />
        <span class="grow" aria-live="polite">
          {some ? (
            <>
              {all.value ? null : `${number(count)} chosen `}
              {listing.id === undefined ? <Matching listing={listing} all={all} /> : null}
            </>
          ) : (
            <span class="dim">
              {number(loaded)}
              {rows.more ? "+" : ""} {loaded === 1 ? "task" : "tasks"}
            </span>
          )}
        </span>
        {some ? (
          <>
            <Act run={() => act("retry")}>Retry</Act>
            <Act run={() => act("cancel")}>Cancel</Act>
            {all.value ? (
              <Act kind="danger" run={() => act("delete")}>
                Delete
              </Act>
            ) : null}
            <button type="button" class="plain" aria-label="Choose none" onClick={clear}>
              ×
            </button>
          </>
        ) : null}
      </div>
      <JobBar />
    </>
  );
}

/** How many match, and the button that chooses them all; asked for once somebody chooses. */
function Matching({ listing, all }: { listing: Listing; all: Signal<boolean> }) {
  const key = `matching ${JSON.stringify(listing)}`;
  const { value } = useLive(key, (signal) => countMatching(listing, signal), { everyMs: 10_000, concerns: () => false });
  const that = `all ${value === undefined ? "" : `${number(value)} `}that match`;
  if (all.value) return <>{that} are chosen</>;
  return (
    <button type="button" class="link" onClick={() => (all.value = true)}>
      choose {that}
    </button>
  );
}

async function toChosen(action: Action, ids: readonly string[]): Promise<boolean> {
  if (action === "delete") return false;
  const tasks = ids.length === 1 ? "1 task" : `${number(ids.length)} tasks`;
  const question = {
    title: `${capital(action)} ${tasks}?`,
    text: MEANS[action],
    action: `${capital(action)} ${tasks}`,
    danger: action === "cancel",
  };
  if (!(await confirm(question))) return false;
  await actOnEach(action, ids);
  return true;
}

async function toAll(action: Action, { domain, filters }: Listing): Promise<boolean> {
  const domains = await domainsOf(domain);
  const { matched, exact } = await countAll(action, domains, filters);
  const tasks = `${exact ? "" : "at least "}${number(matched)} ${matched === 1 ? "task" : "tasks"}`;
  const where = domains.length === 1 ? `in ${domains[0]}` : `in ${domains.length} domains`;
  const text = `${MEANS[action]} It runs as a job ${where} over all that match now, ${tasks}, also those that are not on this page.`;
  if (!(await confirm({ title: `${capital(action)} ${tasks}?`, text, action: `${capital(action)} ${tasks}`, danger: action !== "retry" })))
    return false;
  await actOnAll(action, domains, filters, matched);
  return true;
}

const capital = (word: string): string => word[0]!.toUpperCase() + word.slice(1);
