import { useRef } from "preact/hooks";
import { href, taskHref, tasksHref } from "../address.ts";
import type { Graph, Registry, Task } from "../api/answers.ts";
import { ask } from "../api/ask.ts";
import { now } from "../clock.ts";
import { bytes, duration, number, priority } from "../format.ts";
import { parseExact } from "../json.ts";
import { useLive } from "../live.ts";
import { Copy } from "../parts/copy.tsx";
import { Json } from "../parts/json.tsx";
import { Status } from "../parts/status.tsx";
import { Trouble } from "../parts/trouble.tsx";
import { When } from "../parts/when.tsx";
import { written } from "../search.ts";
import { isEnded } from "../task-status.ts";
import { Actions } from "./task/actions.tsx";
import { Attempts } from "./task/attempts.tsx";
import { GraphPanel } from "./task/graph.tsx";
import { Relations } from "./task/relations.tsx";
import { Timeline } from "./task/timeline.tsx";
import { WhyPanel } from "./task/why.tsx";

const ACTIVE_MS = 1_000;
const ENDED_MS = 6_000;

/** One task: all that is known of it, and what can be done. */
export function TaskView({ id }: { id: string }) {
  const ended = useRef(false);
  const live = useLive(`task ${id}`, (signal) => ask<Task>(`v1/tasks/${encodeURIComponent(id)}`, { signal }, parseExact), {
    everyMs: ended.current ? ENDED_MS : ACTIVE_MS,
    concerns: ({ task }) => task === undefined || task === id,
  });
  const registry = useLive("registry", (signal) => ask<Registry>("v1/registry", { signal }), { everyMs: 300_000, concerns: () => false });
  const graph = useLive(`graph ${id}`, (signal) => ask<Graph>(`v1/tasks/${encodeURIComponent(id)}/graph`, { signal }), { everyMs: 2_000 });
  const task = live.value;
  ended.current = task !== undefined && isEnded(task.status);
  if (!task)
    return (
      <>
        <h1 class="mono">{id}</h1>
        <Trouble error={live.error} />
        {live.error ? <a href={href(["tasks"])}>All tasks</a> : <div class="waiting" />}
      </>
    );
  const type = registry.value?.domains.find(({ name }) => name === task.domain)?.types.find(({ name }) => name === task.type);
  const hasRelations = task.dependsOn.length > 0 || task.children.total > 0 || task.parent !== null;
  return (
    <>
      <Head task={task} />
      <Trouble error={live.error} />
      {task.progress && task.status === "running" ? <Progress task={task} /> : null}
      <WhyPanel task={task} />
      {task.error ? <Failure task={task} /> : null}
      <div class="columns">
        <section class="card" aria-label="Timeline">
          <header class="row">
            <h2>Timeline</h2>
            <span class="dim">
              attempt {number(task.attempt)} of {number(task.maxAttempts)}
            </span>
          </header>
          <Timeline task={task} />
        </section>
        <Facts task={task} />
      </div>
      {task.errors.length > 0 ? <Attempts task={task} /> : null}
      <div class="columns">
        <Data title="Payload" size={task.sizes.payload} value={task.payload} covered={type?.redact ?? []} />
        {task.status === "completed" ? <Data title="Result" size={task.sizes.result} value={task.result} covered={[]} /> : null}
      </div>
      {hasRelations ? <Relations task={task} graph={graph.value} /> : null}
      {graph.value ? <GraphPanel id={id} graph={graph.value} /> : null}
    </>
  );
}

function Head({ task }: { task: Task }) {
  const { id, domain, type, label, status } = task;
  return (
    <div class="head">
      <div class="grow">
        <div class="row">
          <h1>{label ?? `${domain}.${type}`}</h1>
          <Status of={status} />
        </div>
        <div class="row dim">
          <span class="mono">{id}</span>
          <Copy text={id} label="Copy the id" />
          <a href={tasksHref(`domain:${domain} type:${type}`)}>
            {domain}.{type}
          </a>
          {task.parent === null ? null : (
            <span>
              child of <a href={taskHref(task.parent)}>{task.parent}</a>
            </span>
          )}
        </div>
      </div>
      <Actions task={task} />
    </div>
  );
}

function Progress({ task: { progress } }: { task: Task }) {
  if (!progress) return null;
  const percent = Math.floor(progress.fraction * 100);
  const probable = Math.floor((progress.extrapolated ?? progress.fraction) * 100);
  return (
    <section class="card body" aria-label="Progress">
      <div class="row">
        <strong>{percent} %</strong>
        {probable > percent ? <span class="dim">by now probably {probable} %</span> : null}
        <span class="grow">{progress.message}</span>
        {progress.bytes ? (
          <span class="dim">
            {bytes(progress.bytes.done)} of {bytes(progress.bytes.total)}
          </span>
        ) : null}
        {progress.etaMs ? <span class="dim">{duration(progress.etaMs)} left</span> : null}
      </div>
      <span class="bar is-wide" role="progressbar" aria-label="Progress" aria-valuenow={percent} aria-valuemin={0} aria-valuemax={100}>
        <span class="fill" style={{ width: `${percent}%` }} />
        <span class="fill is-probable" style={{ width: `${Math.max(0, probable - percent)}%` }} />
      </span>
    </section>
  );
}

function Failure({ task: { error } }: { task: Task }) {
  if (!error) return null;
  return (
    <section class="card is-bad" aria-label="Error">
      <div class="body">
        <div>
          <strong class="bad">{error.name}</strong> {error.code ? <code class="dim">{error.code}</code> : null}
        </div>
        <pre>{error.message}</pre>
        {error.stack ? (
          <details>
            <summary>stack</summary>
            <pre class="stack">{error.stack}</pre>
          </details>
        ) : null}
      </div>
    </section>
  );
}

function Facts({ task }: { task: Task }) {
  // `_domain` is what stands above it anyway.
  const tags = Object.entries(task.tags).filter(([key]) => key !== "_domain");
  const fact = (name: string, value: preact.ComponentChildren) => (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
  const search = (token: "group" | "key" | "schedule", value: string) => <a href={tasksHref(written(token, value))}>{value}</a>;
  return (
    <section class="card" aria-label="Facts">
      <header class="row">
        <h2>Facts</h2>
      </header>
      <div class="body">
        <dl class="facts">
          {fact("waited", duration(task.startedAt === null ? now.value - Date.parse(task.createdAt) : task.waitMs))}
          {task.durationMs === null ? null : fact("took", duration(task.durationMs))}
          {fact(
            "priority",
            task.effectivePriority === task.priority
              ? priority(task.priority)
              : `${priority(task.effectivePriority)}, submitted as ${priority(task.priority)}`,
          )}
          {fact(
            "starts",
            task.executions === task.attempt
              ? number(task.executions)
              : `${number(task.executions)}, ${number(task.attempt)} of them charged`,
          )}
          {task.group === null ? null : fact("group", search("group", task.group))}
          {task.key === null ? null : fact("key", search("key", task.key))}
          {task.schedule === null ? null : fact("schedule", search("schedule", task.schedule))}
          {task.deadline === null ? null : fact("deadline", <When at={task.deadline} both />)}
          {task.expiresAt === null || isEnded(task.status) ? null : fact("expires", <When at={task.expiresAt} both />)}
          {task.pausedBy.length === 0 ? null : fact("paused by", task.pausedBy.join(", "))}
        </dl>
        {tags.length === 0 ? null : (
          <ul class="chips" aria-label="Tags">
            {tags.map(([key, value]) => (
              <li key={key}>
                <a class="chip" href={tasksHref(written("tag", `${key}=${value}`))}>
                  {key}=<strong>{value}</strong>
                </a>
              </li>
            ))}
          </ul>
        )}
      </div>
    </section>
  );
}

function Data({ title, size, value, covered }: { title: string; size: number; value: unknown; covered: readonly string[] }) {
  return (
    <section class="card" aria-label={title}>
      <header class="row">
        <h2>{title}</h2>
        <span class="dim">{bytes(size)}</span>
      </header>
      <div class="body">
        <Json value={value} covered={covered} />
      </div>
    </section>
  );
}
