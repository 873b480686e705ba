import { useSignal } from "@preact/signals";
import { go, href, taskHref } from "../../address.ts";
import type { Registry, Submitted } from "../../api/answers.ts";
import { ask } from "../../api/ask.ts";
import { messageOf, Problem } from "../../api/problem.ts";
import { formatExact } from "../../json.ts";
import { say } from "../../parts/toast.tsx";
import { Trouble } from "../../parts/trouble.tsx";
import { blank, type Schema } from "../../schema.ts";
import { Field } from "./field.tsx";
import { JsonField } from "./json-field.tsx";
import { OPTIONS, optionsBody, type Typed } from "./options.ts";
import { Recent } from "./recent.tsx";

/** A type that can be submitted. */
export interface Choice {
  domain: string;
  type: Registry["domains"][number]["types"][number];
}

/** What there is to choose from, and what is chosen. */
export interface FormProps {
  choices: readonly Choice[];
  chosen: Choice;
}

/** A payload as its schema has it, the same as JSON, and the options of a submit. */
export function Form({ choices, chosen, first }: FormProps & { first: unknown }) {
  const { domain, type } = chosen;
  const { schema, payload, typed, problem, busy, submit } = useSubmit(chosen, first);
  const issues = issuesOf(problem.value);
  const choose = (name: string) => go(href(["submit"], { type: name }), true);
  return (
    <form class="columns" noValidate onSubmit={(event) => void submit(event)}>
      <section class="card" aria-label="Payload">
        <header class="row">
          <select class="grow" aria-label="Type" value={`${domain}.${type.name}`} onChange={(event) => choose(event.currentTarget.value)}>
            {choices.map((one) => (
              <option key={`${one.domain}.${one.type.name}`}>{`${one.domain}.${one.type.name}`}</option>
            ))}
          </select>
          <Recent domain={domain} type={type.name} onTake={(value) => (payload.value = value)} />
        </header>
        <div class="body">
          <Field
            name="payload"
            schema={schema}
            root={schema}
            path=""
            value={payload.value}
            required
            issues={issues.payload}
            onChange={(value) => (payload.value = value)}
          />
        </div>
      </section>
      <div class="side">
        <section class="card" aria-label="Raw payload">
          <header class="row">
            <h2>As JSON</h2>
          </header>
          <div class="body">
            <JsonField
              common={{ "aria-label": "Payload as JSON" }}
              rows={10}
              value={payload.value}
              required
              onChange={(value) => (payload.value = value)}
            />
          </div>
        </section>
        <Options typed={typed.value} issues={issues.options} onType={(next) => (typed.value = next)} />
        <Trouble error={problem.value ?? undefined} />
        <div class="row is-end">
          <button class="primary" disabled={busy.value}>
            Submit {domain}.{type.name}
          </button>
        </div>
      </div>
    </form>
  );
}

/** What is being made up, and how it is sent. */
function useSubmit({ domain, type }: Choice, first: unknown) {
  const schema = (type.payloadSchema ?? {}) as Schema;
  const payload = useSignal<unknown>(first === undefined ? blank(schema, schema) : first);
  const typed = useSignal<Typed>({});
  const problem = useSignal<Problem | Error | null>(null);
  const busy = useSignal(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    const form = event.currentTarget instanceof HTMLElement ? event.currentTarget : null;
    busy.value = true;
    problem.value = null;
    try {
      const rest = JSON.stringify({ type: type.name, ...optionsBody(typed.value) });
      const text = `${rest.slice(0, -1)},"payload":${formatExact(payload.value)}}`;
      const { outcome, id } = await ask<Submitted>(`v1/domains/${domain}/tasks`, { method: "POST", text });
      say(outcome === "inserted" ? `${id} is submitted.` : `${outcome}: ${id}`);
      go(taskHref(id));
    } catch (error) {
      problem.value = error instanceof Error ? error : new Error(messageOf(error));
      // The first field that is wrong, once it is drawn so.
      requestAnimationFrame(() => form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
    } finally {
      busy.value = false;
    }
  };
  return { schema, payload, typed, problem, busy, submit };
}

interface OptionsProps {
  typed: Typed;
  issues: ReadonlyMap<string, string>;
  onType: (typed: Typed) => void;
}

function Options({ typed, issues, onType }: OptionsProps) {
  return (
    <section class="card" aria-label="Options">
      <header class="row">
        <h2>Options</h2>
      </header>
      <div class="body options">
        {OPTIONS.map(({ name, hint }) => (
          <div key={name} class="field">
            <label for={`option-${name}`}>{name}</label>
            <input
              id={`option-${name}`}
              placeholder={hint}
              value={typed[name] ?? ""}
              aria-invalid={issues.has(name)}
              onInput={(event) => onType({ ...typed, [name]: event.currentTarget.value })}
            />
            {issues.has(name) ? <div class="bad">{issues.get(name)}</div> : null}
          </div>
        ))}
      </div>
    </section>
  );
}

/** What is wrong, by where: the issues of a payload name its members, those of a request its fields. */
function issuesOf(problem: Error | null): { payload: ReadonlyMap<string, string>; options: ReadonlyMap<string, string> } {
  const found = new Map(problem instanceof Problem ? problem.issues.map(({ path, message }) => [path, message]) : []);
  const isPayload = problem instanceof Problem && problem.code === "invalid_payload";
  return { payload: isPayload ? found : new Map(), options: isPayload ? new Map() : found };
}
