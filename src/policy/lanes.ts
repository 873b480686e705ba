import { type AgingPolicy, effectivePriority, nextChange } from "./aging.ts";
import { invariant } from "./errors.ts";
import { Heap } from "./heap.ts";
import { Intervals } from "./intervals.ts";
import { laneParts } from "./lane-name.ts";
import { LaneParents } from "./lane-parents.ts";
import { CHANGE, type Lane, Level, type Node, OLDEST } from "./lane-tree.ts";
import { NO_FLOOR } from "./pressure.ts";
import { FINALIZE_LEVEL } from "./priority.ts";

/** Consecutive ids of one lane and priority level: `first`, `first + 1`, …, `count` of them. */
export interface Pick {
  lane: string;
  priority: number;
  first: number;
  count: number;
  /** Whose turn it was, among fair keys: what is put back has it again. */
  stamp?: number;
  pull?: string | undefined;
}

/** How tasks grow more urgent, and when a task was submitted, less the time that its group's tasks were held since. */
export interface Aging {
  policy: AgingPolicy;
  bornAt(id: number, group: string | null): number;
}

/**
 * The ready order of a domain in memory: which pending task comes next. Per lane and priority level the ids as intervals;
 * lanes by kind and group, each of which can be set aside whole, so that whatever waits in it costs nothing and hides nobody.
 * The order is by effective priority, then id; fair keys take turns among what is equally
 * urgent, and all that has none takes turns with them as one. Pure: it knows
 * nothing of rows, change it only after the commit. An id may wait in one place only: to move it, remove it there first.
 *
 * With n levels in use and m intervals in a level: taking a run of consecutive ids is O(log n), adding at a level's end
 * O(1) amortised, anything else O(log n + log m).
 */
export class Lanes extends LaneParents {
  private readonly lanes = new Map<string, Lane>();
  private readonly keys = new Map<string, Set<Lane>>();
  private readonly oldest = new Heap<Level>(OLDEST, (one, other) => one.head < other.head);
  private readonly changes = new Heap<Level>(CHANGE, (one, other) => one.changesAt < other.changesAt);
  /** What the caller last made the places by, for it to compare. */
  agedBy = "";
  private aging: Aging | undefined;
  private now = 0;
  private floor = NO_FLOOR;
  private pressed = 0;
  private turn = 0;
  private total = 0;

  /** All pending ids, those set aside included. */
  get size(): number {
    return this.total;
  }

  /** The lowest id of all, held or not; undefined when there is none. */
  oldestId(): number | undefined {
    return this.oldest.top?.head;
  }

  /** Adds the ids `first` to `last`, anywhere in the order; those already there stay. Answers how many were new. */
  add(lane: string, priority: number, first: number, last = first): number {
    invariant(Number.isSafeInteger(first) && Number.isSafeInteger(last) && 0 < first && first <= last, `no ids: ${first} to ${last}`);
    invariant(Number.isInteger(priority) && priority >= FINALIZE_LEVEL && priority <= 255, `no priority: ${priority}`);
    const home = this.lanes.get(lane) ?? this.open(lane);
    let level = home.levels.get(priority);
    if (!level) home.levels.set(priority, (level = new Level(home, priority, new Intervals(), priority < this.floor)));
    const added = this.changed(level, level.ids.add(first, last));
    if (!level.isOpen) this.pressed += added;
    return added;
  }

  /** Removes the ids `first` to `last`; answers how many were there. */
  remove(lane: string, priority: number, first: number, last = first): number {
    const level = this.lanes.get(lane)?.levels.get(priority);
    return level ? this.changed(level, -level.ids.remove(first, last)) : 0;
  }

  /** Whether the id waits in that lane and level. */
  has(lane: string, priority: number, id: number): boolean {
    return this.lanes.get(lane)?.levels.get(priority)?.ids.has(id) ?? false;
  }

  /** The next id of what the runner gets, or of a pull kind, with its effective priority; not removed. Undefined when nothing is ready. */
  peek(pull?: string): { lane: string; group: string | null; priority: number; id: number } | undefined {
    const level = this.orderOf(pull)?.next;
    return level && { lane: level.lane.name, group: level.lane.home.name || null, priority: level.rank, id: level.head };
  }

  /**
   * Removes and answers the next at most `count` ids in ready order, all of one group: the first's, or the one given. It
   * ends where the next id is of another group, so that the order stays exact.
   *
   * @param group take nothing but this group's; null: what has no group
   */
  take(count: number, group?: string | null, pull?: string): Pick[] {
    const picks: Pick[] = [];
    const order = this.orderOf(pull);
    if (!order) return picks;
    let left = count;
    let only = group === null ? "" : group;
    for (let level = order.next; level && left > 0; level = order.next) {
      const { lane, priority, head, rank } = level;
      if (lane.home.name !== (only ??= lane.home.name)) break;
      const takesTurns = lane.fair !== null || order.takesTurns;
      const taken = takesTurns ? 1 : this.alike(level, left);
      const stamp = lane.fair === null ? order.turns.get(rank) : level.stamp;
      picks.push({ lane: lane.name, priority, first: head, count: taken, ...(takesTurns ? { stamp: stamp ?? 0, pull } : {}) });
      level.ids.shift(taken);
      this.changed(level, -taken);
      if (takesTurns) this.passTurn(order, lane.fair, rank, (this.turn += 1));
      left -= taken;
    }
    return picks;
  }

  /** Puts taken ids back, as if they had never been taken. */
  putBack(picks: Iterable<Pick>): void {
    for (const { lane, priority, first, count, stamp, pull } of picks) {
      this.add(lane, priority, first, first + count - 1);
      const level = this.lanes.get(lane)!.levels.get(priority)!;
      if (stamp !== undefined) this.passTurn(this.orderOf(pull), level.lane.fair, level.rank, stamp);
    }
  }

  /** Sets everything aside whose effective priority is that or a higher number; 256: nothing. O(levels) when it changes. */
  setFloor(priority = NO_FLOOR): void {
    if (priority === this.floor) return;
    this.floor = priority;
    for (const { home, levels } of this.lanes.values()) {
      for (const level of levels.values()) {
        if (level.isOpen && level.rank >= priority) this.pressed += level.ids.size;
        level.isOpen = level.rank < priority;
        home.update(level);
      }
    }
  }

  /** How many ids have come to wait below the floor since the last call: they came, or it fell. */
  takePressed(): number {
    const { pressed } = this;
    this.pressed = 0;
    return pressed;
  }

  /** Whether there is a floor, and something that may be below it. */
  get isPressed(): boolean {
    return this.floor < NO_FLOOR && this.total > 0;
  }

  /** How tasks grow more urgent from now on; undefined: not. Also after a change of what `bornAt` answers. O(levels). */
  setAging(aging: Aging | undefined, now: number): void {
    this.aging = aging;
    this.now = now;
    for (const { levels } of this.lanes.values()) for (const level of levels.values()) if (level.ids.size > 0) this.rank(level);
  }

  /** Time has passed: whoever has grown more urgent gets its new place. O(log n) each. */
  advance(now: number): void {
    this.now = Math.max(this.now, now);
    for (let level = this.changes.top; level && level.changesAt <= this.now; level = this.changes.top) this.rank(level);
  }

  private open(name: string): Lane {
    const { kind, group, fair } = laneParts(name);
    const lane: Lane = { name, fair, home: this.homeOf(kind, group), levels: new Map(), size: 0 };
    this.lanes.set(name, lane);
    if (fair !== null) this.keys.set(fair, (this.keys.get(fair) ?? new Set()).add(lane));
    return lane;
  }

  /** Every change of a level ends here: sums, heaps, and lanes that are empty go. Answers how many ids changed. */
  private changed(level: Level, difference: number): number {
    if (difference === 0) return 0;
    const { lane, ids } = level;
    this.total += difference;
    lane.size += difference;
    for (let node: Node | undefined = lane.home; node; node = node.parent) node.total += difference;
    const head = ids.first;
    const isNew = level.head === Infinity;
    const moved = head !== level.head;
    if (moved) {
      level.head = head;
      if (ids.size === 0) {
        this.oldest.delete(level);
        this.changes.delete(level);
      } else {
        this.oldest.put(level);
        if (this.aging || isNew) return (this.rank(level, isNew), Math.abs(difference));
      }
    }
    // A million of them go this way when the object wakes.
    if (head !== Infinity && !moved) lane.home.resize(level, difference);
    else lane.home.update(level);
    if (lane.size === 0) this.forget(lane);
    return Math.abs(difference);
  }

  /** The effective priority of a level's head as of now; one that enters a rank queues up there. */
  private rank(level: Level, isNew = false): void {
    const { lane, priority, head } = level;
    const before = level.rank;
    level.rank = priority;
    level.changesAt = Infinity;
    if (this.aging) {
      const { policy, bornAt } = this.aging;
      const born = bornAt(head, lane.home.name || null);
      level.rank = effectivePriority(priority, this.now - born, policy);
      level.changesAt = born + nextChange(priority, this.now - born, policy);
    }
    level.isOpen = level.rank < this.floor;
    if (level.changesAt === Infinity) this.changes.delete(level);
    else this.changes.put(level);
    if (lane.fair !== null && (isNew || level.rank !== before)) level.stamp = this.stampOf(level);
    lane.home.update(level);
  }

  /** How many ids at the front, at most `count`, are consecutive and equally urgent; by age the oldest comes first. */
  private alike(level: Level, count: number): number {
    const run = level.ids.run(count);
    if (!this.aging || run === 1) return run;
    const { policy, bornAt } = this.aging;
    const group = level.lane.home.name || null;
    const isAlike = (length: number): boolean =>
      effectivePriority(level.priority, this.now - bornAt(level.head + length - 1, group), policy) === level.rank;
    if (isAlike(run)) return run;
    let low = 1;
    for (let high = run; high - low > 1;) {
      const middle = (low + high) >> 1;
      if (isAlike(middle)) low = middle;
      else high = middle;
    }
    return low;
  }

  /** The last in turn, or where another level of its key and rank stands already. */
  private stampOf(level: Level): number {
    for (const other of this.ofKey(level.lane.fair!, level.rank)) if (other !== level) return other.stamp;
    return (this.turn += 1);
  }

  /** Its key was served: all of it that is equally urgent has its next turn at `stamp`. */
  private passTurn(order: Node | undefined, fair: string | null, rank: number, stamp: number): void {
    if (fair === null) order?.turns.set(rank, stamp);
    else for (const other of this.ofKey(fair, rank)) this.setStamp(other, stamp);
  }

  private setStamp(level: Level, stamp: number): void {
    level.stamp = stamp;
    if (level.ids.size > 0) level.lane.home.update(level);
  }

  /** What waits under the same fair key, equally urgent. */
  private *ofKey(fair: string, rank: number): Generator<Level> {
    for (const { levels } of this.keys.get(fair) ?? [])
      for (const level of levels.values()) if (level.rank === rank && level.head !== Infinity) yield level;
  }

  /** The plain lane stays: it is the one that is always needed again. */
  private forget(lane: Lane): void {
    if (lane.name === "") return;
    this.lanes.delete(lane.name);
    if (lane.fair !== null) {
      const own = this.keys.get(lane.fair)!;
      own.delete(lane);
      if (own.size === 0) this.keys.delete(lane.fair);
    }
    this.forgetHome(lane.home);
  }
}
