import { LIMITS } from "./limits.ts";
import { utf8Bytes } from "./text.ts";

const DOMAIN = /^[a-z][a-z0-9-]{0,62}$/;
const TYPE = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/;
const CONTROL = /\p{Cc}/u;
const SCHEDULE = /^[A-Za-z][A-Za-z0-9._-]{0,127}$/;
/** `constructor`, `toString`, …: every object has them, so a record by name would seem to hold them. */
const INHERITED: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype));

/** What a domain may be called, for messages. */
export const DOMAIN_NAME_RULE = "a lower-case letter, then at most 62 of a-z, 0-9 and -, other than constructor";
/** What a task type may be called, for messages. */
export const TYPE_NAME_RULE =
  "a letter, then at most 62 of a-z, A-Z, 0-9, _ and -, other than constructor, toString and what else every object has";
/** What a group may be called, for messages. */
export const GROUP_NAME_RULE = "text of 1 to 128 bytes, without control characters and without spaces at its ends, other than __proto__";
/** What a schedule may be called, for messages. */
export const SCHEDULE_NAME_RULE = "a letter, then at most 127 of a-z, A-Z, 0-9, . _ and -";

/** Whether it may name a domain: `[a-z][a-z0-9-]{0,62}`, not `constructor`. */
export const isDomainName = (name: unknown): name is string => typeof name === "string" && DOMAIN.test(name) && !INHERITED.has(name);

/** Whether it may name a task type: `[A-Za-z][A-Za-z0-9_-]{0,62}`, and no member of every object. */
export const isTypeName = (name: unknown): name is string => typeof name === "string" && TYPE.test(name) && !INHERITED.has(name);

/** Whether it may name a group: free-form text of 1 to 128 UTF-8 bytes. */
export const isGroupName = (name: unknown): name is string =>
  typeof name === "string" &&
  name !== "" &&
  name !== "__proto__" &&
  name.trim() === name &&
  !CONTROL.test(name) &&
  name.isWellFormed() &&
  utf8Bytes(name) <= LIMITS.groupBytesMax;

/** Whether it may name a schedule: `[A-Za-z][A-Za-z0-9._-]{0,127}`. */
export const isScheduleName = (name: unknown): name is string => typeof name === "string" && SCHEDULE.test(name);

/**
 * The candidate that `word` was most likely meant to be, or undefined when none is close: at most a third of
 * its letters wrong (one for short words, three for long ones), case not counted.
 *
 * @example `didYouMean("resise", ["resize", "rotate"]) // "resize"`
 */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length === 0 || word.length > 128) return undefined;
  const wanted = word.toLowerCase();
  let best: string | undefined;
  let allowed = Math.min(3, Math.max(1, Math.floor(wanted.length / 3)));
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase(), allowed);
    if (distance > allowed || (best !== undefined && distance === allowed)) continue;
    best = candidate;
    allowed = distance;
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours; gives up above `limit` and answers `limit + 1`. */
function editDistance(from: string, to: string, limit: number): number {
  if (Math.abs(from.length - to.length) > limit) return limit + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    let least = row;
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1];
      let cost = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      if (row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]) {
        cost = Math.min(cost, beforeLast[column - 2]! + 1);
      }
      current.push(cost);
      if (cost < least) least = cost;
    }
    if (least > limit) return limit + 1;
    beforeLast = last;
    last = current;
  }
  return last[to.length]!;
}
