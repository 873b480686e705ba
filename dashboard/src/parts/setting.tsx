import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { may } from "../session.ts";
import { Act } from "./act.tsx";

/** What every setting of the mill has, whatever it is a value of. */
export interface Settable {
  label: string;
  /** Whose; beside the label for those who only hear it. */
  of: string;
  /** Only who may change it gets a field. */
  allowed?: boolean;
}

interface Props<Value> extends Settable {
  /** As it stands; empty: it is not set. */
  shown: string;
  /** What it means that it is not set. */
  none: string;
  /** In the empty field; `none` by default. */
  placeholder?: string;
  /** Beside it while nothing is typed. */
  note?: ComponentChildren;
  inputMode?: "numeric" | "text";
  /** What is typed as a value; undefined: it is none. */
  read: (text: string) => Value | undefined;
  save: (value: Value) => Promise<string>;
}

/** Something of the mill that can be changed while it runs: a field, and a button once something else stands in it. */
export function Setting<Value>(props: Props<Value>) {
  const { label, of, allowed = true, shown, none, placeholder = none, note, inputMode = "text", read, save } = props;
  const typed = useSignal<string | null>(null);
  if (!may("operator") || !allowed)
    return (
      <div>
        <dt>{label}</dt>
        <dd>
          {shown === "" ? none : shown} {note}
        </dd>
      </div>
    );
  const text = typed.value ?? shown;
  const next = read(text.trim());
  const key = (event: KeyboardEvent & { currentTarget: HTMLInputElement }) => {
    if (event.key === "Escape") typed.value = null;
    if (event.key === "Enter") event.currentTarget.parentElement?.querySelector("button")?.click();
  };
  return (
    <div>
      <dt>{label}</dt>
      <dd class="row is-tight">
        <input
          class="setting"
          aria-label={`${label} of ${of}`}
          inputMode={inputMode}
          autocomplete="off"
          placeholder={placeholder}
          value={text}
          aria-invalid={next === undefined}
          onInput={(event) => (typed.value = event.currentTarget.value)}
          onKeyDown={key}
        />
        {text === shown ? (
          note
        ) : (
          <Act
            kind="primary"
            label={`Save ${label} of ${of}`}
            disabled={next === undefined}
            run={async () => {
              if (next === undefined) return undefined;
              const said = await save(next);
              typed.value = null;
              return said;
            }}
          >
            Save
          </Act>
        )}
      </dd>
    </div>
  );
}
