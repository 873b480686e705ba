import { invariant } from "../errors.ts";
import { UNGROUPED } from "./groups.ts";
import type { Grant, GroupReport, TokenCount } from "./protocol.ts";

/**
 * What a holder may use and does: slots in all and in each group, and tokens of groups with a rate limit. Knows
 * nothing of time. Groups go by their names, ungrouped work by `""`.
 */
export class Allotment {
  /** Slots occupied. */
  using = 0;
  /** Slots of the last grant, as far as they were not given back. */
  slots = 0;
  /** Slots each group should have, where groups have weights. */
  shares: ReadonlyMap<string, number> | null = null;
  /** Others wait for slots or tokens of these. */
  short: readonly string[] = [];
  readonly #usingIn = new Map<string, number>();
  /** What each group may use; null: groups have no limits. Before the first grant nothing is held. */
  #ceilings: Map<string, number> | null = new Map();
  readonly #tokens = new Map<string, TokenCount>();
  #limited = new Set<string>();
  /** When a group's last token was spent. */
  readonly #spentAt = new Map<string, number>();

  /** Whatever is named by nobody holds nothing. */
  get isClosed(): boolean {
    return this.#ceilings !== null;
  }

  usingIn(group: string): number {
    if (group !== UNGROUPED) return this.#usingIn.get(group) ?? 0;
    let ungrouped = this.using;
    for (const using of this.#usingIn.values()) ungrouped -= using;
    return ungrouped;
  }

  /** Slots that a group may use. */
  ceilingIn(group: string): number {
    return group === UNGROUPED || this.#ceilings === null ? this.slots : Math.min(this.slots, this.#ceilings.get(group) ?? 0);
  }

  /** Whether a group is at its own ceiling; the slots in all are another question. */
  isFull(group: string): boolean {
    return group !== UNGROUPED && this.#ceilings !== null && this.usingIn(group) >= (this.#ceilings.get(group) ?? 0);
  }

  /** Tasks of a group that may be started by its rate limit: infinite, where it has none. */
  tokensIn(group: string): number {
    return this.#limited.has(group) ? this.#unspent(group) : Number.POSITIVE_INFINITY;
  }

  /** Slots that a group has below the part that its weight gives it: it goes before others; infinite where nobody has a weight. */
  owedTo(group: string): number {
    return this.shares === null ? Number.POSITIVE_INFINITY : (this.shares.get(group) ?? 0) - this.usingIn(group);
  }

  /** What is held after the last grant: never below what is in use. */
  get holding(): number {
    return Math.max(this.slots, this.using);
  }

  holdingIn(group: string): number {
    const most = this.#ceilings === null ? Number.POSITIVE_INFINITY : (this.#ceilings.get(group) ?? 0);
    return Math.max(this.usingIn(group), Math.min(this.holding, most));
  }

  occupy(group: string): void {
    this.using += 1;
    if (group !== UNGROUPED) this.#usingIn.set(group, this.usingIn(group) + 1);
  }

  vacate(group: string): void {
    invariant(this.usingIn(group) > 0, "a slot was vacated that nobody occupied");
    this.using -= 1;
    if (group === UNGROUPED) return;
    const left = this.usingIn(group) - 1;
    if (left === 0) this.#usingIn.delete(group);
    else this.#usingIn.set(group, left);
  }

  /** So many tasks of a group are started. */
  spend(group: string, count: number, now?: number): void {
    if (!this.#limited.has(group)) return;
    const tokens = this.#tokens.get(group);
    invariant(tokens !== undefined && this.#unspent(group) >= count, "more tasks were started than there were tokens");
    tokens.spent += count;
    if (now !== undefined) this.#spentAt.set(group, now);
  }

  apply({ slots, perGroup, shares, shortGroups }: Grant): void {
    this.slots = slots;
    this.shares = shares ?? null;
    this.short = shortGroups ?? [];
    this.#limited = new Set();
    this.#ceilings = perGroup === undefined ? null : new Map();
    for (const [group, { slots: most, tokens }] of perGroup ?? []) {
      this.#ceilings?.set(group, most);
      if (tokens === undefined) continue;
      this.#limited.add(group);
      const count = this.#tokens.get(group) ?? { granted: 0, spent: 0, returned: 0 };
      count.granted = tokens;
      this.#tokens.set(group, count);
    }
  }

  /** Everything unused goes back: the grant is void. */
  empty(): void {
    this.giveBack();
    this.#ceilings ??= new Map();
    for (const group of [...this.#ceilings.keys(), ...this.#usingIn.keys()]) this.#ceilings.set(group, this.usingIn(group));
    for (const group of this.#tokens.keys()) this.giveTokensBack(group);
  }

  /** Unused slots go back; with the last of them the tokens. */
  giveBack(): void {
    this.slots = Math.min(this.slots, this.using);
    if (this.slots === 0) for (const group of this.#tokens.keys()) this.giveTokensBack(group);
  }

  /** One unused slot goes back, and with it the leave to use one for that group. */
  yield(group: string): void {
    if (this.slots > this.using) this.slots -= 1;
    const ceiling = this.#ceilings?.get(group) ?? 0;
    if (group !== UNGROUPED && ceiling > this.usingIn(group)) this.#ceilings?.set(group, ceiling - 1);
  }

  /** What a group does not use goes back. */
  giveBackIn(group: string): void {
    const ceiling = this.#ceilings?.get(group);
    if (ceiling !== undefined) this.#ceilings?.set(group, Math.min(ceiling, this.usingIn(group)));
    this.giveTokensBack(group);
  }

  /** What is left of a group's tokens goes back. */
  giveTokensBack(group: string): void {
    const tokens = this.#tokens.get(group);
    if (tokens !== undefined) tokens.returned += this.#unspent(group);
  }

  /** Whether it has tokens of a group, and nothing free to start its tasks in. */
  isStuck(group: string): boolean {
    if (!this.#limited.has(group) || this.#unspent(group) === 0) return false;
    return this.using >= this.slots || this.usingIn(group) >= this.ceilingIn(group);
  }

  /** Whether a group has anything to give back. */
  isIdle(group: string): boolean {
    return this.holdingIn(group) > this.usingIn(group) || this.#unspent(group) > 0;
  }

  /** What is held, used and ready, by group; undefined where there is nothing to say. */
  report(pending: ReadonlyMap<string, number>, now: number): Map<string, GroupReport> | undefined {
    const groups = new Map<string, GroupReport>();
    for (const group of new Set([...(this.#ceilings?.keys() ?? []), ...this.#usingIn.keys(), ...pending.keys(), ...this.#limited])) {
      if (group === UNGROUPED) continue;
      const report: GroupReport = { holding: this.holdingIn(group), using: this.usingIn(group), pending: pending.get(group) ?? 0 };
      const tokens = this.#tokens.get(group);
      const spentAt = this.#spentAt.get(group);
      if (tokens !== undefined) report.tokens = { ...tokens, ...(spentAt === undefined ? {} : { spentMs: Math.max(0, now - spentAt) }) };
      if (report.holding > 0 || report.pending > 0 || tokens !== undefined) groups.set(group, report);
    }
    return groups.size > 0 ? groups : undefined;
  }

  /** What is held by group, to confirm. */
  held(): Map<string, number> | undefined {
    const names = [...(this.#ceilings?.keys() ?? []), ...this.#usingIn.keys()];
    return names.length === 0 ? undefined : new Map(names.map((group) => [group, this.holdingIn(group)]));
  }

  #unspent(group: string): number {
    const { granted, spent, returned } = this.#tokens.get(group) ?? { granted: 0, spent: 0, returned: 0 };
    return Math.max(0, granted - spent - returned);
  }
}
