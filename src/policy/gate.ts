import { LIMITS } from "./limits.ts";
import { cutUtf8 } from "./text.ts";

/** What a domain's gate says of a task that could start: made by `admit`, `deny` or `until`. */
export type GateAnswer =
  | { readonly gate: "admit" }
  | { readonly gate: "deny"; readonly reason: string }
  | { readonly gate: "until"; readonly at: number; readonly reason: string };

/**
 * The task may start.
 *
 * @example `gate: (task) => (task.priority <= PRIORITY.high ? admit : deny("only urgent work today"))`
 */
export const admit: GateAnswer = Object.freeze({ gate: "admit" });

/**
 * The task may not start now; it is asked about again in turn, at least 5 s later.
 *
 * @param reason why, in words; at most 256 bytes, cut. Shown by `why`.
 * @example `gate: (task) => (isOpen(task.tags.shop) ? admit : deny("the shop is closed"))`
 */
export const deny = (reason: string): GateAnswer => ({ gate: "deny", reason });

/**
 * The task may not start before that time; then it is asked about again.
 *
 * @param time a `Date`, or milliseconds since 1970; one that is past: in turn
 * @param reason why, in words; at most 256 bytes, cut. Shown by `why`.
 * @example `gate: (task, now) => (now.getUTCHours() < 6 ? until(sixOf(now), "night") : admit)`
 */
export const until = (time: Date | number, reason = ""): GateAnswer => ({ gate: "until", at: Number(time), reason });

/** How a gate holds a task. */
export interface GateHold {
  reason: string;
  /** Epoch ms; absent: in turn. */
  at?: number;
  /** The gate itself failed. */
  isError: boolean;
}

/**
 * Asks a gate about a task; null: it may start. A gate that throws, or answers with anything else, holds the task: to start it
 * would be to overrule a gate that nobody can ask.
 *
 * @param now epoch ms
 */
export function ask(gate: (task: never, now: Date) => unknown, task: unknown, now: number): GateHold | null {
  let answer: unknown;
  try {
    answer = gate(task as never, new Date(now));
  } catch (thrown) {
    return broken(wordsOf(thrown));
  }
  if (answer instanceof Promise || typeof (answer as { then?: unknown } | null)?.then === "function") {
    // Nobody will wait for it; what it may be rejected with is not to end the object.
    void Promise.resolve(answer).catch(() => undefined);
    return broken("it answered with a promise: a gate runs inside the object and must answer at once");
  }
  return read(answer, now);
}

function read(answer: unknown, now: number): GateHold | null {
  const { gate, reason, at } = (answer ?? {}) as Partial<Record<"gate" | "reason" | "at", unknown>>;
  const words = cutUtf8(typeof reason === "string" ? reason : "", LIMITS.gateReasonBytesMax);
  if (gate === "admit") return null;
  if (gate === "deny") return { reason: words, isError: false };
  if (gate === "until" && typeof at === "number" && Number.isFinite(at))
    return { reason: words, isError: false, ...(at > now ? { at: Math.ceil(at) } : {}) };
  if (gate === "until") return broken("until takes a Date or milliseconds since 1970");
  return broken("it must answer with admit, deny(reason) or until(time)");
}

const broken = (reason: string): GateHold => ({ reason: cutUtf8(reason, LIMITS.gateReasonBytesMax), isError: true });

/** What is thrown may be anything. */
function wordsOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  } catch {
    return "it threw something that cannot be shown";
  }
}
