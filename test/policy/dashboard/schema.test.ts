import { describe, expect, test } from "vitest";
import { blank, hintOf, isNullable, kindOf, type Schema, wayName, wayOf } from "../../../dashboard/src/schema.ts";
import { formatExact, parseExact } from "../../../dashboard/src/json.ts";
import { duration, rate, relative } from "../../../dashboard/src/format.ts";

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

  test("what may be null begins so, whether its schema says it beside the type or as another way", () => {
    const root: Schema = {
      type: "object",
      properties: {
        coupon: { anyOf: [{ type: "string" }, { type: "null" }] },
        note: { type: ["string", "null"] },
        far: { $ref: "#/$defs/maybe" },
        sure: { type: "string" },
      },
      required: ["coupon", "note", "far", "sure"],
      $defs: { maybe: { type: ["integer", "null"] } },
    };
    expect(Object.values(root.properties!).map((schema) => isNullable(schema, root))).toEqual([true, true, true, false]);
    expect(blank(root, root)).toEqual({ coupon: null, note: null, far: null, sure: "" });
  });

  test("one of several objects is told by its constants, else by its members", () => {
    const card: Schema = {
      type: "object",
      properties: { kind: { const: "card" }, token: { type: "string" } },
      required: ["kind", "token"],
    };
    const bill: Schema = { type: "object", properties: { kind: { const: "bill" }, days: { type: "integer" } }, required: ["kind", "days"] };
    const payment: Schema = { oneOf: [card, bill] };
    expect(kindOf(payment, payment)).toEqual({ kind: "variants", ways: [card, bill] });
    expect(blank(payment, payment)).toEqual({ kind: "card", token: "" });
    expect([{ kind: "bill" }, { kind: "card", days: 1 }, {}].map((value) => wayOf([card, bill], value))).toEqual([1, 0, 0]);
    expect([card, bill, {}].map(wayName)).toEqual(["card", "bill", "variant 3"]);
    const loose = [{ required: ["width"] }, { required: ["height"] }];
    expect(wayOf(loose, { height: 1 })).toBe(1);
  });

  test("a long pattern, and one beside a format, is no hint", () => {
    expect(hintOf({ type: "string", format: "email", pattern: "^.+@.+$" }, {})).toBe("email");
    expect(hintOf({ type: "string", pattern: "^[0-9]{5}$" }, {})).toBe("like ^[0-9]{5}$");
    expect(hintOf({ type: "string", pattern: "x".repeat(80) }, {})).toBe("");
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
  expect([1_000, 7_000, 999.7, 9_970].map(duration)).toEqual(["1 s", "7 s", "1 s", "10 s"]);
  expect([relative(0, 500), relative(0, 90_000), relative(90_000, 0)]).toEqual(["just now", "2 m ago", "in 2 m"]);
});

test("a rate limit is written as it is typed", () => {
  const rates = [
    { permits: 10, perMs: 1_000, burst: 10 },
    { permits: 5, perMs: 3_600_000, burst: 20 },
    { permits: 1, perMs: 90_500, burst: 1 },
  ];
  expect(rates.map(rate)).toEqual(["10 per 1s", "5 per 1h, burst 20", "1 per 90500ms"]);
});
