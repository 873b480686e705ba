import type { Clock } from "../../clock.ts";
import type { Flags } from "../../policy/coordination/flags.ts";
import { COORDINATION } from "../../policy/coordination/protocol.ts";
import { point } from "../point.ts";
import { COORDINATOR, reachHolder } from "../reach.ts";

/** Older flags are known to everybody who has a valid grant. */
export const RETELL_MS = COORDINATION.repushMs * COORDINATION.flagPushes;

/** Tells domains of changed flags, each until it has heard, or until no grant of its own could have lasted so long. */
export class Herald {
  readonly #clock: Clock;
  /** The version that each domain is known to know. */
  readonly #heard = new Map<string, number>();
  /** Who is still to be told, and how often it was tried. */
  readonly #untold = new Map<string, number>();
  #flags: Flags;
  #stopTimer: (() => void) | undefined;

  constructor(clock: Clock, flags: Flags) {
    this.#clock = clock;
    this.#flags = flags;
  }

  /** A domain that syncs knows that version, or is told newer ones by the answer. */
  heard(domain: string, version: number): void {
    if (version > (this.#heard.get(domain) ?? -1)) this.#heard.set(domain, version);
    if (version >= this.#flags.version) this.#untold.delete(domain);
  }

  /** After the commit: they are told at once; resolves when all of them have heard or one attempt at each has failed. */
  async tell(flags: Flags, domains: Iterable<string>): Promise<void> {
    this.#flags = flags;
    for (const domain of domains) if ((this.#heard.get(domain) ?? -1) < flags.version) this.#untold.set(domain, 0);
    await this.#round();
  }

  async #round(): Promise<void> {
    const due = [...this.#untold];
    for (const [domain, tries] of due) {
      if (tries >= COORDINATION.flagPushes) this.#untold.delete(domain);
      else this.#untold.set(domain, tries + 1);
    }
    this.#wait();
    await Promise.all(due.map(([domain]) => this.#push(domain)));
  }

  async #push(domain: string): Promise<void> {
    try {
      point("coordinator.flags.call", COORDINATOR);
      const version = await reachHolder(domain).pushFlags(this.#flags);
      point("coordinator.flags.answered", COORDINATOR);
      this.heard(domain, version);
    } catch (error) {
      console.warn(JSON.stringify({ message: "a domain did not hear of changed flags; telling it again", domain, error: String(error) }));
    }
  }

  #wait(): void {
    this.#stopTimer?.();
    this.#stopTimer = this.#untold.size === 0 ? undefined : this.#clock.after(COORDINATION.repushMs, () => void this.#round());
  }
}
