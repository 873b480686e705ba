import { href } from "../address.ts";
import type { Domain, DomainPage, Groups, Mill } from "../api/answers.ts";
import { ask } from "../api/ask.ts";
import { number } from "../format.ts";
import { areAnswered, useLive } from "../live.ts";
import { Gauge } from "../parts/gauge.tsx";
import { NumberEdit } from "../parts/number-edit.tsx";
import { Trouble } from "../parts/trouble.tsx";
import { mayAll } from "../session.ts";
import { Audit } from "./domains/audit.tsx";
import { DomainSwitch } from "./domains/switch.tsx";
import { GroupCard } from "./domains/group.tsx";

const CAP_MAX = 10_000;

/** What can be set while the mill runs: the mill, each domain, each group. */
export function Domains() {
  const domains = useLive("domains", (signal) => ask<DomainPage>("v1/domains", { signal }));
  const mill = useLive("mill", (signal) => ask<Mill>("v1/snapshot", { signal }));
  if (!areAnswered(domains, mill))
    return (
      <>
        <h1 class="hidden">Domains and groups</h1>
        <div class="waiting" />
      </>
    );
  return (
    <>
      <h1 class="hidden">Domains and groups</h1>
      <Trouble error={domains.error ?? mill.error} />
      {mill.value ? <MillCard mill={mill.value} domains={domains.value?.items} /> : null}
      <div class="columns">
        {domains.value?.items.map((domain) => (
          <Card key={domain.name} domain={domain} />
        ))}
      </div>
      {mayAll("viewer") ? <GroupCards pauses={mill.value?.pausedGroups ?? []} /> : null}
      {mayAll("operator") ? <Audit /> : null}
    </>
  );
}

function GroupCards({ pauses }: { pauses: Mill["pausedGroups"] }) {
  const { value } = useLive("groups", (signal) => ask<Groups>("v1/groups", { signal }), { everyMs: 3_000 });
  if (!value || value.items.length === 0) return null;
  return (
    <div class="columns">
      {value.items.map((group) => (
        <GroupCard key={group.name} group={group} pause={pauses.find(({ name }) => name === group.name)} />
      ))}
    </div>
  );
}

function MillCard({ mill, domains }: { mill: Mill; domains: readonly Domain[] | undefined }) {
  const running = mayAll("viewer") && domains ? domains.reduce((sum, { counts }) => sum + counts.running, 0) : mill.using;
  const save = async (change: Record<string, number | null>) => {
    await ask("v1/settings", { method: "PATCH", body: change });
    return "The mill's settings are changed.";
  };
  const sources = Object.entries(mill.pressure.sources);
  return (
    <section class="card" aria-label="The mill">
      <header class="row">
        <h2>The mill</h2>
        <Gauge label="running in the mill" value={running} max={mill.maxConcurrency} />
      </header>
      <div class="body">
        <dl class="facts">
          <NumberEdit
            label="slots"
            of="the mill"
            value={mill.maxConcurrency}
            min={1}
            max={CAP_MAX}
            allowed={mayAll("operator")}
            save={(value) => save({ maxConcurrency: value })}
          />
          <NumberEdit
            label="cap of each group"
            of="the mill"
            value={mill.defaultGroupMaxConcurrency}
            min={1}
            max={CAP_MAX}
            none="none"
            allowed={mayAll("operator")}
            save={(value) => save({ defaultGroupMaxConcurrency: value })}
          />
          <div>
            <dt>pressure</dt>
            <dd>
              {mill.pressure.composite.toFixed(2)}{" "}
              <span class="dim">{sources.map(([name, { value }]) => `${name} ${value.toFixed(2)}`).join(", ")}</span>
            </dd>
          </div>
        </dl>
      </div>
    </section>
  );
}

function Card({ domain }: { domain: Domain }) {
  const { name, counts } = domain;
  return (
    <section class="card" aria-label={`Domain ${name}`}>
      <header class="row">
        <h2>
          <a href={href(["domains", name])}>{name}</a>
          {domain.paused ? <span class="flag is-paused">paused</span> : null}
        </h2>
        <DomainSwitch domain={domain} />
      </header>
      <div class="body">
        <dl class="facts">
          <div>
            <dt>running</dt>
            <dd>
              <Gauge label={`running in ${name}`} value={counts.running} max={domain.maxConcurrency} />
            </dd>
          </div>
          <DomainCap domain={domain} />
          <div>
            <dt>waiting</dt>
            <dd>{number(counts.pending + counts.paused + counts.scheduled + counts.blocked)}</dd>
          </div>
        </dl>
      </div>
    </section>
  );
}

/** How many of a domain run at once, at most. */
export function DomainCap({ domain: { name, maxConcurrency } }: { domain: Domain }) {
  const save = async (value: number | null) => {
    await ask(`v1/domains/${name}`, { method: "PATCH", body: { maxConcurrency: value } });
    return value === null ? `${name} has no cap of its own.` : `At most ${value} of ${name} run at once.`;
  };
  return <NumberEdit label="cap" of={name} value={maxConcurrency} min={1} max={CAP_MAX} none="none" save={save} />;
}
