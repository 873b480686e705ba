import { signal } from "@preact/signals";
import { messageOf } from "../api/problem.ts";

interface Note {
  id: number;
  text: string;
  bad: boolean;
}

const SHOWN_MS = 6_000;
const notes = signal<readonly Note[]>([]);
let last = 0;

/** Says something in a corner of the page, for a while. */
export function say(text: string, bad = false): void {
  last += 1;
  const note = { id: last, text, bad };
  notes.value = [...notes.peek().slice(-3), note];
  setTimeout(() => dismiss(note.id), bad ? SHOWN_MS * 2 : SHOWN_MS);
}

/** Says what went wrong. */
export const sayProblem = (error: unknown): void => say(messageOf(error), true);

function dismiss(id: number): void {
  notes.value = notes.peek().filter((note) => note.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {notes.value.map(({ id, text, bad }) => (
        <div key={id} class={bad ? "toast is-bad" : "toast"}>
          <span>{text}</span>
          <button class="plain" aria-label="Dismiss" onClick={() => dismiss(id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
