import { signal } from "@preact/signals";
import { go, href } from "./address.ts";
import { refreshAll } from "./live.ts";
import { nextTheme } from "./theme.ts";

/** A key, or two one after the other. */
export interface Shortcut {
  keys: string;
  does: string;
  run: () => void;
}

/** Whether the list of keys is shown. */
export const helpShown = signal(false);

const PAUSE_MS = 1_000;
const view = (name: string) => () => go(href(name === "" ? [] : [name]));

export const SHORTCUTS: readonly Shortcut[] = [
  { keys: "/", does: "Search tasks", run: focusSearch },
  { keys: "g o", does: "Overview", run: view("") },
  { keys: "g t", does: "Tasks", run: view("tasks") },
  { keys: "g f", does: "Failures", run: view("failures") },
  { keys: "g s", does: "Schedules", run: view("schedules") },
  { keys: "g d", does: "Domains and groups", run: view("domains") },
  { keys: "n", does: "Submit a new task", run: view("submit") },
  { keys: "r", does: "Refresh", run: refreshAll },
  { keys: "t", does: "Theme: system, light, dark", run: nextTheme },
  {
    keys: "?",
    does: "This list",
    run: () => {
      helpShown.value = !helpShown.peek();
    },
  },
];

function focusSearch(): void {
  const field = document.querySelector<HTMLInputElement>("#search");
  if (field) {
    field.focus();
    field.select();
    return;
  }
  go(href(["tasks"], { focus: "1" }));
}

let pending = "";
let pendingAt = 0;

/** Listens as long as the page lives; keys typed into fields, or with a modifier, are the browser's. */
export function listen(): void {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const now = performance.now();
    const typed = pending !== "" && now - pendingAt < PAUSE_MS ? `${pending} ${event.key}` : event.key;
    const hit = SHORTCUTS.find(({ keys }) => keys === typed);
    pending = !hit && SHORTCUTS.some(({ keys }) => keys.startsWith(`${event.key} `)) ? event.key : "";
    pendingAt = now;
    if (!hit) return;
    event.preventDefault();
    hit.run();
  });
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.closest("dialog") !== null)
  );
}
