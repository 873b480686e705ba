import { taskHref } from "../../address.ts";
import { tail } from "../../events.ts";
import { pushed } from "../../live.ts";
import { When } from "../../parts/when.tsx";

const SHOWN = 30;

/** What happens, as it happens. */
export function Tail({ domain }: { domain: string }) {
  const events = tail.value.filter((event) => event.domain === domain).slice(0, SHOWN);
  return (
    <section class="card" aria-label="Events">
      <header class="row">
        <h2>Events</h2>
        <span class="dim">{pushed.value ? "live" : "not connected"}</span>
      </header>
      <ol class="list tail" tabIndex={0} aria-label="The last events, newest first">
        {events.map(({ seq, at, event, task, label, type }) => (
          <li key={seq} class="row">
            <span class="dim">
              <When at={at} />
            </span>
            <code>{event}</code>
            {task === undefined ? null : (
              <a class="grow cut" href={taskHref(task)}>
                {label ?? task} <span class="dim">{type}</span>
              </a>
            )}
          </li>
        ))}
        {events.length === 0 ? <li class="dim">Nothing has happened since this page was opened.</li> : null}
      </ol>
    </section>
  );
}
