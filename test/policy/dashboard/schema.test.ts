import { describe, expect, test } from "vitest";
import { blank, hintOf, kindOf, type Schema } from "../../../dashboard/src/schema.ts";
import { formatExact, parseExact } from "../../../dashboard/src/json.ts";
import { duration, relative } from "../../../dashboard/src/format.ts";

const ROOT: Schema = {
  type: "object",
  properties: {
    url: { type: "string", format: "uri", maxLength: 2_048 },
    format: { type: "string", enum: ["jpeg", "webp"], default: "webp" },
    widths: { type: "array", items: { type: "integer", minimum: 16, maximum: 2_048 } },
    quality: { anyOf: [{ type: "integer" }, { type: "null" }] },
    any: { $ref: "#/$defs/any" },
    nested: { $ref: "#/$defs/nested" },
  },
  required: ["url", "format", "widths", "nested"],
  $defs: {
    any: { anyOf: [{ type: "string" }, { type: "number" }, { type: "array", items: { $ref: "#/$defs/any" } }] },
    nested: { type: "object", properties: { on: { type: "boolean" } }, required: ["on"] },
  },
};

describe("the form of a type", () => {
  test("asks for each member as its schema has it", () => {
    const kind = (name: string) => kindOf(ROOT.properties![name]!, ROOT).kind;
    expect(["url", "format", "widths", "quality", "any", "nested"].map(kind)).toEqual([
      "text",
      "choice",
      "list",
      "number",
      "json",
      "object",
    ]);
    expect(hintOf(ROOT.properties!.url!, ROOT)).toBe("uri, at most 2048 characters");
  });

  test("begins with what is required, and the defaults", () => {
    expect(blank(ROOT, ROOT)).toEqual({ url: "", format: "webp", widths: [], nested: { on: false } });
  });

  test("a reference to a reference is followed", () => {
    const loop: Schema = { $defs: { a: { $ref: "#/$defs/b" }, b: { type: "string" } } };
    expect(kindOf({ $ref: "#/$defs/a" }, loop).kind).toBe("text");
  });
});

test("numbers that JavaScript would round stay as they were written", () => {
  const text = '{"id":12345678901234567890,"price":0.1,"list":[1e400]}';
  expect(formatExact(parseExact(text)).replaceAll(/\s/g, "")).toBe(text);
});

test("times are told in one or two units", () => {
  expect([0, 350, 9_500, 12_400, 200_000, 7_500_000, 180_000_000].map(duration)).toEqual([
    "0 ms",
    "350 ms",
    "9.5 s",
    "12 s",
    "3 m 20 s",
    "2 h 5 m",
    "2 d 2 h",
  ]);
  expect([relative(0, 500), relative(0, 90_000), relative(90_000, 0)]).toEqual(["just now", "2 m ago", "in 2 m"]);
});
