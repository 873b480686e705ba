import { Heap, type Heaped } from "./heap.ts";
import type { GateHold } from "./gate.ts";
import { LIMITS } from "./limits.ts";

interface Aside extends Heaped {
  readonly id: number;
  readonly hold: GateHold;
  /** When it was asked about last. */
  readonly askedAt: number;
}

/**
 * The tasks that a gate holds, and when each is asked about again: at its time where it has one, else in turn, the one that was
 * asked longest ago first, 5 s later at the earliest; at most 1,000 every 5 s in all. Times in epoch ms.
 */
export class SetAside {
  private readonly all = new Map<number, Aside>();
  /** Those without a time, in the order in which they were asked. */
  private readonly inTurn = new Map<number, Aside>();
  private readonly timed = new Heap<Aside>(
    0,
    (one, other) => one.hold.at! < other.hold.at! || (one.hold.at === other.hold.at && one.id < other.id),
  );
  /** How many had their turn when, in the last 5 s. */
  private turns: { at: number; count: number }[] = [];

  get size(): number {
    return this.all.size;
  }

  /** Why that task is held; undefined: it is not. */
  get(id: number): GateHold | undefined {
    return this.all.get(id)?.hold;
  }

  /** Everything that is held. */
  ids(): Iterable<number> {
    return this.all.keys();
  }

  put(id: number, hold: GateHold, now: number): void {
    this.delete(id);
    const aside: Aside = { id, hold, askedAt: now, places: [-1] };
    this.all.set(id, aside);
    if (hold.at === undefined) this.inTurn.set(id, aside);
    else this.timed.put(aside);
  }

  delete(id: number): void {
    const aside = this.all.get(id);
    if (!aside) return;
    this.all.delete(id);
    this.inTurn.delete(id);
    this.timed.delete(aside);
  }

  clear(): void {
    for (const id of [...this.all.keys()]) this.delete(id);
  }

  /** Whose turn it is to be asked about again: taken out, they have to be asked or put back. */
  take(now: number): number[] {
    if (this.all.size === 0) return [];
    const left = this.left(now);
    const [oldest] = this.inTurn.values();
    // Both have their share, however often a gate names a time that is near.
    const timed = oldest && this.isDue(oldest, now) ? Math.ceil(left / 2) : left;
    const ids: number[] = [];
    for (let next = this.timed.top; next && next.hold.at! <= now && ids.length < timed; next = this.timed.top) {
      ids.push(next.id);
      this.delete(next.id);
    }
    for (const aside of this.inTurn.values()) {
      if (!this.isDue(aside, now) || ids.length >= left) break;
      ids.push(aside.id);
    }
    for (const id of ids) this.delete(id);
    if (ids.length > 0) this.turns.push({ at: now, count: ids.length });
    return ids;
  }

  /** When the next one is due, or null. */
  nextAt(now: number): number | null {
    const [first] = this.inTurn.values();
    const due = Math.min(this.timed.top?.hold.at ?? Infinity, first === undefined ? Infinity : first.askedAt + LIMITS.gateRestMs);
    if (due === Infinity) return null;
    return this.left(now) > 0 ? due : Math.max(due, this.turns[0]!.at + LIMITS.gateRestMs);
  }

  private isDue({ askedAt }: Aside, now: number): boolean {
    return askedAt + LIMITS.gateRestMs <= now;
  }

  private left(now: number): number {
    this.turns = this.turns.filter(({ at }) => at + LIMITS.gateRestMs > now);
    return this.turns.reduce<number>((left, { count }) => left - count, LIMITS.gateAsksMax);
  }
}
