import { useSignal } from "@preact/signals";
import { may } from "../session.ts";
import { Act } from "./act.tsx";

interface Props {
  label: string;
  /** Whose; beside the label for those who only hear it. */
  of: string;
  value: number | null;
  min: number;
  max: number;
  /** What an empty field means; without it one may not be empty. */
  none?: string;
  /** Only who may change it gets a field. */
  allowed?: boolean;
  save: (value: number | null) => Promise<string>;
}

/** A number of the mill that can be changed while it runs. */
export function NumberEdit({ label, of, value, min, max, none, allowed = true, save }: Props) {
  const typed = useSignal<string | null>(null);
  const shown = value === null ? "" : String(value);
  if (!may("operator") || !allowed)
    return (
      <div>
        <dt>{label}</dt>
        <dd>{value ?? none}</dd>
      </div>
    );
  const text = typed.value ?? shown;
  const next = text === "" ? null : Number(text);
  const isGood = next === null ? none !== undefined : Number.isInteger(next) && next >= min && next <= max;
  return (
    <div>
      <dt>{label}</dt>
      <dd class="row is-tight">
        <input
          class="number"
          type="number"
          aria-label={`${label} of ${of}`}
          min={min}
          max={max}
          placeholder={none}
          value={text}
          aria-invalid={!isGood}
          onInput={(event) => (typed.value = event.currentTarget.value)}
        />
        {text === shown ? null : (
          <Act
            kind="primary"
            label={`Save ${label} of ${of}`}
            disabled={!isGood}
            run={async () => {
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
