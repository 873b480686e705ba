/** One who may take part in a filling. */
export interface Filler {
  domain: string;
  /** Slots it has so far; `fill` raises it. */
  have: number;
  /** How far it may be raised. */
  most: number;
  using: number;
  starvedMs: number;
  /** Age of what it wants. */
  oldestMs: number;
}

/**
 * Raises those who have least, together, until the budget or everybody's `most` is reached; what does not divide
 * goes one each in the order of `firstServed`. Answers with what is left.
 */
export function fill(budget: number, fillers: readonly Filler[]): number {
  let left = budget;
  let active = fillers.filter((filler) => filler.have < filler.most);
  while (left > 0 && active.length > 0) {
    const least = Math.min(...active.map((filler) => filler.have));
    const lowest = active.filter((filler) => filler.have === least);
    const above = active.filter((filler) => filler.have > least).map((filler) => filler.have);
    const step = Math.min(...lowest.map((filler) => filler.most - least), ...above.map((have) => have - least));
    const each = Math.min(step, Math.floor(left / lowest.length));
    for (const filler of lowest) filler.have += each;
    left -= each * lowest.length;
    if (each < step) {
      lowest.sort(firstServed);
      for (const filler of lowest.slice(0, left)) filler.have += 1;
      return 0;
    }
    active = active.filter((filler) => filler.have < filler.most);
  }
  return left;
}

/** How long a domain that has slots, or tokens that it cannot use, keeps them from an equal that has none. */
export const TURN_MS = 5_000;

/** Among equals: who has starved longest; then no slot changes hands without need; then the older; then by name, so that the answer is always the same. */
export function firstServed(a: Omit<Filler, "most">, b: Omit<Filler, "most">): number {
  const starved = Math.floor(b.starvedMs / TURN_MS) - Math.floor(a.starvedMs / TURN_MS);
  const occupied = Number(b.using > b.have) - Number(a.using > a.have);
  return starved || occupied || b.oldestMs - a.oldestMs || (a.domain < b.domain ? -1 : 1);
}
