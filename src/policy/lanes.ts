import { invariant } from "./errors.ts";
import { Heap } from "./heap.ts";
import { Intervals } from "./intervals.ts";
import { laneParts } from "./lane-name.ts";
import { FINALIZE_LEVEL } from "./priority.ts";

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
  readonly kind: string;
  readonly group: Group;
  readonly levels: Map<number, Level>;
  readonly reasons: Set<string>;
  size: number;
}

/** The lanes of one group, and why they are set aside. */
interface Group {
  readonly name: string;
  readonly lanes: Set<Lane>;
  readonly reasons: Set<string>;
}

/** Ready work of one group and priority. */
export interface ReadyLevel {
  /** null: no group. */
  group: string | null;
  priority: number;
  count: number;
  /** The lowest id of them. */
  oldest: number;
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
  private readonly groups = new Map<string, Group>();
  readonly ready = new Heap<Level>(
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

  /** What the lanes of a kind hold, most urgent first, then oldest; those that nothing but `besides` holds. */
  levelsOfKind(kind: string, besides: string): (ReadyLevel & { lane: string })[] {
    const found: (ReadyLevel & { lane: string })[] = [];
    for (const lane of this.lanes.values()) {
      if (lane.kind !== kind || lane.group.reasons.size > 0) continue;
      if (lane.reasons.size > (lane.reasons.has(besides) ? 1 : 0)) continue;
      for (const { priority, ids, head } of lane.levels.values())
        if (ids.size > 0) found.push({ lane: lane.name, group: lane.group.name || null, priority, count: ids.size, oldest: head });
    }
    return found.sort((one, other) => one.priority - other.priority || one.oldest - other.oldest);
  }

  /** The lowest id of all, held or not; undefined when there is none. */
  oldestId(): number | undefined {
    return this.oldest.top?.head;
  }

  /** Ready work by group and priority, most urgent first, then oldest. O(levels). */
  sizeByGroupAndPriority(): ReadyLevel[] {
    const levels = new Map<string, ReadyLevel>();
    for (const { lane, priority, ids, head } of this.ready.all()) {
      const key = `${priority} ${lane.group.name}`;
      const sum = levels.get(key);
      if (!sum) levels.set(key, { group: lane.group.name || null, priority, count: ids.size, oldest: head });
      else {
        sum.count += ids.size;
        if (head < sum.oldest) sum.oldest = head;
      }
    }
    return [...levels.values()].sort((one, other) => one.priority - other.priority || one.oldest - other.oldest);
  }

  /** Adds the ids `first` to `last`, anywhere in the order; those already there stay. Answers how many were new. */
  add(lane: string, priority: number, first: number, last = first): number {
    invariant(Number.isSafeInteger(first) && Number.isSafeInteger(last) && 0 < first && first <= last, `no ids: ${first} to ${last}`);
    invariant(Number.isInteger(priority) && priority >= FINALIZE_LEVEL && priority <= 255, `no priority: ${priority}`);
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

  /** The next id, not removed; undefined when nothing is ready. */
  peek(): { lane: string; group: string | null; priority: number; id: number } | undefined {
    const level = this.ready.top;
    return level && { lane: level.lane.name, group: level.lane.group.name || null, priority: level.priority, id: level.head };
  }

  /**
   * Removes and answers the next at most `count` ids in ready order, all of one group: the first's, or the one given. It
   * ends where the next id is of another group, so that the order stays exact.
   *
   * @param group take nothing but this group's; null: what has no group
   */
  take(count: number, group?: string | null): Pick[] {
    const picks: Pick[] = [];
    let left = count;
    let only = group === null ? "" : group;
    for (let level = this.ready.top; level && left > 0; level = this.ready.top) {
      const { lane, priority, head } = level;
      if (lane.group.name !== (only ??= lane.group.name)) break;
      // An id waits in one place, so no other level's id comes between consecutive ones of this level.
      const taken = level.ids.run(left);
      picks.push({ lane: lane.name, priority, first: head, count: taken });
      level.ids.shift(taken);
      this.changed(level, -taken);
      left -= taken;
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
    if (isOpen(home)) this.close(home);
    home.reasons.add(reason);
  }

  /** Takes one reason away; answers whether the lane has none left. */
  release(lane: string, reason: string): boolean {
    const home = this.lanes.get(lane);
    if (!home) return true;
    const before = isOpen(home);
    home.reasons.delete(reason);
    if (!before && isOpen(home)) this.reopen(home);
    this.forget(home);
    return home.reasons.size === 0;
  }

  /** Why a lane itself is held, oldest reason first; empty: it is not. */
  held(lane: string): string[] {
    return [...(this.lanes.get(lane)?.reasons ?? [])];
  }

  /** Sets all lanes of a group aside, for a reason: those it has, and those that open later. */
  holdGroup(group: string, reason: string): void {
    const home = this.groupOf(group);
    if (home.reasons.size === 0) for (const lane of home.lanes) if (isOpen(lane)) this.close(lane);
    home.reasons.add(reason);
  }

  /** Takes one reason away from a group; answers whether it has none left. */
  releaseGroup(group: string, reason: string): boolean {
    const home = this.groups.get(group);
    if (!home) return true;
    if (!home.reasons.delete(reason)) return home.reasons.size === 0;
    if (home.reasons.size > 0) return false;
    for (const lane of home.lanes) if (isOpen(lane)) this.reopen(lane);
    this.forgetGroup(home);
    return true;
  }

  /** Why a group is held, oldest reason first; empty: it is not. */
  heldGroup(group: string): string[] {
    return [...(this.groups.get(group)?.reasons ?? [])];
  }

  /** Every group that is held, with its reasons. */
  heldGroups(): [group: string, reasons: string[]][] {
    return [...this.groups.values()].filter(({ reasons }) => reasons.size > 0).map(({ name, reasons }) => [name, [...reasons]]);
  }

  /** How many ids wait in lanes that are held, themselves or by their group, for one of these reasons. O(lanes). */
  sizeHeldFor(...wanted: string[]): number {
    let size = 0;
    for (const lane of this.lanes.values())
      if (wanted.some((reason) => lane.reasons.has(reason) || lane.group.reasons.has(reason))) size += lane.size;
    return size;
  }

  private groupOf(name: string): Group {
    let group = this.groups.get(name);
    if (!group) this.groups.set(name, (group = { name, lanes: new Set(), reasons: new Set() }));
    return group;
  }

  private open(name: string): Lane {
    const { kind, group } = laneParts(name);
    const lane: Lane = { name, kind, group: this.groupOf(group), levels: new Map(), reasons: new Set(), size: 0 };
    this.lanes.set(name, lane);
    lane.group.lanes.add(lane);
    return lane;
  }

  private close(lane: Lane): void {
    this.aside += lane.size;
    for (const level of lane.levels.values()) this.ready.delete(level);
  }

  private reopen(lane: Lane): void {
    this.aside -= lane.size;
    for (const level of lane.levels.values()) if (level.ids.size > 0) this.ready.put(level);
  }

  /** Every change of a level ends here: sums, heaps, and lanes that are empty go. Answers how many ids changed. */
  private changed(level: Level, difference: number): number {
    if (difference === 0) return 0;
    const { lane, ids } = level;
    const isHeld = !isOpen(lane);
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
    if (lane.size > 0 || lane.reasons.size > 0 || lane.name === "") return;
    this.lanes.delete(lane.name);
    lane.group.lanes.delete(lane);
    this.forgetGroup(lane.group);
  }

  private forgetGroup(group: Group): void {
    if (group.lanes.size === 0 && group.reasons.size === 0) this.groups.delete(group.name);
  }
}

/** Whether nothing holds it, neither itself nor its group. */
const isOpen = (lane: Lane): boolean => lane.reasons.size === 0 && lane.group.reasons.size === 0;

function openLevel(lane: Lane, priority: number): Level {
  const level: Level = { lane, priority, ids: new Intervals(), places: [-1, -1], head: Infinity };
  lane.levels.set(priority, level);
  return level;
}
