/**
 * What a record holds under a name that somebody else chose: undefined for `constructor` and whatever else every object inherits.
 *
 * @example `own({ a: 1 }, "toString") // undefined`
 */
export const own = <Value>(record: Readonly<Record<string, Value>>, name: string): Value | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;
