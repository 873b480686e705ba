import fc from "fast-check";
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { canonicalJson, duplicateHash } from "../../src/policy/key.ts";
import { cutUtf8, utf8Bytes } from "../../src/policy/text.ts";

const texts = fc.string({ unit: "binary" });
// Every UTF-16 unit, lone surrogates included.
const units = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0xd7f0, max: 0xe00f })))
  .map((codes) => String.fromCharCode(...codes));

function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== "object" || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value).reverse())
    Object.defineProperty(copy, key, { value: shuffled(member), enumerable: true });
  return copy;
}

test("[key] #34 canonical JSON means the same value, whatever the order of its members", () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
      const text = canonicalJson(value);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(canonicalJson(shuffled(value))).toBe(text);
      expect(canonicalJson(JSON.parse(text))).toBe(text);
    }),
  );
});

test("[key] canonical JSON by example", () => {
  expect(canonicalJson(JSON.parse('{"b":[1.0,-0,1e21,0.1],"a":{"z":null,"y":true},"10":1,"9":2}'))).toBe(
    '{"10":1,"9":2,"a":{"y":true,"z":null},"b":[1,0,1e+21,0.1]}',
  );
  expect(canonicalJson({ "€": 1, "\r": 2, "\ufb33": 3, "1": 4, "😀": 5, "\u0080": 6, ö: 7 })).toBe(
    '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}',
  );
  expect(canonicalJson("\ud800")).toBe('"\\ud800"');
  expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
  expect(canonicalJson([undefined])).toBe("[null]");
});

test("#52 an own __proto__ counts", () => {
  const one = canonicalJson(JSON.parse('{"a":1,"__proto__":{"x":1}}'));
  expect(one).toBe('{"__proto__":{"x":1},"a":1}');
  expect(canonicalJson(JSON.parse('{"__proto__":{"x":2},"a":1}'))).not.toBe(one);
});

test("what is nested too deep is refused clearly", () => {
  const nested = (levels: number) => JSON.parse("[".repeat(levels) + "]".repeat(levels)) as unknown;
  expect(canonicalJson(nested(1_000))).toBe("[".repeat(1_000) + "]".repeat(1_000));
  expect(() => canonicalJson(nested(100_000))).toThrow(expect.objectContaining({ code: "invalid_payload" }));
});

test("the hash is SHA-256 of kind, type and text", () => {
  fc.assert(
    fc.property(texts, texts, fc.constantFrom("key", "payload"), (type, text, kind) => {
      const name = Buffer.from(type);
      const input = Buffer.concat([Buffer.from([kind === "key" ? 1 : 2, name.length >> 8, name.length & 255]), name, Buffer.from(text)]);
      expect(duplicateHash(type, kind, text)).toBe(createHash("sha256").update(input).digest("hex").slice(0, 32));
    }),
  );
});

test("different kinds, types and texts never meet, lone surrogates included", () => {
  expect(duplicateHash("a", "key", "bc")).not.toBe(duplicateHash("ab", "key", "c"));
  // The type's length takes two bytes: 0x62 and 0x0162 "a"s must not look alike.
  const [short, long] = ["a".repeat(0x62), "a".repeat(0x162)];
  expect(duplicateHash(short, "key", long)).not.toBe(duplicateHash(long, "key", short));
  expect(duplicateHash("a", "key", "{}")).not.toBe(duplicateHash("a", "payload", "{}"));
  expect(duplicateHash("a", "key", "\ud800")).not.toBe(duplicateHash("a", "key", "\ud801"));
  expect(duplicateHash("a", "key", "\ud800")).not.toBe(duplicateHash("a", "key", "\ufffd"));
  fc.assert(
    fc.property(units, units, (one, other) => {
      expect(duplicateHash("a", "key", one) === duplicateHash("a", "key", other)).toBe(one === other);
    }),
  );
});

test("texts longer than the kept buffer hash alike", () => {
  const text = "ä".repeat(100_000);
  const input = Buffer.concat([Buffer.from([1, 0, 1]), Buffer.from("a"), Buffer.from(text)]);
  expect(duplicateHash("a", "key", text)).toBe(createHash("sha256").update(input).digest("hex").slice(0, 32));
});

test("utf8Bytes is what an encoder writes", () => {
  fc.assert(
    fc.property(units, (text) => {
      expect(utf8Bytes(text)).toBe(new TextEncoder().encode(text).length);
    }),
  );
});

test("cutUtf8 keeps the longest beginning that fits and cuts no character in two", () => {
  fc.assert(
    fc.property(units, fc.nat(40), (text, limit) => {
      const cut = cutUtf8(text, limit);
      expect(text.startsWith(cut)).toBe(true);
      expect(utf8Bytes(cut)).toBeLessThanOrEqual(limit);
      const rest = text.slice(cut.length);
      const next = rest.slice(0, String.fromCodePoint(rest.codePointAt(0) ?? 0).length);
      if (rest.length > 0) expect(utf8Bytes(cut) + utf8Bytes(next)).toBeGreaterThan(limit);
      if (text.isWellFormed()) expect(cut.isWellFormed()).toBe(true);
    }),
  );
});
