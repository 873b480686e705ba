import type { Task, Why } from "../../api/answers.ts";
import { ask } from "../../api/ask.ts";
import { words } from "../../format.ts";
import { useLive } from "../../live.ts";
import { Linked } from "../../parts/linked.tsx";
import { When } from "../../parts/when.tsx";
import { isHeld } from "../../task-status.ts";

/** Why it does not run, for a task that could. */
export function WhyPanel({ task }: { task: Task }) {
  return isHeld(task.status) ? <Held id={task.id} /> : null;
}

function Held({ id }: { id: string }) {
  const { value } = useLive(`why ${id}`, (signal) => ask<Why>(`v1/tasks/${id}/why`, { signal }), { everyMs: 1_500 });
  return (
    <section class="card" aria-labelledby="why-title">
      <header class="row">
        <h2 id="why-title">Why it does not run</h2>
      </header>
      <ul class="list why">
        {value?.gates.map(({ gate, detail, until }) => (
          <li key={gate}>
            <span class="chip">{words(gate)}</span> <Linked text={detail} />{" "}
            {until === undefined ? null : (
              <span class="dim">
                Opens <When at={until} both />
              </span>
            )}
          </li>
        ))}
        {value?.gates.length === 0 ? <li class="dim">Nothing holds it: it starts in a moment.</li> : null}
        {value === undefined ? <li class="dim">…</li> : null}
      </ul>
    </section>
  );
}
