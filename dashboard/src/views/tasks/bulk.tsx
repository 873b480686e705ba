import type { Signal } from "@preact/signals";
import { number } from "../../format.ts";
import { type Action, actOn, allOf, countOf, countMatching, domainsOf, tasksOf, type Wanted } from "../../job.ts";
import { useLive } from "../../live.ts";
import { Act } from "../../parts/act.tsx";
import { confirm } from "../../parts/dialog.tsx";
import { JobBar, PAST } from "../../parts/job-bar.tsx";
import type { Listing } from "../../search.ts";
import { say } from "../../parts/toast.tsx";
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
    const wanted = all.value ? allOf(await domainsOf(listing.domain), listing.filters) : tasksOf(action, [...chosen.value]);
    const matched = await askFor(action, wanted, all.value);
    if (matched === 0) return;
    // At once: what is chosen while the job goes on is for the next one.
    clear();
    await actOn(action, wanted, matched);
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
            <Act kind="danger" run={() => act("delete")}>
              Delete
            </Act>
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
  if (all.value) return <>{capital(that)} are chosen</>;
  return (
    <button type="button" class="link" onClick={() => (all.value = true)}>
      choose {that}
    </button>
  );
}

/** Asks whether it is to be done, and answers to how many tasks: 0 for not at all. */
async function askFor(action: Action, wanted: Wanted, all: boolean): Promise<number> {
  const { matched, exact } = await countOf(action, wanted);
  if (matched === 0) {
    say(`None of them can be ${PAST[action]}.`);
    return 0;
  }
  const tasks = `${exact ? "" : "at least "}${number(matched)} ${matched === 1 ? "task" : "tasks"}`;
  const where = wanted.size === 1 ? `in ${[...wanted.keys()][0]}` : `in ${wanted.size} domains`;
  const also = all ? ` It runs as a job ${where} over all that match now, ${tasks}, also those that are not on this page.` : "";
  const verb = `${capital(action)} ${tasks}`;
  const yes = await confirm({ title: `${verb}?`, text: MEANS[action] + also, action: verb, danger: action !== "retry" });
  return yes ? matched : 0;
}

const capital = (word: string): string => word[0]!.toUpperCase() + word.slice(1);
