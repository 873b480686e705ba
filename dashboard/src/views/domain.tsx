import { href, tasksHref } from "../address.ts";
import type { Domain, Registry, Series } from "../api/answers.ts";
import { ask } from "../api/ask.ts";
import { dollars, duration, number, words } from "../format.ts";
import { lazy } from "../lazy.tsx";
import { useLive } from "../live.ts";
import { Gauge } from "../parts/gauge.tsx";
import { Trouble } from "../parts/trouble.tsx";
import { SHOWN_STATUSES } from "../search.ts";
import { DomainCap } from "./domains.tsx";
import { DomainSwitch } from "./domains/switch.tsx";
import { Tail } from "./domain/tail.tsx";
import { Types } from "./domain/types.tsx";

const Chart = lazy(async () => (await import("../parts/chart.tsx")).Chart);
const LINES = [
  { metric: "completed", colour: "good" },
  { metric: "failed", colour: "bad" },
  { metric: "dead_letter", colour: "warn" },
  { metric: "running", colour: "accent" },
  { metric: "pending", colour: "violet" },
] as const;

/** One domain: what it does, what it may, what it costs. */
export function DomainView({ name }: { name: string }) {
  const concerns = ({ domain }: { domain?: string | undefined }) => domain === undefined || domain === name;
  const live = useLive(`domain ${name}`, (signal) => ask<Domain>(`v1/domains/${encodeURIComponent(name)}`, { signal }), { concerns });
  const series = useLive(`series ${name}`, (signal) => ask<Series>(`v1/domains/${encodeURIComponent(name)}/series`, { signal }), {
    everyMs: 10_000,
    concerns: () => false,
  });
  const registry = useLive("registry", (signal) => ask<Registry>("v1/registry", { signal }), { everyMs: 300_000, concerns: () => false });
  const domain = live.value;
  if (!domain)
    return (
      <>
        <h1>{name}</h1>
        <Trouble error={live.error} />
        {live.error ? <a href={href(["domains"])}>All domains</a> : <div class="waiting" />}
      </>
    );
  const types = registry.value?.domains.find((one) => one.name === name)?.types ?? [];
  return (
    <>
      <div class="head">
        <div class="row grow">
          <h1>{name}</h1>
          {domain.paused ? <span class="flag is-paused">paused by {domain.pausedBy.join(" and ")}</span> : null}
        </div>
        <div class="row">
          <DomainSwitch domain={domain} />
        </div>
      </div>
      <Trouble error={live.error} />
      <Figures domain={domain} />
      <section class="card" aria-label="The last hour">
        <header class="row">
          <h2>The last hour</h2>
          <span class="dim">a minute a step</span>
        </header>
        <div class="body chart-room">
          {series.value ? (
            <Chart
              label={`Tasks of ${name} in the last hour`}
              from={Date.parse(series.value.from)}
              stepMs={series.value.stepMs}
              lines={LINES.map(({ metric, colour }) => ({ label: words(metric), colour, values: series.value?.metrics[metric] ?? [] }))}
            />
          ) : null}
        </div>
      </section>
      <Types domain={domain} types={types} />
      <div class="columns">
        <Tail domain={name} />
        <Cost domain={domain} />
      </div>
    </>
  );
}

function Figures({ domain }: { domain: Domain }) {
  const { name, counts } = domain;
  const shown = SHOWN_STATUSES.filter((status) => counts[status as keyof typeof counts] > 0);
  return (
    <section class="card" aria-label="Figures">
      <div class="body">
        <dl class="facts">
          <div>
            <dt>running</dt>
            <dd>
              <Gauge label={`running in ${name}`} value={counts.running} max={domain.maxConcurrency} />
            </dd>
          </div>
          <div>
            <dt>slots given, in use</dt>
            <dd>
              {number(domain.slots.granted)}, {number(domain.slots.using)}
            </dd>
          </div>
          <DomainCap domain={domain} />
          <div>
            <dt>oldest ready task</dt>
            <dd>{domain.oldestPendingMs === null ? "–" : duration(domain.oldestPendingMs)}</dd>
          </div>
        </dl>
        <div class="tabs">
          {shown.map((status) => (
            <a key={status} class={`chip status is-${status}`} href={tasksHref(`domain:${name} status:${status}`)}>
              {words(status)} {number(counts[status as keyof typeof counts])}
            </a>
          ))}
        </div>
        {domain.outbox.map((box) => (
          <div key={box.domain} class="note">
            {number(box.messages)} messages to {box.domain} are not delivered yet, the oldest for {duration(box.oldestMs)}.
          </div>
        ))}
      </div>
    </section>
  );
}

function Cost({ domain }: { domain: Domain }) {
  const { cost } = domain;
  const most = Object.entries(cost.statements)
    .sort(([, one], [, other]) => other.rowsWritten - one.rowsWritten || other.rowsRead - one.rowsRead)
    .slice(0, 8);
  return (
    <section class="card" aria-label="Cost">
      <header class="row">
        <h2>Cost</h2>
        <span class="dim">
          {cost.dollarsPerMillion === null ? "" : `${dollars(cost.dollarsPerMillion)} per million tasks, `}
          {dollars(cost.dollars)} so far
        </span>
      </header>
      <div class="scroll" role="group" aria-label="Statements" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th>statement</th>
              <th class="num">calls</th>
              <th class="num">rows read</th>
              <th class="num">written</th>
            </tr>
          </thead>
          <tbody>
            {most.map(([statement, { calls, rowsRead, rowsWritten }]) => (
              <tr key={statement}>
                <td>{statement}</td>
                <td class="num">{number(calls)}</td>
                <td class="num">{number(rowsRead)}</td>
                <td class="num">{number(rowsWritten)}</td>
              </tr>
            ))}
            <tr>
              <th scope="row">all</th>
              <td class="num dim">{number(cost.requests)} requests</td>
              <td class="num">{number(cost.rowsRead)}</td>
              <td class="num">{number(cost.rowsWritten)}</td>
            </tr>
          </tbody>
        </table>
      </div>
    </section>
  );
}
