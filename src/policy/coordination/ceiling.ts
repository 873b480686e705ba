/** What may be under way at most: in all, in each group that is named, and in any other group. */
export interface Ceiling {
  slots: number;
  groups: ReadonlyMap<string, number>;
  /** For groups that are not named. */
  rest: number;
}

export const NOTHING: Ceiling = { slots: 0, groups: new Map(), rest: 0 };

/** The most that may be under way in one group. */
export function within(ceiling: Ceiling, group: string): number {
  return Math.min(ceiling.slots, ceiling.groups.get(group) ?? ceiling.rest);
}

/** Whether whatever keeps `lower` keeps `upper`, too. */
export function covers(upper: Ceiling, lower: Ceiling): boolean {
  if (upper.slots < lower.slots || Math.min(upper.rest, upper.slots) < Math.min(lower.rest, lower.slots)) return false;
  for (const group of upper.groups.keys()) if (within(upper, group) < within(lower, group)) return false;
  for (const group of lower.groups.keys()) if (within(upper, group) < within(lower, group)) return false;
  return true;
}

/** What covers both. */
export const larger = (one: Ceiling, other: Ceiling): Ceiling => merge(one, other, Math.max);

/** What both cover. */
export const smaller = (one: Ceiling, other: Ceiling): Ceiling => merge(one, other, Math.min);

function merge(one: Ceiling, other: Ceiling, choose: (a: number, b: number) => number): Ceiling {
  const groups = new Map<string, number>();
  for (const group of [...one.groups.keys(), ...other.groups.keys()]) groups.set(group, choose(within(one, group), within(other, group)));
  const rest = choose(Math.min(one.rest, one.slots), Math.min(other.rest, other.slots));
  return { slots: choose(one.slots, other.slots), groups, rest };
}
