import { sweepList } from "../../policy/coordination/sweep.ts";
import type { CoordinatorStore, KnownDomain } from "./store.ts";

const HOUR_MS = 3_600_000;

/** The domains the coordinator has heard of. Memory is exact; the rows are up to an hour behind. */
export class Roster {
  readonly #store: CoordinatorStore;
  readonly #known = new Map<string, KnownDomain>();
  readonly #stored = new Map<string, KnownDomain>();

  /** @param names the registry's domains: known although they never synced */
  constructor(store: CoordinatorStore, names: Iterable<string>) {
    this.#store = store;
    for (const name of names) this.#known.set(name, { name, synced_at: 0, poked_at: 0 });
    for (const row of store.domains()) {
      this.#stored.set(row.name, row);
      // One that the code no longer has cannot be poked.
      if (this.#known.has(row.name)) this.#known.set(row.name, { ...row });
    }
  }

  synced(name: string, now: number): void {
    const domain = this.#known.get(name);
    if (domain === undefined) return;
    domain.synced_at = now;
    this.#write(domain);
  }

  /** Those that synced within the hour, and what else is named. */
  recent(also: Iterable<string>, now: number): Set<string> {
    const names = new Set(also);
    for (const { name, synced_at } of this.#known.values()) if (synced_at > 0 && now - synced_at < HOUR_MS) names.add(name);
    for (const name of names) if (!this.#known.has(name)) names.delete(name);
    return names;
  }

  /** The domains to poke now; they count as poked. */
  sweep(holding: ReadonlySet<string>, now: number): string[] {
    const candidates = [...this.#known.values()].map(({ name, synced_at, poked_at }) => ({
      name,
      syncedAt: synced_at,
      pokedAt: poked_at,
      holds: holding.has(name),
    }));
    const names = sweepList(candidates, now);
    for (const name of names) {
      const domain = this.#known.get(name);
      if (domain === undefined) continue;
      domain.poked_at = now;
      this.#write(domain);
    }
    return names;
  }

  /** At most one row per domain an hour. */
  #write(domain: KnownDomain): void {
    const stored = this.#stored.get(domain.name);
    if (stored !== undefined && domain.synced_at - stored.synced_at < HOUR_MS && domain.poked_at - stored.poked_at < 24 * HOUR_MS) return;
    const row = { ...domain };
    this.#store.putDomain(row);
    this.#stored.set(row.name, row);
  }
}
