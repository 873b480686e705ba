import { LIMITS } from "../../policy/limits.ts";

/** Cuts a list so that each piece stays under the limit of one JSON parameter. */
export function* slices<Item>(items: readonly Item[], bytesOf: (item: Item) => number): Generator<readonly Item[]> {
  let start = 0;
  let bytes = 0;
  for (let index = 0; index < items.length; index += 1) {
    const size = bytesOf(items[index]!);
    if (index > start && bytes + size > LIMITS.jsonParameterBytesMax) {
      yield items.slice(start, index);
      start = index;
      bytes = 0;
    }
    bytes += size;
  }
  if (start < items.length) yield items.slice(start);
}
