import { href, taskHref, tasksHref } from "../address.ts";
import type { Domain, DomainPage, Groups, Mill, Series, TaskPage } from "../api/answers.ts";
import { ask, withQuery } from "../api/ask.ts";
import { coarse, dollars, number } from "../format.ts";
import { areAnswered, type Live, useLive } from "../live.ts";
import { Act } from "../parts/act.tsx";
import { confirm } from "../parts/dialog.tsx";
import { curl, Empty } from "../parts/empty.tsx";
import { Gauge } from "../parts/gauge.tsx";
import { Spark } from "../parts/spark.tsx";
import { Trouble } from "../parts/trouble.tsx";
import { When } from "../parts/when.tsx";
import { mayAll } from "../session.ts";
import { GroupTable } from "./groups.tsx";

const FAILURES_SHOWN = 5;
/** Older tasks that failed are history. */
const FAILURES_MS = 24 * 3_600_000;
/** Minutes of the last hour. */
const KNOWN_MIN = 5;
const ENDED = ["completed", "failed", "dead_letter"] as const;

/** Everything at a glance: calm when all is well. */
export function Overview() {
  const domains = useLive("domains", (signal) => ask<DomainPage>("v1/domains", { signal }));
  const mill = useLive("mill", (signal) => ask<Mill>("v1/snapshot", { signal }));
  const failing = useLive(
    "failing",
    (signal) => {
      const query = { status: ["failed", "dead_letter"], limit: FAILURES_SHOWN, since: new Date(Date.now() - FAILURES_MS).toISOString() };
      return ask<TaskPage>(withQuery("v1/tasks", query), { signal });
    },
    { everyMs: 4_000 },
  );
  const items = domains.value?.items;
  if (!areAnswered(domains, mill, failing))
    return (
      <>
        <h1 class="hidden">Overview</h1>
        <div class="waiting" />
      </>
    );
  return (
    <>
      <h1 class="hidden">Overview</h1>
      <Trouble error={domains.error ?? mill.error ?? failing.error} />
      <Strip mill={mill.value} domains={items} isBad={(failing.value?.items.length ?? 0) > 0} />
      <Failing failing={failing} />
      <section class="card" aria-labelledby="domains-title">
        <header class="row">
          <h2 id="domains-title">Domains</h2>
        </header>
        {items === undefined ? null : items.length === 0 ? <NoDomains /> : <DomainTable items={items} />}
      </section>
      {mayAll("viewer") ? <GroupsCard slots={mill.value?.maxConcurrency ?? 0} /> : null}
    </>
  );
}

function GroupsCard({ slots }: { slots: number }) {
  const { value } = useLive("groups", (signal) => ask<Groups>("v1/groups", { signal }), { everyMs: 3_000 });
  if (!value || value.items.length === 0) return null;
  return (
    <section class="card" aria-labelledby="groups-title">
      <header class="row">
        <h2 id="groups-title">Groups</h2>
      </header>
      <GroupTable items={value.items} slots={slots} />
    </section>
  );
}

interface StripProps {
  mill: Mill | undefined;
  domains: readonly Domain[] | undefined;
  /** Something has failed of late. */
  isBad: boolean;
}

/** The mill's own figures, and its switch. */
function Strip({ mill, domains, isBad }: StripProps) {
  const sum = (of: (domain: Domain) => number) => domains?.reduce((all, domain) => all + of(domain), 0) ?? 0;
  // What the coordinator has heard of lags by seconds; who sees all domains need not go by it.
  const running = mayAll("viewer") && domains ? sum(({ counts }) => counts.running) : mill?.using;
  return (
    <section class={mill?.paused ? "strip is-paused" : "strip"} aria-label="The mill">
      <Figure name="running">{mill ? <Gauge label="running in the mill" value={running ?? 0} max={mill.maxConcurrency} /> : "–"}</Figure>
      <Figure name="ready" link={tasksHref("status:pending status:paused")}>
        {number(sum(({ counts }) => counts.pending + counts.paused))}
      </Figure>
      <Figure name="later" link={tasksHref("status:scheduled")}>
        {number(sum(({ counts }) => counts.scheduled))}
      </Figure>
      <Figure name="blocked" link={tasksHref("status:blocked status:waiting")}>
        {number(sum(({ counts }) => counts.blocked + counts.waiting))}
      </Figure>
      <Figure name="completed" link={tasksHref("status:completed")}>
        {number(sum(({ totals }) => totals.completed ?? 0))}
      </Figure>
      <Figure name="failed" link={tasksHref("status:failed status:dead_letter")}>
        <span class={isBad ? "bad" : ""}>{number(sum(({ counts }) => counts.failed + counts.dead_letter))}</span>
      </Figure>
      {mill ? <MillSwitch mill={mill} /> : null}
    </section>
  );
}

function Figure({ name, link, children }: { name: string; link?: string; children: preact.ComponentChildren }) {
  const inner = (
    <>
      <span class="figure-value">{children}</span>
      <span class="figure-name">{name}</span>
    </>
  );
  return link === undefined ? (
    <div class="figure">{inner}</div>
  ) : (
    <a class="figure" href={link}>
      {inner}
    </a>
  );
}

function MillSwitch({ mill }: { mill: Mill }) {
  if (!mayAll("operator")) return mill.paused ? <span class="flag is-paused">the mill is paused</span> : null;
  const pause = async () => {
    const text = `Nothing starts in any domain until it is resumed; ${mill.using} running ${mill.using === 1 ? "task is" : "tasks are"} stopped and go back uncharged.`;
    if (!(await confirm({ title: "Pause the whole mill?", text, action: "Pause the mill", danger: true }))) return undefined;
    await ask("v1/pause", { method: "POST" });
    return "The mill is paused.";
  };
  const resume = async () => {
    await ask("v1/resume", { method: "POST" });
    return "The mill runs again.";
  };
  return (
    <div class="strip-switch">
      {mill.paused ? <span class="flag is-paused">paused {mill.pausedAt ? <When at={mill.pausedAt} /> : null}</span> : null}
      {mill.paused ? (
        <Act run={resume} kind="primary">
          Resume the mill
        </Act>
      ) : (
        <Act run={pause}>Pause the mill</Act>
      )}
    </div>
  );
}

/** What failed last; not there at all on a good day. */
function Failing({ failing }: { failing: Live<TaskPage> }) {
  const items = failing.value?.items ?? [];
  if (items.length === 0) return null;
  return (
    <section class="card is-bad" aria-labelledby="failing-title">
      <header class="row">
        <h2 id="failing-title">Failing now</h2>
        <a href={href(["failures"])}>All failures, grouped</a>
      </header>
      <ul class="list">
        {items.map((task) => (
          <li key={task.id} class="row">
            <a class="grow cut" href={taskHref(task.id)}>
              <strong>{task.label ?? `${task.domain}.${task.type}`}</strong> <span class="dim">{task.error?.message}</span>
            </a>
            <span class="dim narrow-hidden">{task.finishedAt ? <When at={task.finishedAt} /> : null}</span>
            <Act
              label={`Retry ${task.id}`}
              run={async () => {
                await ask(`v1/tasks/${task.id}/retry`, { method: "POST" });
                return `${task.id} runs again.`;
              }}
            >
              Retry
            </Act>
          </li>
        ))}
      </ul>
    </section>
  );
}

function DomainTable({ items }: { items: readonly Domain[] }) {
  return (
    <div class="scroll" role="group" aria-label="Figures by domain" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th>domain</th>
            <th>running</th>
            <th class="num">ready</th>
            <th class="num">oldest</th>
            <th class="num narrow-hidden">later</th>
            <th class="num narrow-hidden">blocked</th>
            <th class="num narrow-hidden">done</th>
            <th class="num">failed</th>
            <th>ended, last hour</th>
            <th class="num">$ per million</th>
            <th class="num">$ per day</th>
          </tr>
        </thead>
        <tbody>
          {items.map((domain) => (
            <DomainRow key={domain.name} domain={domain} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function DomainRow({ domain }: { domain: Domain }) {
  const { name, counts, totals } = domain;
  const failed = counts.failed + counts.dead_letter;
  const price = domain.cost.dollarsPerMillion;
  const { ended, perDay } = useHour(name);
  const count = (search: string, value: number, kind = "narrow-hidden") => (
    <td class={kind === "narrow-hidden" ? "num narrow-hidden" : "num"}>
      {value === 0 ? (
        <span class="dim">0</span>
      ) : (
        <a class={kind} href={tasksHref(`domain:${name} ${search}`)}>
          {number(value)}
        </a>
      )}
    </td>
  );
  return (
    <tr>
      <th scope="row" class="name">
        <a href={href(["domains", name])} title={name}>
          {name}
        </a>
        {domain.paused ? <span class="flag is-paused">paused</span> : null}
      </th>
      <td>
        <Gauge label={`running in ${name}`} value={counts.running} max={domain.maxConcurrency} />
      </td>
      {count("status:pending status:paused", counts.pending + counts.paused, "")}
      <td class="num dim">{domain.oldestPendingMs === null ? "–" : coarse(domain.oldestPendingMs)}</td>
      {count("status:scheduled", counts.scheduled)}
      {count("status:blocked status:waiting", counts.blocked + counts.waiting)}
      <td class="num narrow-hidden">{number(totals.completed ?? 0)}</td>
      {count("status:failed status:dead_letter", failed, "bad")}
      <td>
        <Spark values={ended} label={`tasks of ${name} that ended in each minute of the last hour`} />
      </td>
      <td class="num dim">{price === null ? "–" : dollars(price)}</td>
      <td class="num dim" title="With as many tasks a day as the last hour brought">
        {price === null || perDay === null ? "–" : dollars((price / 1e6) * perDay)}
      </td>
    </tr>
  );
}

/**
 * How many of a domain's tasks ended in each minute of the last hour, and how many would come in a day at the hour's rate: null
 * while so little of the hour is known (the mill has it in memory alone) that it says nothing.
 */
function useHour(name: string): { ended: number[]; perDay: number | null } {
  const path = withQuery(`v1/domains/${name}/series`, { metric: [...ENDED, "submitted"] });
  const { value } = useLive(`hour ${name}`, (signal) => ask<Series>(path, { signal }), { everyMs: 10_000, concerns: () => false });
  const lines = ENDED.map((metric) => value?.metrics[metric] ?? []);
  const ended = Array.from({ length: lines[0]?.length ?? 0 }, (_, at) => lines.reduce((sum, line) => sum + (line[at] ?? 0), 0));
  const known = (value?.metrics.submitted ?? []).filter((count) => count !== null);
  const submitted = known.reduce((sum, count) => sum + count, 0);
  return { ended, perDay: known.length < KNOWN_MIN ? null : submitted * 24 };
}

function NoDomains() {
  return (
    <Empty title="No domain that you may see" command={curl("v1/registry")}>
      <p>
        A domain is a queue of its own. Define one with <code>defineDomain</code> and give it to <code>createMill</code>; or this token is
        for domains that the mill does not have.
      </p>
    </Empty>
  );
}
