import { Heap, type Heaped } from "./heap.ts";
import type { Intervals } from "./intervals.ts";

/** The place of a level or a node in its parent's heaps: by order, or by turn where it has a fair key. */
const PLAIN = 0;
const TURN = 1;
const SLOTS = [PLAIN, TURN] as const;
type Slot = (typeof SLOTS)[number];
/** A level's places in the heaps over all levels. */
export const OLDEST = 2;
export const CHANGE = 3;

/** What a lane is: its tasks are held together, and share a fair key. */
export interface Lane {
  readonly name: string;
  readonly fair: string | null;
  readonly home: Node;
  readonly levels: Map<number, Level>;
  size: number;
}

/** A priority level of one lane. `head` repeats its lowest id, for the heaps. */
export class Level implements Heaped {
  readonly lane: Lane;
  readonly priority: number;
  readonly ids: Intervals;
  readonly places = [-1, -1, -1, -1];
  head = Infinity;
  /** The effective priority of its head, and when that changes (epoch ms). */
  rank: number;
  changesAt = Infinity;
  /** Its turn among fair keys of that rank: the least is next. */
  stamp = 0;
  /** Under pressure it waits. */
  isOpen: boolean;
  counted = 0;
  countedRank = -1;

  constructor(lane: Lane, priority: number, ids: Intervals, isOpen: boolean) {
    this.lane = lane;
    this.priority = priority;
    this.rank = priority;
    this.ids = ids;
    this.isOpen = isOpen;
  }

  get ready(): number {
    return this.ids.size;
  }

  best(slot: Slot): Level | undefined {
    if (this.ids.size === 0) return undefined;
    return (slot === PLAIN) === (this.lane.fair === null) ? this : undefined;
  }
}

/** Whether one is served before the other, by effective priority, then id. */
const inOrder = (one: Level, other: Level): boolean => one.rank < other.rank || (one.rank === other.rank && one.head < other.head);
const inTurn = (one: Level, other: Level): boolean =>
  one.rank < other.rank || (one.rank === other.rank && (one.stamp < other.stamp || (one.stamp === other.stamp && one.head < other.head)));

/**
 * A part of the order that can be set aside whole: all of it, one kind, or one group of a kind. It knows the best of its open
 * children, so that holding it costs no more than taking one item out of a heap, whatever waits in it.
 */
export class Node implements Heaped {
  readonly name: string;
  readonly parent: Node | undefined;
  readonly children = new Map<string, Node>();
  readonly reasons = new Set<string>();
  readonly places = [-1, -1];
  /** All ids below, and those that can be reached from here. */
  total = 0;
  ready = 0;
  counted = 0;
  /** Ids that can be reached by effective priority; of groups alone. */
  readonly byRank = new Map<number, number>();
  /** When what has no fair key had its turn last, by effective priority; of the uppermost alone. */
  readonly turns = new Map<number, number>();
  private readonly heaps = SLOTS.map(
    (slot) => new Heap<Node | Level>(slot, (one, other) => (slot === TURN ? inTurn : inOrder)(one.best(slot)!, other.best(slot)!)),
  );

  constructor(name: string, parent: Node | undefined) {
    this.name = name;
    this.parent = parent;
  }

  /** Whether what it holds can be reached: nothing of its own holds it, or its group. */
  get isOpen(): boolean {
    return this.reasons.size === 0;
  }

  best(slot: Slot): Level | undefined {
    return this.heaps[slot]!.top?.best(slot);
  }

  /** The level that is served next. What has no fair key takes its turn among them as one. */
  get next(): Level | undefined {
    const plain = this.best(PLAIN);
    const fair = this.best(TURN);
    if (!plain || !fair || plain.rank !== fair.rank) return !fair || (plain && plain.rank < fair.rank) ? plain : fair;
    const turn = this.turns.get(plain.rank);
    return (turn === undefined ? plain.head < fair.head : turn < fair.stamp) ? plain : fair;
  }

  /** Whether the best of both kinds are equally urgent, so that they take turns. */
  get takesTurns(): boolean {
    const fair = this.best(TURN);
    return fair !== undefined && fair.rank === this.best(PLAIN)?.rank;
  }

  /** The levels that can be reached, in no order; of groups alone. */
  *levels(): Generator<Level> {
    for (const slot of SLOTS) yield* this.heaps[slot]!.all() as Iterable<Level>;
  }

  /** A child has changed: its place, what it counts for, and what that means above. */
  update(child: Node | Level): void {
    const counts = child.isOpen ? child.ready : 0;
    for (const slot of SLOTS) {
      if (counts > 0 && child.best(slot)) this.heaps[slot]!.put(child);
      else this.heaps[slot]!.delete(child);
    }
    if (child instanceof Level) this.countRank(child, counts);
    this.ready += counts - child.counted;
    child.counted = counts;
    this.parent?.update(this);
  }

  /** A level has grown or shrunk behind its head: only sums change. */
  resize(level: Level, difference: number): void {
    if (!level.isOpen) return;
    level.counted += difference;
    this.addRank(level.rank, difference);
    this.grow(difference);
  }

  private grow(difference: number): void {
    this.ready += difference;
    if (!this.parent || !this.isOpen) return;
    this.counted += difference;
    this.parent.grow(difference);
  }

  private countRank(level: Level, counts: number): void {
    if (level.countedRank === level.rank && level.counted === counts) return;
    this.addRank(level.countedRank, -level.counted);
    level.countedRank = level.rank;
    this.addRank(level.rank, counts);
  }

  private addRank(rank: number, count: number): void {
    if (count === 0) return;
    const sum = (this.byRank.get(rank) ?? 0) + count;
    if (sum === 0) this.byRank.delete(rank);
    else this.byRank.set(rank, sum);
  }
}
