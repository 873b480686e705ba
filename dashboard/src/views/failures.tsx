import { taskHref, tasksHref } from "../address.ts";
import type { DomainPage, Failures as FailureList } from "../api/answers.ts";
import { ask } from "../api/ask.ts";
import { number } from "../format.ts";
import { actOn, allOf, countOf } from "../job.ts";
import { useLive } from "../live.ts";
import { Act } from "../parts/act.tsx";
import { confirm } from "../parts/dialog.tsx";
import { curl, Empty } from "../parts/empty.tsx";
import { JobBar } from "../parts/job-bar.tsx";
import { Trouble } from "../parts/trouble.tsx";
import { When } from "../parts/when.tsx";

type Group = FailureList["items"][number] & { domain: string };

/** What failed and was given up, by what the errors have in common. */
export function Failures() {
  const live = useLive("failures", load, { everyMs: 4_000 });
  const groups = live.value?.groups;
  return (
    <>
      <h1 class="hidden">Failures</h1>
      <Trouble error={live.error} />
      <section class="card" aria-labelledby="failures-title">
        <header class="row">
          <h2 id="failures-title">Failed and dead-lettered, by error</h2>
          {live.value && !live.value.exact ? <span class="dim">the newest 20,000 of each domain</span> : null}
        </header>
        <JobBar />
        {groups === undefined ? <div class="waiting" /> : null}
        {groups?.length === 0 ? (
          <Empty title="Nothing has failed" command={curl("v1/tasks?status=failed&status=dead_letter")}>
            <p>Tasks that used up their attempts, or failed for good, are grouped here by their errors.</p>
          </Empty>
        ) : null}
        <ul class="list">
          {groups?.map((group) => (
            <Item key={`${group.domain} ${group.pattern}`} group={group} />
          ))}
        </ul>
      </section>
    </>
  );
}

async function load(signal: AbortSignal): Promise<{ groups: Group[]; exact: boolean }> {
  const { items: domains } = await ask<DomainPage>("v1/domains", { signal });
  const lists = await Promise.all(
    domains.map(async ({ name, counts }) => {
      if (counts.failed + counts.dead_letter === 0) return { groups: [], exact: true };
      const { items, exact } = await ask<FailureList>(`v1/domains/${name}/failures`, { signal });
      return { groups: items.map((group) => ({ ...group, domain: name })), exact };
    }),
  );
  const groups = lists.flatMap((list) => list.groups).sort((one, other) => other.count - one.count || (one.last < other.last ? 1 : -1));
  return { groups, exact: lists.every(({ exact }) => exact) };
}

function Item({ group }: { group: Group }) {
  const { domain, pattern, count, first, last, example, message } = group;
  const verb = count === 1 ? "Retry it" : `Retry all ${number(count)}`;
  const retry = async () => {
    const wanted = allOf([domain], { pattern });
    const { matched, exact } = await countOf("retry", wanted);
    const tasks = `${exact ? "" : "at least "}${number(matched)} ${matched === 1 ? "task" : "tasks"}`;
    const text = `They run again under their ids, from the first attempt: what failed with "${pattern}" in ${domain}.`;
    if (!(await confirm({ title: `Retry ${tasks}?`, text, action: `Retry ${tasks}` }))) return undefined;
    await actOn("retry", wanted, matched);
    return undefined;
  };
  return (
    <li class="failure">
      <a class="failure-count" href={tasksHref(`domain:${domain} status:failed status:dead_letter error:"${longest(message, pattern)}"`)}>
        {number(count)}
      </a>
      <div class="grow">
        <div class="failure-pattern">{pattern}</div>
        <div class="dim">
          {domain} · first <When at={first} /> · last <When at={last} /> · for example <a href={taskHref(example)}>{example}</a>
        </div>
      </div>
      <Act run={retry} label={`${verb}: ${pattern}`}>
        {verb}
      </Act>
    </li>
  );
}

/** The longest piece of the message that all of the group have: what a list can be filtered by. */
function longest(message: string, pattern: string): string {
  const pieces = pattern.split(/\{\w+\}/).map((piece) => piece.trim());
  const shared = pieces.filter((piece) => piece !== "" && message.includes(piece) && !piece.includes('"'));
  return shared.sort((one, other) => other.length - one.length)[0]?.slice(0, 200) ?? message.slice(0, 60);
}
