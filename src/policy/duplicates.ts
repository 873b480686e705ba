import { type Duration, parseDuration } from "./duration.ts";
import { fail } from "./errors.ts";
import { LIMITS } from "./limits.ts";

/**
 * What a submit does when its key is held by a live task. `skip`: the one that stands stays (raised when the new one
 * is more urgent; behind one that has begun, the new one waits). `supersede`: the new one takes its place. `reject`:
 * 409. Debounce: it runs once nobody has submitted the key for that long, with what came last; no later than `maxWait`
 * after the first.
 */
export type OnDuplicate = "skip" | "supersede" | "reject" | { debounce: Duration; maxWait?: Duration };

/** `OnDuplicate` in milliseconds; `skip` is none. */
export type Strategy = "supersede" | "reject" | { debounceMs: number; maxWaitMs?: number };

/** What is known of the task that holds the key. */
export interface Standing {
  priority: number;
  /** Claimed by a run, leased, running or waiting. */
  hasBegun: boolean;
  /** It is blocked as the successor of a task whose key it took, and which still lives. */
  isSuccessor: boolean;
  /** Epoch ms of the first submit of the burst that debounces it. */
  debouncedFrom?: number;
}

/** A run time that a debounce says, and where its burst began. */
export interface Debounced {
  runAt: number;
  from: number;
}

/** What becomes of the newcomer and of the one that holds the key. */
export type Decision =
  /** The newcomer is a task of its own. */
  | { do: "insert"; debounced?: Debounced }
  /** Nothing changes: a duplicate. */
  | { do: "stand" }
  /** The holder gets the newcomer's priority. */
  | { do: "raise" }
  /** The newcomer takes the key and is blocked until the holder has ended. */
  | { do: "follow"; debounced?: Debounced }
  /** The holder keeps its id, place and age and gets the newcomer's content; `archive`: what it was before becomes a finished row. */
  | { do: "replace"; archive: boolean; debounced?: Debounced }
  /** The one that has begun is stopped, its successor (if that is who holds the key) is dropped, the newcomer is a task of its own. */
  | { do: "oust" }
  /** Refused: nothing changes. */
  | { do: "reject" };

/**
 * The whole table of strategy and state of the key's task, without I/O.
 *
 * @param strategy `undefined` is `skip`
 * @param holder the newest task of that key that has not ended, or `undefined`
 * @param newcomer its priority, and the time now
 */
export function decide(
  strategy: Strategy | undefined,
  holder: Standing | undefined,
  newcomer: { priority: number; now: number },
): Decision {
  if (typeof strategy === "object") return debounce(strategy, holder, newcomer.now);
  if (!holder) return { do: "insert" };
  if (strategy === "reject") return { do: "reject" };
  if (strategy === "supersede") return holder.hasBegun || holder.isSuccessor ? { do: "oust" } : { do: "replace", archive: true };
  if (holder.hasBegun) return { do: "follow" };
  return newcomer.priority < holder.priority ? { do: "raise" } : { do: "stand" };
}

function debounce(strategy: Exclude<Strategy, string>, holder: Standing | undefined, now: number): Decision {
  const from = holder && !holder.hasBegun ? (holder.debouncedFrom ?? now) : now;
  const runAt = Math.min(now + strategy.debounceMs, from + (strategy.maxWaitMs ?? Infinity));
  const debounced = { runAt, from };
  if (!holder) return { do: "insert", debounced };
  return holder.hasBegun ? { do: "follow", debounced } : { do: "replace", archive: false, debounced };
}

/**
 * Reads a strategy as it comes from TypeScript or JSON; `undefined` for `skip`.
 *
 * @throws `invalid_request` for everything that is none
 */
export function parseOnDuplicate(given: unknown): Strategy | undefined {
  if (given === "skip") return undefined;
  if (given === "supersede" || given === "reject") return given;
  if (typeof given !== "object" || given === null || !("debounce" in given)) {
    throw refuse(
      "onDuplicate",
      `onDuplicate must be "skip", "supersede", "reject" or { debounce: "5s", maxWait: "1m" }; got ${show(given)}.`,
    );
  }
  const { debounce: window, maxWait, ...others } = given as { debounce: unknown; maxWait?: unknown };
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw refuse("onDuplicate", `onDuplicate has no member ${show(unknown)}; it takes debounce and maxWait.`);
  const debounceMs = bounded(window, "onDuplicate.debounce");
  if (maxWait === undefined) return { debounceMs };
  const maxWaitMs = bounded(maxWait, "onDuplicate.maxWait");
  if (maxWaitMs < debounceMs)
    throw refuse(
      "onDuplicate.maxWait",
      `onDuplicate.maxWait must be at least as long as debounce; got ${show(maxWait)} and ${show(window)}.`,
    );
  return { debounceMs, maxWaitMs };
}

function bounded(value: unknown, name: string): number {
  const ms = parseDuration(value, name);
  if (ms > 0 && ms <= LIMITS.delayMsMax) return ms;
  throw refuse(name, `${name} must be more than 0 and at most 10 years; got ${show(value)}.`);
}

const refuse = (path: string, message: string) => fail("invalid_request", message, { issues: [{ path, message }] });

function show(value: unknown): string {
  const text = String(JSON.stringify(value) ?? value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
