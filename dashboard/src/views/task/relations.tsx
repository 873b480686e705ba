import { taskHref, tasksHref } from "../../address.ts";
import type { Graph, Shown, Task, TaskPage } from "../../api/answers.ts";
import { ask, withQuery } from "../../api/ask.ts";
import { number } from "../../format.ts";
import { useLive } from "../../live.ts";
import { Status } from "../../parts/status.tsx";

/** Of dependencies, of which there can be thousands, and of children. */
const SHOWN = 20;

interface Props {
  task: Task;
  /** Knows of tasks in other domains how they stand now, and what they are called. */
  graph: Graph | undefined;
}

/** What it depends on, and its children. */
export function Relations({ task, graph }: Props) {
  const known = new Map(graph?.nodes.map((node) => [node.id, node]));
  return (
    <div class="columns">
      {task.dependsOn.length > 0 ? (
        <section class="card" aria-label="Dependencies">
          <header class="row">
            <h2>Depends on</h2>
            <span class="dim">{number(task.dependsOn.length)}</span>
          </header>
          <ul class="list">
            {task.dependsOn.slice(0, SHOWN).map(({ id, status }) => (
              <Item key={id} id={id} status={known.get(id)?.status ?? status} label={known.get(id)?.label ?? id} />
            ))}
            {task.dependsOn.length > SHOWN ? <li class="dim">and {number(task.dependsOn.length - SHOWN)} more</li> : null}
          </ul>
        </section>
      ) : null}
      {task.children.total > 0 ? <Children task={task} /> : null}
    </div>
  );
}

function Children({ task: { id, children } }: { task: Task }) {
  const page = useLive(`children ${id}`, (signal) => ask<TaskPage>(withQuery("v1/tasks", { parent: id, limit: SHOWN }), { signal }), {
    everyMs: 2_000,
  });
  return (
    <section class="card" aria-label="Children">
      <header class="row">
        <h2>Children</h2>
        <a href={tasksHref(`parent:${id}`)}>
          {number(children.total)}, {number(children.active)} active, {number(children.failed)} failed
        </a>
      </header>
      <ul class="list">
        {page.value?.items.map((child) => (
          <Item key={child.id} id={child.id} status={child.status} label={child.label ?? child.id} />
        ))}
        {children.total > SHOWN ? (
          <li>
            <a href={tasksHref(`parent:${id}`)}>all {number(children.total)}</a>
          </li>
        ) : null}
      </ul>
    </section>
  );
}

function Item({ id, status, label }: { id: string; status: Shown | "purged"; label: string }) {
  return (
    <li class="row">
      <a class="grow cut" href={taskHref(id)}>
        {label}
      </a>
      <Status of={status} />
    </li>
  );
}
