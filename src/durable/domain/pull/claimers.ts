import type { Clock } from "../../../clock.ts";
import { fail } from "../../../policy/errors.ts";
import { LIMITS } from "../../../policy/limits.ts";
import type { Claim, ClaimRequest } from "../../protocol.ts";

/** A pull worker that asks for tasks; in memory only, since it asks again when the object goes away. */
export class Claimer {
  readonly request: ClaimRequest;
  /** What the current transaction leased to it. */
  claims: Claim[] = [];
  bytes = 0;
  answer: (claims: Claim[]) => void = () => undefined;

  constructor(request: ClaimRequest) {
    this.request = request;
  }

  get wants(): number {
    return this.request.max - this.claims.length;
  }
}

/** What a claim waits at least where tasks are ready and only slots must be asked for, in ms. */
const GRANT_MS = 1_000;

/** The claims that are open, first come first served among equals. */
export class Claimers {
  private readonly clock: Clock;
  private readonly open = new Set<Claimer>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get size(): number {
    return this.open.size;
  }

  all(): IterableIterator<Claimer> {
    return this.open.values();
  }

  /** Asks: `attempt` is a transaction that may lease at once. Else resolves when something was leased, or empty after its wait. */
  async ask(request: ClaimRequest, attempt: () => void, needsSlots: () => boolean): Promise<Claim[]> {
    if (this.open.size >= LIMITS.waitersMax) {
      throw fail("too_many_requests", `More than ${LIMITS.waitersMax} claims wait in this domain; ask again in a moment.`, {
        retryAfterMs: 1_000,
      });
    }
    const claimer = new Claimer(request);
    let stop = (): void => undefined;
    let isAnswered = false;
    const answered = new Promise<Claim[]>((resolve) => {
      claimer.answer = (claims) => {
        isAnswered = true;
        stop();
        this.open.delete(claimer);
        resolve(claims);
      };
    });
    this.open.add(claimer);
    try {
      attempt();
    } catch (error) {
      this.open.delete(claimer);
      throw error;
    }
    if (isAnswered) return answered;
    const waitMs = Math.max(request.waitMs, needsSlots() ? GRANT_MS : 0);
    if (waitMs === 0) claimer.answer([]);
    else stop = this.clock.after(waitMs, () => claimer.answer([]));
    return answered;
  }

  /** After the commit: those who were leased something have it. */
  deliver(): void {
    for (const claimer of [...this.open]) if (claimer.claims.length > 0) claimer.answer(claimer.claims);
  }

  /** The transaction that leased was taken back. */
  forget(): void {
    for (const claimer of this.open) {
      claimer.claims = [];
      claimer.bytes = 0;
    }
  }

  /** The coordinator has answered, and what it gave is used: who did not want to wait longer than that need not. */
  granted(): void {
    for (const claimer of [...this.open]) if (claimer.request.waitMs === 0) claimer.answer([]);
  }
}
