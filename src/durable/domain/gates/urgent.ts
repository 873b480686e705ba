import type { Demand, CoordinatorApi } from "../../../policy/coordination/protocol.ts";
import { chooseVictims, unmetOf, type Wish } from "../../../policy/coordination/victims.ts";
import { point } from "../../point.ts";
import type { Core } from "../core.ts";
import { giveWay, victimsOf, yielding } from "./preempt.ts";

/** While urgent work waits though room was made, it is looked at again after this; where there was none to make, after that. */
const AGAIN_MS = 1_000;
const NOTHING_MS = 5_000;
/** For so many groups at their caps room is asked at once; where there are more, the others have their turn the next time. */
const ASKS_MAX = 8;

/**
 * Urgent work that is ready and finds no slot: less urgent work is stopped for it. In the domain itself where only the
 * domain's cap is in its way, else by the coordinator, wherever in the mill the least urgent runs. Nothing of this is stored:
 * after a crash the work still waits, and asks again.
 */
export class Urgent {
  private readonly core: Core;
  private readonly reach: () => CoordinatorApi;
  /** How many the coordinator knows of, and for how many it was asked to make room. */
  private told = 0;
  private asked = 0;
  private againAt = 0;
  private waiting = 0;
  private isAsking = false;
  private turn = 0;

  constructor(core: Core, reach: () => CoordinatorApi) {
    this.core = core;
    this.reach = reach;
  }

  /** What waits now. True: the coordinator is to hear of it first. */
  note(urgent: readonly Demand[]): boolean {
    const count = urgent.reduce((sum, demand) => sum + demand.count, 0);
    this.waiting = count;
    this.told = Math.min(this.told, count);
    this.asked = Math.min(this.asked, count);
    return count > this.told;
  }

  /** A request that says so is on its way. */
  tell(): void {
    this.told = this.waiting;
  }

  /** When to look again though nothing happens, or null. */
  nextAt(now: number): number | null {
    return this.waiting > 0 && this.againAt > now ? this.againAt : null;
  }

  /** Makes room for what waits, where room can be made. */
  look(urgent: readonly Demand[], now: number): void {
    const { holder } = this.core;
    if (urgent.length === 0 || !holder.valid(now) || this.isAsking) return;
    if (this.waiting <= this.asked && now < this.againAt) return;
    this.asked = this.waiting;
    this.againAt = now + NOTHING_MS;
    const { cap } = this.core;
    const isFull = cap !== null && holder.using >= cap;
    const asks: { group: string | null; wishes: Wish[] }[] = [];
    for (const { group, priority, count } of urgent) {
      const gate = holder.gate(now, group)?.gate;
      if (gate === undefined || gate === "group_rate") continue;
      const only = gate === "group_cap" ? group : null;
      const wish = { priority, count: Math.min(count, holder.tokens(group)) };
      const known = asks.find((one) => one.group === only);
      if (known) known.wishes.push(wish);
      else asks.push({ group: only, wishes: [wish] });
    }
    if (isFull) for (const { group, wishes } of asks) this.makeRoom(group, wishes, now);
    else if (asks.length > 0) void this.ask(asks, now);
  }

  /** The domain's own cap is in the way: one of its own gives way. */
  private makeRoom(group: string | null, wishes: readonly Wish[], now: number): void {
    const { core } = this;
    const most = wishes.reduce((sum, { count }) => sum + count, 0);
    const over = Math.min(...wishes.map(({ priority }) => priority));
    const excess = Math.max(0, core.holder.using - core.cap!);
    const coming = yielding(core, group, "away") + yielding(core, group, "here");
    const unmet = unmetOf([{ priority: over, count: excess }, ...wishes], coming, most + excess);
    const chosen = chooseVictims(victimsOf(core, { group, over, most: most + excess }), unmet);
    if (chosen.length === 0) return;
    this.againAt = now + AGAIN_MS;
    core.transact("preempt", () =>
      giveWay(
        core,
        chosen.map(({ id }) => id),
        false,
      ),
    );
  }

  private async ask(asks: readonly { group: string | null; wishes: Wish[] }[], now: number): Promise<void> {
    this.isAsking = true;
    const from = this.turn % asks.length;
    this.turn = from + ASKS_MAX;
    try {
      for (const one of [...asks.slice(from), ...asks.slice(0, from)].slice(0, ASKS_MAX)) {
        point("preempt.call", this.core.name);
        const coming = await this.reach().preempt({ domain: this.core.name, ...one });
        point("preempt.answered", this.core.name);
        if (coming > 0) this.againAt = Math.min(this.againAt, now + AGAIN_MS);
      }
    } catch (error) {
      this.againAt = now + AGAIN_MS;
      console.warn(JSON.stringify({ message: "no room could be asked for; asking again", domain: this.core.name, error: String(error) }));
    } finally {
      this.isAsking = false;
    }
  }
}
