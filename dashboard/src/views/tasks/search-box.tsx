import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { address } from "../../address.ts";
import { complete, type Known } from "../../search.ts";

/** While one types, the list waits this long. */
const SETTLE_MS = 250;

interface Props {
  text: string;
  known: Known;
  onSearch: (text: string) => void;
}

/** One box for everything, with completion: a combobox in the sense of ARIA. */
export function SearchBox(props: Props) {
  const { field, typed, options, active, opened, input, key, take } = useCompletion(props);
  return (
    <div class="search" role="search">
      <input
        ref={field}
        id="search"
        type="text"
        role="combobox"
        aria-label="Search tasks"
        aria-expanded={options.length > 0}
        aria-controls="completions"
        aria-autocomplete="list"
        aria-activedescendant={active.value >= 0 ? `completion-${active.value}` : undefined}
        autocomplete="off"
        spellcheck={false}
        placeholder="status:failed  domain:media  tag:order=4217  or any text"
        value={typed.value}
        onFocus={() => (opened.value = true)}
        onBlur={() => (opened.value = false)}
        onInput={(event) => input(event.currentTarget)}
        onKeyDown={key}
      />
      <kbd class="narrow-hidden">/</kbd>
      <ul id="completions" role="listbox" aria-label="Completions" hidden={options.length === 0}>
        {options.map(({ label, hint }, at) => (
          <li
            key={label}
            id={`completion-${at}`}
            role="option"
            aria-selected={at === active.value}
            onMouseDown={(event) => {
              event.preventDefault();
              take(at);
            }}
          >
            <code>{label}</code> <span class="dim">{hint}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** What is typed, what could complete it, and what the keys do. */
function useCompletion({ text, known, onSearch }: Props) {
  const field = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const typed = useSignal(text);
  const cursor = useSignal(text.length);
  const opened = useSignal(false);
  const active = useSignal(-1);
  const asked = useRef(text);
  useEffect(() => {
    // Its own search that comes back as the address is older than what has been typed since.
    if (text !== asked.current) typed.value = text;
    asked.current = text;
  }, [text]);
  useEffect(() => {
    if (address.peek().query.has("focus")) field.current?.focus();
    return () => clearTimeout(timer.current);
  }, []);
  const options = opened.value ? complete(typed.value, cursor.value, known) : [];
  const search = (next: string, wait: number) => {
    typed.value = next;
    active.value = -1;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      asked.current = next.trim();
      onSearch(asked.current);
    }, wait);
  };
  const take = (at: number) => {
    const option = options[at];
    if (!option) return;
    search(option.text, 0);
    cursor.value = option.cursor;
    if (!field.current) return;
    // At once, not with the next frame: what is typed next belongs behind it.
    field.current.value = option.text;
    field.current.setSelectionRange(option.cursor, option.cursor);
  };
  const input = ({ value, selectionStart }: HTMLInputElement) => {
    opened.value = true;
    cursor.value = selectionStart ?? value.length;
    search(value, SETTLE_MS);
  };
  const key = (event: KeyboardEvent) => {
    const chosen = active.value >= 0;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      opened.value = true;
      active.value = Math.min(options.length - 1, Math.max(-1, active.value + (event.key === "ArrowDown" ? 1 : -1)));
    } else if (chosen && (event.key === "Enter" || event.key === "Tab")) take(active.value);
    else if (event.key === "Enter") {
      search(typed.value, 0);
      opened.value = false;
    } else if (event.key === "Escape" && opened.value) opened.value = false;
    else if (event.key === "Escape") field.current?.blur();
    else return;
    event.preventDefault();
  };
  return { field, typed, options, active, opened, input, key, take };
}
