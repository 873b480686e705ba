import { invariant } from "./errors.ts";
import { Heap } from "./heap.ts";
import { Intervals } from "./intervals.ts";

/** Consecutive ids of one lane and priority level: `first`, `first + 1`, …, `count` of them. */
export interface Pick {
  lane: string;
  priority: number;
  first: number;
  count: number;
}

/** A priority level of one lane. `head` repeats its lowest id, for the heaps. */
interface Level {
  readonly lane: Lane;
  readonly priority: number;
  readonly ids: Intervals;
  readonly places: number[];
  head: number;
}

interface Lane {
  readonly name: string;
  readonly levels: Map<number, Level>;
  readonly reasons: Set<string>;
  size: number;
}

const READY = 0;
const OLDEST = 1;

/**
 * The ready order of a domain in memory: which pending task comes next. Per lane and priority level the ids as
 * intervals; the levels' heads in a heap by priority, then id. A held lane leaves the heap whole, so whatever
 * waits in it costs nothing and hides nobody. Pure: it knows nothing of rows, change it only after the commit.
 * An id may wait in one place only: to move it, remove it there first.
 *
 * With n levels in use (at most lanes × 256) and m intervals in a level: taking a run of consecutive ids is
 * O(log n), adding at a level's end O(1) amortised, anything else O(log n + log m).
 */
export class Lanes {
  private readonly lanes = new Map<string, Lane>();
  private readonly ready = new Heap<Level>(
    READY,
    (one, other) => one.priority < other.priority || (one.priority === other.priority && one.head < other.head),
  );
  private readonly oldest = new Heap<Level>(OLDEST, (one, other) => one.head < other.head);
  private total = 0;
  private aside = 0;

  /** All pending ids, those in held lanes included. */
  get size(): number {
    return this.total;
  }

  /** The ids that `take` can reach: those in lanes that nothing holds. */
  get readySize(): number {
    return this.total - this.aside;
  }

  /** How many ids a lane holds. */
  sizeOf(lane: string): number {
    return this.lanes.get(lane)?.size ?? 0;
  }

  /** What a lane holds by priority, most urgent first, held or not: how many, and the lowest id. */
  levelsOf(lane: string): { priority: number; count: number; oldest: number }[] {
    const levels = [...(this.lanes.get(lane)?.levels.values() ?? [])].filter(({ ids }) => ids.size > 0);
    return levels
      .map(({ priority, ids, head }) => ({ priority, count: ids.size, oldest: head }))
      .sort((one, other) => one.priority - other.priority);
  }

  /** The lowest id of all, held or not; undefined when there is none. */
  oldestId(): number | undefined {
    return this.oldest.top?.head;
  }

  /** Ready work by priority, most urgent first: how many, and the lowest id. O(levels). */
  sizeByPriority(): { priority: number; count: number; oldest: number }[] {
    const levels = new Map<number, { priority: number; count: number; oldest: number }>();
    for (const { priority, ids, head } of this.ready.all()) {
      const sum = levels.get(priority);
      if (!sum) levels.set(priority, { priority, count: ids.size, oldest: head });
      else {
        sum.count += ids.size;
        if (head < sum.oldest) sum.oldest = head;
      }
    }
    return [...levels.values()].sort((one, other) => one.priority - other.priority);
  }

  /** Adds the ids `first` to `last`, anywhere in the order; those already there stay. Answers how many were new. */
  add(lane: string, priority: number, first: number, last = first): number {
    invariant(Number.isSafeInteger(first) && Number.isSafeInteger(last) && 0 < first && first <= last, `no ids: ${first} to ${last}`);
    invariant(Number.isInteger(priority) && priority >= 0 && priority <= 255, `no priority: ${priority}`);
    const home = this.lanes.get(lane) ?? this.open(lane);
    const level = home.levels.get(priority) ?? openLevel(home, priority);
    return this.changed(level, level.ids.add(first, last));
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

  /** How many ready ids come before this one by priority, then id. A look at every level: for people, not for the loop. */
  ahead(priority: number, id: number): number {
    let count = 0;
    for (const level of this.ready.all()) {
      if (level.priority < priority) count += level.ids.size;
      else if (level.priority === priority) count += level.ids.below(id);
    }
    return count;
  }

  /** The next id, not removed; undefined when nothing is ready. */
  peek(): { lane: string; priority: number; id: number } | undefined {
    const level = this.ready.top;
    return level && { lane: level.lane.name, priority: level.priority, id: level.head };
  }

  /**
   * Removes and answers the next at most `count` ids in ready order.
   *
   * @param decide asked for every id before it is taken; the first `false` ends the taking. It must not change the lanes.
   */
  take(count: number, decide?: (lane: string, priority: number, id: number) => boolean): Pick[] {
    const picks: Pick[] = [];
    let left = count;
    for (let level = this.ready.top; level && left > 0; level = this.ready.top) {
      const { lane, priority, head } = level;
      // An id waits in one place, so no other level's id comes between consecutive ones of this level.
      const run = level.ids.run(left);
      let taken = run;
      if (decide) for (taken = 0; taken < run && decide(lane.name, priority, head + taken); taken += 1);
      if (taken > 0) {
        picks.push({ lane: lane.name, priority, first: head, count: taken });
        level.ids.shift(taken);
        this.changed(level, -taken);
      }
      left = taken < run ? 0 : left - taken;
    }
    return picks;
  }

  /** Puts taken ids back, as if they had never been taken. */
  putBack(picks: Iterable<Pick>): void {
    for (const { lane, priority, first, count } of picks) this.add(lane, priority, first, first + count - 1);
  }

  /** Sets a lane aside whole, for a reason; it comes back when every reason is gone. Ids may come and go meanwhile. */
  hold(lane: string, reason: string): void {
    const home = this.lanes.get(lane) ?? this.open(lane);
    if (home.reasons.size === 0) {
      this.aside += home.size;
      for (const level of home.levels.values()) this.ready.delete(level);
    }
    home.reasons.add(reason);
  }

  /** Takes one reason away; answers whether the lane is free now. */
  release(lane: string, reason: string): boolean {
    const home = this.lanes.get(lane);
    if (!home) return true;
    if (!home.reasons.delete(reason)) return home.reasons.size === 0;
    if (home.reasons.size > 0) return false;
    this.aside -= home.size;
    for (const level of home.levels.values()) if (level.ids.size > 0) this.ready.put(level);
    this.forget(home);
    return true;
  }

  /** Why a lane is held, oldest reason first; empty: it is not. */
  held(lane: string): string[] {
    return [...(this.lanes.get(lane)?.reasons ?? [])];
  }

  private open(name: string): Lane {
    const lane: Lane = { name, levels: new Map(), reasons: new Set(), size: 0 };
    this.lanes.set(name, lane);
    return lane;
  }

  /** Every change of a level ends here: sums, heaps, and lanes that are empty go. Answers how many ids changed. */
  private changed(level: Level, difference: number): number {
    if (difference === 0) return 0;
    const { lane, ids } = level;
    const isHeld = lane.reasons.size > 0;
    this.total += difference;
    lane.size += difference;
    if (isHeld) this.aside += difference;
    const head = ids.first;
    if (head !== level.head) {
      level.head = head;
      if (ids.size === 0) {
        this.oldest.delete(level);
        this.ready.delete(level);
        this.forget(lane);
      } else {
        this.oldest.put(level);
        if (!isHeld) this.ready.put(level);
      }
    }
    return Math.abs(difference);
  }

  /** The plain lane stays: it is the one that is always needed again. */
  private forget(lane: Lane): void {
    if (lane.size === 0 && lane.reasons.size === 0 && lane.name !== "") this.lanes.delete(lane.name);
  }
}

function openLevel(lane: Lane, priority: number): Level {
  const level: Level = { lane, priority, ids: new Intervals(), places: [-1, -1], head: Infinity };
  lane.levels.set(priority, level);
  return level;
}
