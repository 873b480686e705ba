import Table from "cli-table3";
import type { Task } from "../domains/task.ts";

const BARE = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
} as const;

/** Rows under their headings, as wide as they are. Control characters of what tasks say are shown, not sent to the terminal. */
export function table(head: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  const made = new Table({
    head: head.map((name) => name.toUpperCase()),
    chars: BARE,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  for (const row of rows) made.push(row.map((cell) => clean(cell === null ? "–" : String(cell))));
  return made.toString().replaceAll(/ +$/gm, "");
}

/** Without line ends and what would move a terminal's cursor. */
export const clean = (text: string): string => text.replaceAll(/\p{Cc}+/gu, " ");

const UNITS: readonly [number, string][] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1_000, "s"],
];

/** `4d`, `2.5h`, `30s`, `120ms`: the largest unit, with a digit more where it is small. */
export function duration(ms: number): string {
  const [size, unit] = UNITS.find(([least]) => ms >= least) ?? [1, "ms"];
  const count = ms / size;
  return `${count < 10 && unit !== "ms" ? Math.floor(count * 10) / 10 : Math.floor(count)}${unit}`;
}

/** How long ago, or in how long. */
export function ago(at: string | null, now: number): string | null {
  if (at === null) return null;
  const ms = now - Date.parse(at);
  return ms >= 0 ? `${duration(ms)} ago` : `in ${duration(-ms)}`;
}

/** One line a task. */
export function taskTable(tasks: readonly Task[], now: number): string {
  return table(
    ["id", "type", "status", "priority", "created", "label, error"],
    tasks.map((task) => [
      task.id,
      task.type,
      task.status,
      task.priority,
      ago(task.createdAt, now),
      short(task.error?.message ?? task.label ?? task.key ?? ""),
    ]),
  );
}

const short = (text: string): string => (text.length > 70 ? `${text.slice(0, 69)}…` : text);

/** Name and value, one a line; what is empty is left out. */
export function facts(given: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(given).filter(([, value]) => !isEmpty(value));
  const width = Math.max(0, ...lines.map(([name]) => name.length));
  return lines
    .map(([name, value]) => `${name.padEnd(width)}  ${typeof value === "string" ? clean(value) : JSON.stringify(value)}`)
    .join("\n");
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}
