import type { Clock } from "../../clock.ts";

/** One timer for everything a run waits for, so that a task costs none: it holds the earliest moment only. */
export class Wake {
  /** Epoch ms of the moment it stands at; Infinity: at none. */
  at = Infinity;
  readonly #clock: Clock;
  readonly #action: () => void;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, action: () => void) {
    this.#clock = clock;
    this.#action = action;
  }

  /** Fires at `at` (epoch ms) or before, when it stands earlier already. */
  arm(at: number): void {
    if (at >= this.at) return;
    this.#cancel?.();
    this.at = at;
    this.#cancel = this.#clock.after(Math.max(0, at - this.#clock.now()), () => {
      this.at = Infinity;
      this.#cancel = undefined;
      this.#action();
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    // Nothing arms it again.
    this.at = -Infinity;
  }
}
