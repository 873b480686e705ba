import { tasksHref } from "../../address.ts";
import type { Group, Mill } from "../../api/answers.ts";
import { ask } from "../../api/ask.ts";
import { number } from "../../format.ts";
import { Act } from "../../parts/act.tsx";
import { Gauge } from "../../parts/gauge.tsx";
import { NumberEdit } from "../../parts/number-edit.tsx";
import { RateEdit } from "../../parts/rate-edit.tsx";
import { When } from "../../parts/when.tsx";
import { written } from "../../search.ts";
import { mayAll } from "../../session.ts";

interface Props {
  group: Group;
  pause: Mill["pausedGroups"][number] | undefined;
}

/** A group, and all of it that can be set. */
export function GroupCard({ group, pause }: Props) {
  const { name, running, pending, allocated, maxConcurrency, weight, minSlots, rate } = group;
  const path = `v1/groups/${encodeURIComponent(name)}`;
  const allowed = mayAll("operator");
  const change = async (body: Record<string, unknown>) => {
    await ask(path, { method: "PATCH", body });
    return `The group ${name} is changed.`;
  };
  const number10k = { max: 10_000, none: "none", allowed };
  return (
    <section class="card" aria-label={`Group ${name}`}>
      <Head name={name} pause={pause} allowed={allowed} />
      <div class="body">
        <dl class="facts">
          <div>
            <dt>running</dt>
            <dd>
              <Gauge label={`running in ${name}`} value={running} max={maxConcurrency} />
            </dd>
          </div>
          <div>
            <dt>waiting, slots given</dt>
            <dd>
              {number(pending)}, {number(allocated)}
            </dd>
          </div>
          <NumberEdit
            {...number10k}
            label="cap"
            of={name}
            value={maxConcurrency}
            min={1}
            save={(value) => change({ maxConcurrency: value })}
          />
          <NumberEdit
            {...number10k}
            label="weight"
            of={name}
            value={weight}
            min={1}
            max={1_000}
            save={(value) => change({ weight: value })}
          />
          <NumberEdit {...number10k} label="minimum" of={name} value={minSlots} min={0} save={(value) => change({ minSlots: value })} />
          <RateEdit label="rate" of={name} rate={rate} allowed={allowed} save={(value) => change({ rate: value })} />
        </dl>
      </div>
    </section>
  );
}

function Head({ name, pause, allowed }: { name: string; pause: Props["pause"]; allowed: boolean }) {
  const verb = pause?.paused ? "resume" : "pause";
  const toggle = async () => {
    await ask(`v1/groups/${encodeURIComponent(name)}/${verb}`, { method: "POST" });
    return `The group ${name} ${pause?.paused ? "runs again" : "is paused"}.`;
  };
  return (
    <header class="row">
      <h2>
        <a href={tasksHref(written("group", name))}>{name}</a> <span class="dim">group</span>
        {pause?.paused ? (
          <span class="flag is-paused">
            paused
            {pause.pausedUntil ? (
              <>
                , resumes <When at={pause.pausedUntil} />
              </>
            ) : null}
          </span>
        ) : null}
      </h2>
      {allowed ? (
        <Act run={toggle} label={`${pause?.paused ? "Resume" : "Pause"} the group ${name}`}>
          {pause?.paused ? "Resume" : "Pause"}
        </Act>
      ) : null}
    </header>
  );
}
