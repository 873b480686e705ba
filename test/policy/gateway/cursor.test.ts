import fc from "fast-check";
import { expect, test } from "vitest";
import { MillraceError } from "../../../src/policy/errors.ts";
import { decodeCursor, encodeCursor } from "../../../src/worker/cursor.ts";

const counter = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/).filter((text) => text !== "__proto__");
const position = fc.oneof(counter, fc.dictionary(name, fc.option(counter), { noNullPrototype: true }));

function refused(list: string, cursor: string) {
  try {
    decodeCursor(list, cursor);
  } catch (error) {
    return MillraceError.is(error, "invalid_request");
  }
  return false;
}

test("a cursor brings back its position", () => {
  fc.assert(fc.property(fc.string(), position, (list, given) => void expect(decodeCursor(list, encodeCursor(list, given))).toEqual(given)));
});

test("a cursor goes through a URL unchanged", () => {
  fc.assert(fc.property(fc.string(), position, (list, given) => /^[A-Za-z0-9_-]+$/.test(encodeCursor(list, given))));
});

test("a cursor of another list is refused", () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.string(),
      position,
      (list, other, given) => fc.pre(list !== other) === undefined && refused(other, encodeCursor(list, given)),
    ),
  );
});

test("a changed cursor is refused", () => {
  fc.assert(
    fc.property(position, fc.nat(), fc.constantFrom(..."ABCxyz019-_"), (given, at, letter) => {
      const cursor = encodeCursor("list", given);
      const index = at % (cursor.length - 1);
      fc.pre(cursor[index] !== letter);
      return refused("list", cursor.slice(0, index) + letter + cursor.slice(index + 1));
    }),
  );
});

test.each(["", "x", "null", "1", "%00", "eyJiIjoxfQ", btoa('000000000000{"media":1}').replace(/=+$/, ""), "A".repeat(40_000)])(
  "a made-up cursor %j is refused",
  (cursor) => {
    expect(refused("list", cursor)).toBe(true);
  },
);

test.each([0, -1, 1.5, [1], { media: "1" }, { media: 0 }, true])(
  "a well-made cursor with the nonsensical position %j is refused",
  (nonsense) => {
    expect(refused("list", encodeCursor("list", nonsense as never))).toBe(true);
  },
);
