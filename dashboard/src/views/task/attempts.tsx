import type { Task } from "../../api/answers.ts";
import { duration } from "../../format.ts";
import { When } from "../../parts/when.tsx";

/** What each attempt failed with and how long it ran, the last first; the mill keeps twenty. */
export function Attempts({ task }: { task: Task }) {
  const attempts = task.errors.map((error, at) => ({ ...error, before: task.errors[at - 1] })).reverse();
  return (
    <section class="card" aria-label="Failed attempts">
      <header class="row">
        <h2>Failed attempts</h2>
      </header>
      <ul class="list">
        {attempts.map(({ attempt, at, message, durationMs, before }) => (
          <li key={`${attempt} ${at}`} class="attempt">
            <span class="dim">#{attempt}</span>
            <pre>{message}</pre>
            <span class="dim num">
              <When at={at} />
              {durationMs === null ? null : <div>ran {duration(durationMs)}</div>}
              {before ? <div>{duration(Date.parse(at) - Date.parse(before.at))} after the one before</div> : null}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
