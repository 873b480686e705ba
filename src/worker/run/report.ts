import type { RunOutcome } from "../../durable/protocol.ts";

/** One message carries at most this much result text, in UTF-16 units: two bytes each at worst, far under the 32 MiB of an RPC. */
export const MESSAGE_CHARS_MAX = 4_194_304;

/**
 * Outcomes on their way to the object, in order. A batch stays here until its delivery is confirmed: what is sent twice
 * the object ignores, what is lost runs again.
 */
export class Report {
  /** Epoch ms at which the oldest one was added; Infinity when there is none. */
  since = Infinity;
  /** Result text held, in UTF-16 units. */
  chars = 0;
  #outcomes: RunOutcome[] = [];

  get size(): number {
    return this.#outcomes.length;
  }

  add(outcome: RunOutcome, now: number): void {
    if (this.#outcomes.length === 0) this.since = now;
    this.#outcomes.push(outcome);
    this.chars += charsOf(outcome);
  }

  /** The oldest ones, as many as one message carries. */
  batch(): RunOutcome[] {
    if (this.chars <= MESSAGE_CHARS_MAX) return this.#outcomes.slice();
    let chars = 0;
    const end = this.#outcomes.findIndex((outcome) => (chars += charsOf(outcome)) > MESSAGE_CHARS_MAX);
    return this.#outcomes.slice(0, Math.max(1, end));
  }

  /** The object has them. By identity: a batch may have gone out twice, over a link that broke and by name. */
  confirm(batch: RunOutcome[], now: number): void {
    if (batch.length === 0) return;
    const confirmed = new Set(batch);
    this.#outcomes = this.#outcomes.filter((outcome) => !confirmed.has(outcome));
    this.chars = this.#outcomes.reduce((chars, outcome) => chars + charsOf(outcome), 0);
    this.since = this.#outcomes.length === 0 ? Infinity : now;
  }
}

function charsOf(outcome: RunOutcome): number {
  if (outcome.ok) return outcome.result?.length ?? 0;
  return outcome.error.message.length + (outcome.error.stack?.length ?? 0);
}
