import { COORDINATION } from "./protocol.ts";

const { backoffMinMs, backoffMaxMs } = COORDINATION;

/** How long to wait before a request that failed is made again: longer each time. */
export class Backoff {
  #failures = 0;
  #failedAt = 0;

  /** Not before this (ms). */
  get until(): number {
    if (this.#failures === 0) return Number.NEGATIVE_INFINITY;
    return this.#failedAt + Math.min(backoffMaxMs, backoffMinMs * 2 ** Math.min(10, this.#failures - 1));
  }

  failed(now: number): void {
    this.#failures += 1;
    this.#failedAt = now;
  }

  /** The clock may have gone back since: it counts from there. */
  setBack(now: number): void {
    this.#failedAt = Math.min(this.#failedAt, now);
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
