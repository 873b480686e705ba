import type { EventName, MillEvent } from "./event.ts";

/** What a stream keeps, in memory alone. */
export const KEPT = { events: 10_000, ms: 300_000 } as const;

/**
 * Neighbours in a stream that are alike: recorded as one, and made into events when somebody reads them. A run of a hundred
 * tasks that ends is one of these.
 */
export interface Entry {
  /** Of its first event; the others follow one by one. */
  seq: number;
  /** Epoch ms. */
  at: number;
  count: number;
  event: EventName;
  /** Its events; asked for once, and only if somebody wants them. */
  make: () => MillEvent[];
}

interface Kept extends Entry {
  made?: MillEvent[];
}

/** The last events of a stream: 10,000 and 5 minutes. Pure: time comes in with what is pushed. */
export class EventRing {
  private entries: Kept[] = [];
  /** Where the kept ones begin in `entries`. */
  private start = 0;
  private count = 0;
  /** The last event that is not kept any more, or that happened before this ring was made. */
  floor: number;
  /** The last event of all. */
  last: number;

  constructor(floor: number) {
    this.floor = floor;
    this.last = floor;
  }

  /** How many events are kept. */
  get size(): number {
    return this.count;
  }

  push(entry: Entry): void {
    this.entries.push(entry);
    this.count += entry.count;
    this.last = entry.seq + entry.count - 1;
    this.trim(entry.at);
  }

  /** Events after `seq`, in order, as far as they are kept. */
  *after(seq: number): Generator<MillEvent> {
    for (let index = this.find(seq); index < this.entries.length; index += 1) {
      const entry = this.entries[index]!;
      entry.made ??= entry.make();
      for (const event of entry.made) if (event.seq > seq) yield event;
    }
  }

  /** Forgets what is too old at `now`, and what is too much. */
  trim(now: number): void {
    while (this.start < this.entries.length) {
      const oldest = this.entries[this.start]!;
      // One entry alone may hold more: a cascade through a large graph.
      const isTooMuch = this.count > KEPT.events && this.start < this.entries.length - 1;
      if (!isTooMuch && oldest.at > now - KEPT.ms) break;
      this.floor = oldest.seq + oldest.count - 1;
      this.count -= oldest.count;
      this.start += 1;
    }
    if (this.start > 256 && this.start * 2 > this.entries.length) {
      this.entries = this.entries.slice(this.start);
      this.start = 0;
    }
  }

  /** Forgets all, and what was never pushed: the next event comes after `seq`, and after all there were. */
  skipTo(seq: number): void {
    this.entries = [];
    this.start = 0;
    this.count = 0;
    this.last = Math.max(this.last, seq);
    this.floor = this.last;
  }

  /** The first entry that has an event after `seq`. */
  private find(seq: number): number {
    let [low, high] = [this.start, this.entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const { seq: first, count } = this.entries[middle]!;
      if (first + count - 1 > seq) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
