import { href, taskHref, tasksHref } from "../address.ts";
import type { DomainPage, Schedule, SchedulePage, TaskPage } from "../api/answers.ts";
import { ask, withQuery } from "../api/ask.ts";
import { duration, moment, number, words } from "../format.ts";
import { useLive } from "../live.ts";
import { Act } from "../parts/act.tsx";
import { confirm } from "../parts/dialog.tsx";
import { curl, Empty } from "../parts/empty.tsx";
import { Trouble } from "../parts/trouble.tsx";
import { When } from "../parts/when.tsx";
import { inWords } from "./schedules/rule.ts";

const STRIP = 12;
const PAGE = 200;
/** The reader's own zone. */
const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** What the clock submits. */
export function Schedules() {
  const live = useLive("schedules", load, { everyMs: 4_000 });
  const items = live.value?.items;
  return (
    <>
      <h1 class="hidden">Schedules</h1>
      <Trouble error={live.error} />
      {items === undefined ? <div class="waiting" /> : null}
      {items?.length === 0 ? <NoSchedules /> : null}
      <div class="columns">
        {items?.map((schedule) => (
          <Card key={schedule.id} schedule={schedule} />
        ))}
      </div>
      {live.value && !live.value.isAll ? <p class="dim">These are the newest {number(PAGE)} of each domain.</p> : null}
    </>
  );
}

async function load(signal: AbortSignal): Promise<{ items: Schedule[]; isAll: boolean }> {
  const { items: domains } = await ask<DomainPage>("v1/domains", { signal });
  const pages = await Promise.all(
    domains.map(({ name }) => ask<SchedulePage>(withQuery(`v1/domains/${name}/schedules`, { limit: PAGE }), { signal })),
  );
  return { items: pages.flatMap(({ items }) => items), isAll: pages.every(({ next }) => next === null) };
}

function NoSchedules() {
  const body = { name: "nightly", type: "resize", payload: {}, cron: "30 2 * * *", timezone: "Europe/Berlin" };
  return (
    <section class="card">
      <Empty title="No schedule yet" command={curl("v1/domains/media/schedules", "POST", body)}>
        <p>
          Declare one in the code with <code>.schedule(name, …)</code>, or make one over HTTP:
        </p>
      </Empty>
    </section>
  );
}

function Card({ schedule }: { schedule: Schedule }) {
  const { id, domain, name, type, timezone, cron, every, paused, pausedReason, nextRuns, runs, maxRuns, skipped, overlap } = schedule;
  const rule = inWords(cron, every);
  return (
    <section class="card" aria-label={`Schedule ${name ?? id}`}>
      <header class="row">
        <h2>
          {name ?? id}{" "}
          {paused ? <span class="flag is-paused">{pausedReason === "undeclared" ? "paused: gone from the code" : "paused"}</span> : null}
        </h2>
        <span class="dim">
          <a href={href(["domains", domain])}>{domain}</a>.{type}
        </span>
      </header>
      <div class="body">
        <div class="rule">
          <strong>{rule}</strong>{" "}
          <span class="dim">
            {cron === undefined ? null : <code>{cron}</code>} {cron === undefined ? null : timezone}
          </span>
        </div>
        <Strip id={id} />
        <dl class="facts">
          <div>
            <dt>next</dt>
            <dd>{paused ? <span class="dim">not while it is paused</span> : nextRuns[0] ? <When at={nextRuns[0]} /> : "never again"}</dd>
          </div>
          <div>
            <dt>fired</dt>
            <dd>
              <a href={tasksHref(`schedule:${id}`)}>
                {number(runs)}
                {maxRuns === null ? "" : ` of ${number(maxRuns)}`}
              </a>
              {skipped > 0 ? <span class="dim">, {number(skipped)} skipped</span> : null}
            </dd>
          </div>
          <div>
            <dt>while one still runs</dt>
            <dd>{words(overlap.replace("cancelOther", "cancel the other"))}</dd>
          </div>
        </dl>
        {nextRuns.length > 0 && !paused ? (
          <details>
            <summary>the next {number(nextRuns.length)}</summary>
            <ul>
              {nextRuns.map((at) => (
                <li key={at}>
                  {inZone(at, timezone)}
                  <span class="dim">{timezone === HERE ? "" : ` · here ${moment(Date.parse(at))}`}</span>
                </li>
              ))}
            </ul>
          </details>
        ) : null}
        <Buttons schedule={schedule} />
      </div>
    </section>
  );
}

function inZone(at: string, timeZone: string): string {
  return new Intl.DateTimeFormat(undefined, { timeZone, dateStyle: "medium", timeStyle: "long" }).format(Date.parse(at));
}

/** The last firings, oldest first: a box each, coloured by what became of it. */
function Strip({ id }: { id: string }) {
  const { value } = useLive(`strip ${id}`, (signal) => ask<TaskPage>(withQuery("v1/tasks", { schedule: id, limit: STRIP }), { signal }), {
    everyMs: 5_000,
  });
  const tasks = value?.items.toReversed() ?? [];
  return (
    <div class="strip-line" role="group" aria-label="Recent firings">
      {tasks.map(({ id: task, status, createdAt, durationMs }) => (
        <a
          key={task}
          class={`firing is-${status}`}
          href={taskHref(task)}
          aria-label={`${task}: ${words(status)}`}
          title={`${words(status)}, ${moment(Date.parse(createdAt))}${durationMs === null ? "" : `, ${duration(durationMs)}`}`}
        />
      ))}
      {value && tasks.length === 0 ? <span class="dim">has not fired yet</span> : null}
    </div>
  );
}

function Buttons({ schedule: { id, name, paused } }: { schedule: Schedule }) {
  const post = (verb: string) => ask<Schedule>(`v1/schedules/${id}/${verb}`, { method: "POST" });
  const remove = async () => {
    const text =
      "It fires no more. The tasks that it has submitted stay. One that is declared in the code comes back with the next deploy.";
    if (!(await confirm({ title: `Delete ${name ?? id}?`, text, action: "Delete the schedule", danger: true }))) return undefined;
    await ask(`v1/schedules/${id}`, { method: "DELETE" });
    return `The schedule ${name ?? id} is deleted.`;
  };
  return (
    <div class="row">
      <Act
        run={async () => {
          const { lastTask } = await post("trigger");
          return `Fired: ${lastTask ?? "a task is submitted"}.`;
        }}
      >
        Trigger now
      </Act>
      <Act
        run={async () => {
          await post(paused ? "resume" : "pause");
          return `The schedule ${name ?? id} ${paused ? "goes on" : "is paused"}.`;
        }}
      >
        {paused ? "Resume" : "Pause"}
      </Act>
      <Act kind="danger" run={remove}>
        Delete
      </Act>
    </div>
  );
}
