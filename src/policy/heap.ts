/** What a heap may hold: it notes its own place there, one per heap that holds it; -1 outside. */
export interface Heaped {
  readonly places: number[];
}

/**
 * A binary heap that can move and remove any item, because each item knows its place.
 * An item whose rank changed has to be `put` again.
 */
export class Heap<Item extends Heaped> {
  private readonly items: Item[] = [];
  private readonly slot: number;
  private readonly before: (one: Item, other: Item) => boolean;

  /**
   * @param slot the index in `places` that is this heap's own
   * @param before the strict order
   */
  constructor(slot: number, before: (one: Item, other: Item) => boolean) {
    this.slot = slot;
    this.before = before;
  }

  /** The first item. */
  get top(): Item | undefined {
    return this.items[0];
  }

  /** Every item, in no order. */
  all(): Iterable<Item> {
    return this.items;
  }

  /** Adds an item, or finds the right place of one whose rank has changed. */
  put(item: Item): void {
    let place = item.places[this.slot]!;
    if (place < 0) place = this.items.push(item) - 1;
    if (!this.up(item, place)) this.down(item, place);
  }

  /** Removes an item; one that is not there is no error. */
  delete(item: Item): void {
    const place = item.places[this.slot]!;
    if (place < 0) return;
    item.places[this.slot] = -1;
    const last = this.items.pop()!;
    if (last === item) return;
    if (!this.up(last, place)) this.down(last, place);
  }

  /** Whether it rose. */
  private up(item: Item, from: number): boolean {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.items[parent]!;
      if (!this.before(item, above)) break;
      this.set(place, above);
      place = parent;
    }
    this.set(place, item);
    return place !== from;
  }

  private down(item: Item, from: number): void {
    const { items } = this;
    let place = from;
    for (let child = place * 2 + 1; child < items.length; child = place * 2 + 1) {
      if (child + 1 < items.length && this.before(items[child + 1]!, items[child]!)) child += 1;
      if (!this.before(items[child]!, item)) break;
      this.set(place, items[child]!);
      place = child;
    }
    this.set(place, item);
  }

  private set(place: number, item: Item): void {
    this.items[place] = item;
    item.places[this.slot] = place;
  }
}
