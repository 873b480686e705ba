import { invariant } from "./errors.ts";

/** Task ids as stretches of consecutive ones, in order: `[[first, count], …]`. What the state row names a run's tasks with. */
export type Ranges = [first: number, count: number][];

/**
 * Ids as ranges. The order is kept (a run executes in it), so ascending ids make the fewest ranges.
 *
 * @example `toRanges([7, 8, 9, 3]) // [[7, 3], [3, 1]]`
 */
export function toRanges(ids: Iterable<number>): Ranges {
  const ranges: Ranges = [];
  let last: [number, number] | undefined;
  for (const id of ids) {
    invariant(Number.isSafeInteger(id) && id > 0, `no id: ${id}`);
    if (last && last[0] + last[1] === id) last[1] += 1;
    else ranges.push((last = [id, 1]));
  }
  return ranges;
}

/** The ids again, in the same order. Breaks an invariant when a stored range makes no sense. */
export function* idsOf(ranges: Readonly<Ranges>): Generator<number> {
  for (const [first, count] of ranges) {
    const end = first + count;
    invariant(first > 0 && count > 0 && Number.isSafeInteger(first) && Number.isSafeInteger(end), `no range of ids: ${first}, ${count}`);
    for (let id = first; id < end; id += 1) yield id;
  }
}

/** How many ids the ranges name. */
export function countIds(ranges: Readonly<Ranges>): number {
  return ranges.reduce((sum, [, count]) => sum + count, 0);
}

/** Whether the ranges name the id. */
export function includesId(ranges: Readonly<Ranges>, id: number): boolean {
  return ranges.some(([first, count]) => id >= first && id < first + count);
}

/** The ranges without some ids, in the same order: what is left of a run when those have settled. */
export function withoutIds(ranges: Readonly<Ranges>, gone: ReadonlySet<number>): Ranges {
  return toRanges(idsOf(ranges).filter((id) => !gone.has(id)));
}
