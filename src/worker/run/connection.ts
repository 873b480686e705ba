import type { Clock } from "../../clock.ts";
import type { RunLink } from "../../durable/protocol.ts";
import { MillraceError } from "../../policy/errors.ts";

const BACKOFF_MS = 100;
const BACKOFF_MAX_MS = 2_000;

/** What a connection asks of its run. */
export interface Owner {
  clock: Clock;
  lost(): boolean;
  /** One attempt to reach the object by name with what the run has. */
  resume(): Promise<RunLink | null>;
  /** A fresh link is there (false: the object has all it needs of this run). */
  resumed(open: boolean): void;
  /** The object counts the run as lost. */
  refused(): void;
}

/**
 * The way from the runner to its object: the link that came with the run, or, once that broke (the object was reset),
 * the one that the object's next incarnation gave out.
 */
export class Connection {
  /** Whether the first link broke at any time: then nobody may be there any more to take the run's answer. */
  everBroken = false;
  /** Epoch ms at which the object last showed that it is there. */
  heardAt: number;
  #link: RunLink | undefined;
  #recovering: Promise<void> | undefined;
  readonly #owner: Owner;

  constructor(link: RunLink, owner: Owner) {
    this.#link = link;
    this.#owner = owner;
    this.heardAt = owner.clock.now();
  }

  /** Whether calls go through, as far as is known. */
  get open(): boolean {
    return this.#link !== undefined;
  }

  /** The recovery under way, if any; never rejects. */
  get recovering(): Promise<void> | undefined {
    return this.#recovering;
  }

  /** Makes a call on the link. `undefined`: it failed, and recovery has begun, or the run is lost. Never rejects. */
  async call<Answer>(make: (link: RunLink) => Promise<Answer>): Promise<{ answer: Answer } | undefined> {
    const link = this.#link;
    if (link === undefined) return undefined;
    try {
      const answer = await make(link);
      this.heardAt = this.#owner.clock.now();
      return { answer };
    } catch (thrown) {
      if (MillraceError.is(thrown, "lease_lost")) this.#owner.refused();
      else if (this.#link === link) this.recover();
      return undefined;
    }
  }

  /** Drops the link and looks for the object until it answers or the run is lost. */
  recover(): void {
    const wasOpen = this.open;
    // Jittered from the first try: a deploy breaks all runs of a domain at once. Not when the object was there just now.
    const rested = wasOpen && this.everBroken;
    this.everBroken = true;
    this.close();
    this.#recovering ??= this.#search(rested ? 0 : BACKOFF_MS).finally(() => (this.#recovering = undefined));
  }

  /** Lets go of the link's stub. */
  close(): void {
    dispose(this.#link);
    this.#link = undefined;
  }

  async #search(firstMs: number): Promise<void> {
    const { clock } = this.#owner;
    for (let ceiling = firstMs; !this.#owner.lost(); ceiling = Math.min(BACKOFF_MAX_MS, Math.max(BACKOFF_MS, ceiling * 2))) {
      if (ceiling > 0) await clock.sleep(Math.ceil(ceiling * clock.random()));
      if (this.#owner.lost()) return;
      try {
        const link = await this.#owner.resume();
        if (this.#owner.lost()) return dispose(link);
        this.#link = link ?? undefined;
        this.heardAt = clock.now();
        return this.#owner.resumed(link !== null);
      } catch (thrown) {
        if (MillraceError.is(thrown, "lease_lost")) return this.#owner.refused();
      }
    }
  }
}

/** Answers and links that came over RPC hold the other side until they are disposed; plain ones have nothing to dispose. */
export function dispose(value: unknown): void {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return;
  (value as Partial<Disposable>)[Symbol.dispose]?.();
}
