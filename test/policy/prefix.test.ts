import fc from "fast-check";
import { expect, test } from "vitest";
import { afterPrefix } from "../../src/policy/prefix.ts";

const bytes = (text: string) => Buffer.from(text, "utf8");
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom("%", "_", "a", "\u{10ffff}", "\ud7ff", "\ue000"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
  ),
  maxLength: 6,
});

test("[tags] a prefix is the range from itself to what comes after it, in the order of UTF-8 bytes", () => {
  expect(afterPrefix("billing.")).toBe("billing/");
  expect(afterPrefix("a%")).toBe("a&");
  expect(afterPrefix("")).toBeNull();
  fc.assert(
    fc.property(text, text, (prefix, other) => {
      const end = afterPrefix(prefix);
      const isInside = (one: string) => bytes(one).compare(bytes(prefix)) >= 0 && (end === null || bytes(one).compare(bytes(end)) < 0);
      expect(isInside(`${prefix}${other}`)).toBe(true);
      expect(isInside(other)).toBe(other.startsWith(prefix));
    }),
  );
});
