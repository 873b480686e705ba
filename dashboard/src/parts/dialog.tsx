import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

interface Question {
  title: string;
  text: string;
  /** What the button says: the verb. */
  action: string;
  danger?: boolean;
}

const asked = signal<(Question & { answer: (yes: boolean) => void }) | null>(null);

/** Asks before something is done; resolves to whether it is to be. */
export function confirm(question: Question): Promise<boolean> {
  return new Promise((resolve) => {
    asked.value = {
      ...question,
      answer: (yes) => {
        asked.value = null;
        resolve(yes);
      },
    };
  });
}

/** A modal box, closed by its button, by Escape and by a click beside it. */
export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren; wide?: boolean }) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    box.current?.showModal();
  }, []);
  const beside = (event: MouseEvent) => {
    if (event.target === box.current) props.onClose();
  };
  return (
    <dialog ref={box} class={props.wide ? "is-wide" : ""} aria-label={props.title} onClose={props.onClose} onClick={beside}>
      <div class="dialog">
        <h2>{props.title}</h2>
        {props.children}
      </div>
    </dialog>
  );
}

/** Where `confirm` asks. */
export function Confirmation() {
  const question = asked.value;
  if (!question) return null;
  const { title, text, action, danger, answer } = question;
  return (
    <Dialog title={title} onClose={() => answer(false)}>
      <p>{text}</p>
      <div class="row is-end">
        <button onClick={() => answer(false)}>Keep as it is</button>
        <button class={danger ? "danger" : "primary"} autofocus onClick={() => answer(true)}>
          {action}
        </button>
      </div>
    </Dialog>
  );
}
