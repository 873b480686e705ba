import { taskHref, tasksHref } from "../../address.ts";
import type { Shown, Task, TaskPage } from "../../api/answers.ts";
import { ask, withQuery } from "../../api/ask.ts";
import { number } from "../../format.ts";
import { useLive } from "../../live.ts";
import { Status } from "../../parts/status.tsx";

const CHILDREN_SHOWN = 20;

/** What it depends on, and its children. */
export function Relations({ task }: { task: Task }) {
  return (
    <div class="columns">
      {task.dependsOn.length > 0 ? (
        <section class="card" aria-label="Dependencies">
          <header class="row">
            <h2>Depends on</h2>
            <span class="dim">{number(task.dependsOn.length)}</span>
          </header>
          <ul class="list">
            {task.dependsOn.map(({ id, status }) => (
              <Item key={id} id={id} status={status} label={id} />
            ))}
          </ul>
        </section>
      ) : null}
      {task.children.total > 0 ? <Children task={task} /> : null}
    </div>
  );
}

function Children({ task: { id, children } }: { task: Task }) {
  const page = useLive(
    `children ${id}`,
    (signal) => ask<TaskPage>(withQuery("v1/tasks", { parent: id, limit: CHILDREN_SHOWN }), { signal }),
    { everyMs: 2_000 },
  );
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
