/** One who takes part in a division by weight. */
export interface Sharer {
  name: string;
  weight: number;
  /** It can use no more than this, a whole number. */
  most: number;
}

/**
 * Divides `total` by weight, in whole numbers: nobody gets more than they can use, what that leaves goes to the others
 * by weight again, and what does not divide goes one each to the largest remainders, then by name. Whoever is not
 * satisfied is less than one away from the exact share.
 *
 * @example `shareOut(8, [{ name: "a", weight: 3, most: 100 }, { name: "b", weight: 1, most: 100 }]) // a 6, b 2`
 */
export function shareOut(total: number, sharers: readonly Sharer[]): Map<string, number> {
  const exact = waterFill(total, sharers);
  const shares = new Map<string, number>();
  const remainders: { name: string; remainder: number }[] = [];
  let left = Math.min(
    total,
    sharers.reduce((sum, { most }) => sum + most, 0),
  );
  for (const { name, most } of sharers) {
    const share = exact.get(name) ?? 0;
    // What is a whole number but for the arithmetic is one.
    const whole = Math.min(most, Math.floor(share + 1e-9));
    shares.set(name, whole);
    left -= whole;
    if (whole < most) remainders.push({ name, remainder: share - whole });
  }
  remainders.sort((a, b) => (Math.abs(b.remainder - a.remainder) > 1e-9 ? b.remainder - a.remainder : a.name < b.name ? -1 : 1));
  for (const { name } of remainders.slice(0, left)) shares.set(name, (shares.get(name) ?? 0) + 1);
  return shares;
}

/** The exact shares: everybody's water rises in proportion to weight, until it is used up or all have what they can use. */
export function waterFill(total: number, sharers: readonly Sharer[]): Map<string, number> {
  const exact = new Map<string, number>();
  let active = [...sharers];
  let left = total;
  for (;;) {
    const weights = active.reduce((sum, { weight }) => sum + weight, 0);
    const level = left / weights;
    const full = active.filter(({ weight, most }) => most <= level * weight);
    if (full.length === 0 || active.length === 0) {
      for (const { name, weight } of active) exact.set(name, weight * level);
      return exact;
    }
    for (const { name, most } of full) {
      exact.set(name, most);
      left -= most;
    }
    active = active.filter((sharer) => !full.includes(sharer));
  }
}
