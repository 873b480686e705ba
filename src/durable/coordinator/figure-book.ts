import type { MillFigures } from "../../policy/coordination/protocol.ts";
import { type DomainFigures, neverBack } from "../../policy/figures.ts";
import { own } from "../../policy/own.ts";
import type { CoordinatorStore } from "./store.ts";

/** So often a domain's figures are written down: after a restart those of idle domains are there, and nobody is woken for them. */
const STORE_MS = 60_000;

/** So many groups are counted. */
const GROUPS_MAX = 1_000;

/** What one domain last told of itself. */
export interface KnownFigures {
  domain: string;
  /** Epoch ms. */
  at: number;
  figures: DomainFigures;
}

/** The last figures of every domain. Memory is exact; the rows are up to a minute behind, but never behind what was shown. */
export class FigureBook {
  readonly #store: CoordinatorStore;
  readonly #known: Map<string, KnownFigures>;
  /** Since this life began: how often each group was paused and resumed. */
  readonly #pauses: Record<string, { paused: number; resumed: number }> = {};
  readonly #stored: Map<string, KnownFigures>;

  constructor(store: CoordinatorStore) {
    this.#store = store;
    this.#stored = new Map(store.figures().map((known) => [known.domain, known]));
    this.#known = new Map(this.#stored);
  }

  /** Part of a transaction. `isLast`: nothing more may come for a while. */
  tell(domain: string, figures: DomainFigures, at: number, isLast: boolean): void {
    const before = this.#known.get(domain);
    const known = { domain, at, figures: before ? neverBack(before.figures, figures) : figures };
    this.#known.set(domain, known);
    if (isLast || at - (this.#stored.get(domain)?.at ?? -Infinity) >= STORE_MS) this.#write(known);
  }

  /** A group was paused, or resumed. */
  countPause(event: string, group: unknown): void {
    if (event !== "group.paused" && event !== "group.resumed") return;
    const name = String(group);
    const known = own(this.#pauses, name);
    if (known === undefined && Object.keys(this.#pauses).length >= GROUPS_MAX) return;
    const counts = known ?? (this.#pauses[name] = { paused: 0, resumed: 0 });
    counts[event === "group.paused" ? "paused" : "resumed"] += 1;
  }

  /** Of these domains, those that ever told. Part of a transaction: after a restart no counter is lower than somebody has seen it. */
  show(names: Iterable<string>): Pick<MillFigures, "domains" | "groupPauses"> {
    const domains = [...names].flatMap((domain) => this.#known.get(domain) ?? []);
    for (const known of domains) if (this.#stored.get(known.domain) !== known) this.#write(known);
    return { domains, groupPauses: this.#pauses };
  }

  #write(known: KnownFigures): void {
    this.#store.setFigures(known);
    this.#stored.set(known.domain, known);
  }
}
