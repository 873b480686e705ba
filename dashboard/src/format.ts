import { PRIORITY } from "../../src/policy/priority.ts";

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const plain = new Intl.NumberFormat("en");
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;
/** Beyond it nothing is counted: a year. */
const LONG_MS = 365 * 86_400_000;

/** 12,345 in full; 1.2M from a hundred thousand on. */
export const number = (value: number): string => (Math.abs(value) < 100_000 ? plain.format(value) : compact.format(value));

/** `350 ms`, `1.5 s`, `12 s`, `3 m 20 s`, `2 h 5 m`, `4 d 2 h`. */
export function duration(ms: number): string {
  if (ms < 999.5) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 9_950) return `${Number((ms / 1_000).toFixed(1))} s`;
  const rounded = Math.round(ms / 1_000) * 1_000;
  const at = UNITS.findIndex(([, size]) => rounded >= size);
  const [name, size] = UNITS[at] ?? UNITS[3];
  const first = `${number(Math.floor(rounded / size))} ${name}`;
  const next = UNITS[at + 1];
  const rest = next ? Math.floor((rounded % size) / next[1]) : 0;
  return rest === 0 || !next ? first : `${first} ${rest} ${next[0]}`;
}

/** A rate limit as it is typed: `10 per 1s`, `5 per 1h, burst 20`. */
export function rate({ permits, perMs, burst }: { permits: number; perMs: number; burst: number }): string {
  const [name, size] = UNITS.find(([, unit]) => perMs % unit === 0) ?? ["ms", 1];
  return `${permits} per ${perMs / size}${name}${burst === permits ? "" : `, burst ${burst}`}`;
}

/** `3 m ago`, `in 20 s`, `just now`. */
export function relative(at: number, now: number): string {
  const away = now - at;
  if (Math.abs(away) < 1_500) return "just now";
  const size = Math.abs(away) > LONG_MS ? `${(Math.abs(away) / LONG_MS).toFixed(1)} years` : coarse(Math.abs(away));
  return away > 0 ? `${size} ago` : `in ${size}`;
}

/** `42 m`: one unit is enough for a glance. */
export function coarse(ms: number): string {
  const [name, size] = UNITS.find(([, unit]) => ms >= unit) ?? UNITS[3];
  return `${Math.round(ms / size)} ${name}`;
}

/** In the reader's own language and zone. */
export const moment = (at: number): string => absolute.format(at);

/** `4.2 KB`. */
export function bytes(count: number): string {
  if (count < 1_024) return `${count} B`;
  const power = Math.min(3, Math.floor(Math.log2(count) / 10));
  return `${(count / 1_024 ** power).toFixed(1)} ${["", "KB", "MB", "GB"][power]}`;
}

/** `$1.20`, `$0.004`. */
export const dollars = (amount: number): string =>
  amount === 0 ? "$0" : amount >= 1 ? `$${number(Math.round(amount * 100) / 100)}` : `$${amount.toPrecision(2)}`;

/** `dead_letter`: `dead letter`. */
export const words = (name: string): string => name.replaceAll("_", " ");

/** `128 (normal)`, `100`. */
export function priority(level: number): string {
  const named = Object.entries(PRIORITY).find(([, value]) => value === level);
  return named ? `${level} (${named[0]})` : String(level);
}
