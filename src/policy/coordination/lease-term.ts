import { COORDINATION, type SyncAnswer, type SyncRequest } from "./protocol.ts";

const { untilStepMs } = COORDINATION;
const NEVER = Number.NEGATIVE_INFINITY;

/** How long a holder's pull workers may hold leases: no longer than the coordinator has stored. Epoch ms. */
export class LeaseTerm {
  /** The furthest end of a lease that is out, or null. */
  end: number | null = null;
  /** The furthest end of a lease that somebody waits for; reset by every answer. */
  #wanted = NEVER;
  #until = NEVER;

  /** Until when the coordinator keeps the slots of leases. */
  get until(): number {
    return this.#until;
  }

  /** Whether a lease may last so long; if not, that is wanted from now on. */
  may(end: number): boolean {
    if (end <= this.#until) return true;
    this.#wanted = Math.max(this.#wanted, end);
    return false;
  }

  isWanted(now: number): boolean {
    return this.#wanted > Math.max(now, this.#until);
  }

  /** For how long leases may be out, in steps, so that not every renewal asks; null when none is out or wanted: then what was promised is given up here and now. */
  ask(now: number): number | null {
    if (this.end === null && this.#wanted <= now) {
      this.#until = NEVER;
      return null;
    }
    const end = Math.max(this.end ?? NEVER, this.#wanted);
    return Math.max(0, end <= this.#until ? this.#until - now : end - now + untilStepMs);
  }

  /** What was asked for at `askedAt` has been answered. False: it is not promised. */
  answered({ leaseMs }: SyncRequest, { leased }: SyncAnswer, askedAt: number): boolean {
    this.#wanted = NEVER;
    if (leaseMs === undefined) return true;
    if (leased === true) this.#until = Math.max(this.#until, askedAt + leaseMs);
    return leased === true;
  }
}
