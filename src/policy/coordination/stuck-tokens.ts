import type { Allotment } from "./allotment.ts";
import { TURN_MS } from "./fill.ts";

/**
 * Tokens of groups for which others wait, and which a holder cannot use, since nothing is free to start a task in. They wait for a
 * slot that comes free, else who needs none would always be first; but not for long, and not at all where the group may have
 * none: the slots may be with those who have no token.
 */
export class StuckTokens {
  /** From when on they go back. */
  readonly #from = new Map<string, number>();

  /** Looks at what is held now. */
  note(has: Allotment, now: number): void {
    for (const group of this.#from.keys()) if (!has.short.includes(group)) this.#from.delete(group);
    for (const group of has.short) {
      if (!has.isStuck(group)) this.#from.delete(group);
      else if (has.ceilingIn(group) === 0) this.#from.set(group, now);
      else if (!this.#from.has(group)) this.#from.set(group, now + TURN_MS);
    }
  }

  /** When the next of them are to go back; infinite: none. */
  get dueAt(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#from.values());
  }

  /** Those whose time has come go back. */
  giveBack(has: Allotment, now: number): void {
    for (const [group, from] of this.#from) if (from <= now && this.#from.delete(group)) has.giveTokensBack(group);
  }
}
