import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { messageOf } from "../../api/problem.ts";
import { formatExact, parseExact } from "../../json.ts";

interface Props {
  value: unknown;
  required: boolean;
  onChange: (value: unknown) => void;
  common?: Record<string, unknown>;
  rows?: number;
}

/** A value as JSON text; only what can be read is told on. */
export function JsonField({ value, required, onChange, common, rows = 3 }: Props) {
  const text = useSignal(shown(value));
  const problem = useSignal<string | null>(null);
  const told = useSignal<unknown>(value);
  useEffect(() => {
    // Changed elsewhere: what is typed here gives way.
    if (told.peek() === value) return;
    told.value = value;
    text.value = shown(value);
    problem.value = null;
  }, [value]);
  const type = (typed: string) => {
    text.value = typed;
    try {
      const next = typed.trim() === "" && !required ? undefined : parseExact(typed);
      problem.value = null;
      told.value = next;
      onChange(next);
    } catch (error) {
      problem.value = messageOf(error);
    }
  };
  return (
    <>
      <textarea {...common} rows={rows} spellcheck={false} value={text.value} onInput={(event) => type(event.currentTarget.value)} />
      {problem.value === null ? null : (
        <div class="bad" role="alert">
          {problem.value}
        </div>
      )}
    </>
  );
}

const shown = (value: unknown): string => (value === undefined ? "" : formatExact(value));
