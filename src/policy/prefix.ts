const LAST = 0x10ffff;

/**
 * The least text that sorts after everything that begins with `prefix`, in the order of code points, which is that of
 * SQLite's bytes: so a prefix is a range, and `%` and `_` in it are what they are. Null where no text sorts after.
 *
 * @example `afterPrefix("billing.") // "billing/"`
 */
export function afterPrefix(prefix: string): string | null {
  const points = Array.from(prefix, (character) => character.codePointAt(0)!);
  while (points.length > 0) {
    const last = points.pop()!;
    if (last === LAST) continue;
    // Surrogates are no characters.
    return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
  }
  return null;
}
