/** Intervals per chunk: a middle insert or removal moves at most this many, 4 KiB. */
const CHUNK = 256;

/** A stretch of the sorted list: interleaved first and last ids, of which the intervals `from` to `to` are in use. */
interface Chunk {
  ids: Float64Array;
  from: number;
  to: number;
}

/**
 * A set of positive integers as disjoint intervals in ascending order, 16 bytes each; neighbours are joined, so a
 * dense range of any size is one. Adding at the end and taking from the front are O(1) amortised, everything else
 * is a binary search and the move of at most one chunk.
 */
export class Intervals {
  private readonly chunks: Chunk[] = [];
  /** How many ids. */
  size = 0;

  /** The lowest id; `Infinity` when there is none. */
  get first(): number {
    const chunk = this.chunks[0];
    return chunk ? chunk.ids[chunk.from * 2]! : Infinity;
  }

  /** How many intervals. */
  get intervals(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.to - chunk.from, 0);
  }

  /** Adds `first` to `last`; answers how many were new. */
  add(first: number, last = first): number {
    const before = this.size;
    const end = this.chunks.at(-1);
    const endId = end ? end.ids[end.to * 2 - 1]! : -Infinity;
    if (first > endId + 1) {
      this.append(first, last);
    } else if (first === endId + 1) {
      end!.ids[end!.to * 2 - 1] = last;
      this.size += last - endId;
    } else {
      this.unite(first, last);
    }
    return this.size - before;
  }

  /** Removes `first` to `last`; answers how many were there. */
  remove(first: number, last = first): number {
    const before = this.size;
    let at = this.chunkOf(first);
    for (let chunk = this.chunks[at]; chunk; chunk = this.chunks[at]) {
      const index = indexOf(chunk, first);
      if (index === chunk.to) {
        at += 1;
        continue;
      }
      const start = chunk.ids[index * 2]!;
      const stop = chunk.ids[index * 2 + 1]!;
      if (start > last) break;
      this.size -= Math.min(stop, last) - Math.max(start, first) + 1;
      if (start >= first && stop <= last) {
        this.delete(at, index);
      } else if (start >= first) {
        chunk.ids[index * 2] = last + 1;
        break;
      } else {
        chunk.ids[index * 2 + 1] = first - 1;
        if (stop <= last) continue;
        this.insert(at, index + 1, last + 1, stop);
        break;
      }
    }
    return before - this.size;
  }

  /** Whether `id` is in the set. */
  has(id: number): boolean {
    const chunk = this.chunks[this.chunkOf(id)];
    return chunk !== undefined && chunk.ids[indexOf(chunk, id) * 2]! <= id;
  }

  /** How many ids are lower than `id`; a look at every interval below it. */
  below(id: number): number {
    let count = 0;
    for (const [first, last] of this.ranges()) {
      if (first >= id) break;
      count += Math.min(last, id - 1) - first + 1;
    }
    return count;
  }

  /** How many consecutive ids stand at the front, at most `count`. */
  run(count: number): number {
    const chunk = this.chunks[0];
    return chunk ? Math.min(chunk.ids[chunk.from * 2 + 1]! - chunk.ids[chunk.from * 2]! + 1, count) : 0;
  }

  /** Takes from the front that many consecutive ids; no more than `run` allows. */
  shift(count: number): void {
    const chunk = this.chunks[0];
    if (!chunk || count <= 0) return;
    const place = chunk.from * 2;
    const start = chunk.ids[place]!;
    if (start + count > chunk.ids[place + 1]!) this.delete(0, chunk.from);
    else chunk.ids[place] = start + count;
    this.size -= count;
  }

  /** The intervals in ascending order, as `[first, last]`. */
  *ranges(): Generator<[first: number, last: number]> {
    for (const { ids, from, to } of this.chunks) {
      for (let index = from; index < to; index += 1) yield [ids[index * 2]!, ids[index * 2 + 1]!];
    }
  }

  private append(first: number, last: number): void {
    this.size += last - first + 1;
    const end = this.chunks.at(-1);
    if (end && end.to < CHUNK) {
      this.insert(this.chunks.length - 1, end.to, first, last);
    } else {
      // Begun small: most levels of most lanes hold one interval.
      const ids = new Float64Array(this.chunks.length === 0 ? 8 : CHUNK * 2);
      ids[0] = first;
      ids[1] = last;
      this.chunks.push({ ids, from: 0, to: 1 });
    }
  }

  /** The union with an interval that may touch others: the first of those grows, the rest go. */
  private unite(first: number, last: number): void {
    const at = this.chunkOf(first - 1);
    const chunk = this.chunks[at]!;
    const index = indexOf(chunk, first - 1);
    const start = chunk.ids[index * 2]!;
    const stop = chunk.ids[index * 2 + 1]!;
    if (start > last + 1) {
      this.size += last - first + 1;
      this.insert(at, index, first, last);
      return;
    }
    if (first < start) {
      chunk.ids[index * 2] = first;
      this.size += start - first;
    }
    if (last <= stop) return;
    // All others that it reaches lie behind this one: what it covers goes, and what then touches it is joined.
    this.remove(stop + 1, last);
    const behind = index + 1 < chunk.to ? at : at + 1;
    const next = this.chunks[behind];
    const place = behind === at ? index + 1 : (next?.from ?? 0);
    let end = last;
    if (next && next.ids[place * 2] === last + 1) {
      end = next.ids[place * 2 + 1]!;
      this.delete(behind, place);
    }
    chunk.ids[index * 2 + 1] = end;
    // Those behind the joint were counted already.
    this.size += last - stop;
  }

  /** The chunk that holds the first interval which ends at or after `id`; their number when there is none. */
  private chunkOf(id: number): number {
    let low = 0;
    let high = this.chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const { ids, to } = this.chunks[middle]!;
      if (ids[to * 2 - 1]! < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private insert(at: number, index: number, first: number, last: number): void {
    let chunk = this.chunks[at]!;
    let place = index;
    if (chunk.to - chunk.from === CHUNK) {
      const half = chunk.from + CHUNK / 2;
      const upper = { ids: new Float64Array(CHUNK * 2), from: 0, to: chunk.to - half };
      upper.ids.set(chunk.ids.subarray(half * 2, chunk.to * 2));
      chunk.to = half;
      this.chunks.splice(at + 1, 0, upper);
      if (place > half) {
        chunk = upper;
        place -= half;
      }
    }
    const { from } = chunk;
    if (from > 0 && (place === from || chunk.to === CHUNK)) {
      chunk.ids.copyWithin((from - 1) * 2, from * 2, place * 2);
      chunk.from -= 1;
      place -= 1;
    } else {
      if (chunk.to * 2 === chunk.ids.length) chunk.ids = grown(chunk.ids);
      chunk.ids.copyWithin((place + 1) * 2, place * 2, chunk.to * 2);
      chunk.to += 1;
    }
    chunk.ids[place * 2] = first;
    chunk.ids[place * 2 + 1] = last;
  }

  private delete(at: number, index: number): void {
    const chunk = this.chunks[at]!;
    if (index === chunk.from) {
      chunk.from += 1;
    } else {
      chunk.ids.copyWithin(index * 2, (index + 1) * 2, chunk.to * 2);
      chunk.to -= 1;
    }
    if (chunk.from === chunk.to) this.chunks.splice(at, 1);
  }
}

/** The first interval of the chunk that ends at or after `id`; `to` when there is none. */
function indexOf(chunk: Chunk, id: number): number {
  let low = chunk.from;
  let high = chunk.to;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (chunk.ids[middle * 2 + 1]! < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

function grown(ids: Float64Array): Float64Array {
  const larger = new Float64Array(ids.length * 2);
  larger.set(ids);
  return larger;
}
