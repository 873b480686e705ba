import { href, tasksHref } from "../../address.ts";
import type { Domain, Registry } from "../../api/answers.ts";
import { ask } from "../../api/ask.ts";
import { duration, priority } from "../../format.ts";
import { Json } from "../../parts/json.tsx";
import { RateEdit } from "../../parts/rate-edit.tsx";
import { may } from "../../session.ts";

type Type = Registry["domains"][number]["types"][number];

/** The types of a domain with their defaults, schemas and rate limits. */
export function Types({ domain, types }: { domain: Domain; types: readonly Type[] }) {
  return (
    <section class="card" aria-label="Types">
      <header class="row">
        <h2>Types</h2>
      </header>
      <ul class="list">
        {types.map((type) => (
          <Item key={type.name} domain={domain} type={type} />
        ))}
      </ul>
    </section>
  );
}

function Item({ domain, type }: { domain: Domain; type: Type }) {
  const { name, defaults, payloadSchema, resultSchema, submittable, singleton, pull, everyMs } = type;
  const rate = domain.rates[name] ?? null;
  const timeout = typeof defaults.timeoutMs === "number" ? `${duration(defaults.timeoutMs)} per attempt` : "";
  const retry = defaults.retry as { kind?: string; attempts?: number } | undefined;
  const marks = [
    `priority ${typeof defaults.priority === "number" ? priority(defaults.priority) : String(defaults.priority)}`,
    retry?.attempts === undefined ? "" : `${retry.attempts} ${retry.attempts === 1 ? "retry" : "retries"}, ${retry.kind}`,
    timeout,
    pull ? "pulled by workers" : "",
    singleton ? `singleton${everyMs === undefined ? "" : `, every ${duration(everyMs)}`}` : "",
  ].filter(Boolean);
  const save = async (next: { permits: number; per: string } | null) => {
    await ask(`v1/domains/${domain.name}`, { method: "PATCH", body: { rates: { [name]: next } } });
    return `The rate of ${domain.name}.${name} is changed.`;
  };
  return (
    <li class="type">
      <div class="row">
        <strong>
          <a href={tasksHref(`domain:${domain.name} type:${name}`)}>{name}</a>
        </strong>
        <span class="grow dim">{marks.join(" · ")}</span>
        {submittable && may("producer") ? <a href={href(["submit"], { type: `${domain.name}.${name}` })}>Submit one</a> : null}
        <dl class="type-rate">
          <RateEdit label="rate limit" of={name} rate={rate} save={save} />
        </dl>
      </div>
      <details>
        <summary>definition</summary>
        <div class="columns">
          <Part title="defaults" value={defaults} />
          <Part title="payload" value={payloadSchema} />
          {resultSchema === null ? null : <Part title="result" value={resultSchema} />}
        </div>
      </details>
    </li>
  );
}

function Part({ title, value }: { title: string; value: unknown }) {
  return (
    <div>
      <h3>{title}</h3>
      <Json value={value} />
    </div>
  );
}
