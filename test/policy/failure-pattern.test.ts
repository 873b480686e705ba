import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { failurePattern } from "../../src/policy/failure-pattern.ts";
import { utf8Bytes } from "../../src/policy/text.ts";

describe("[dead letters] what failures have in common", () => {
  test.each<[message: string, pattern: string]>([
    ["no such object 9f0c31aa after 30s", "no such object {id} after {n}s"],
    ["task media_4217 timed out after 300000 ms", "task media_{n} timed out after {n} ms"],
    ["user 3f2b8a1c-9d4e-4f6a-8b2c-1d3e5f7a9b0c is gone", "user {id} is gone"],
    ["connect ECONNREFUSED 10.0.0.1:8080", "connect ECONNREFUSED {n}"],
    ["quota resets at 2026-11-21T16:20:00.123Z", "quota resets at {time}"],
    ["2026-11-21 is a holiday", "{time} is a holiday"],
    ["GET https://api.example.com/v2/orders/8812 answered 503", "GET https://api.example.com/v{n}/orders/{n} answered {n}"],
    ["HTTP2 stream 17 of x86_64 was reset", "HTTP{n} stream {n} of x{n}_{n} was reset"],
    ["request 01HZX3ABCDEF9K2M4P6Q8R failed", "request {id} failed"],
    ["  several\n\tlines   of it ", "several lines of it"],
    ["used 12,345.67 of -5", "used {n} of {n}"],
    ["größe 5 überschritten", "größe {n} überschritten"],
    ["", ""],
  ])("%s", (message, pattern) => {
    expect(failurePattern("Error", message)).toBe(pattern);
  });

  test("the error's name is told where it says something", () => {
    expect(failurePattern("TypeError", "x is not a function")).toBe("TypeError: x is not a function");
    expect(failurePattern("", "x")).toBe("x");
  });

  test("messages that differ in ids and numbers alone have one pattern; it is short, and a pattern of itself", () => {
    const pairs = [fc.uuid(), fc.nat().map(String)].map((id) => fc.tuple(id, id));
    const text = fc.string({ unit: fc.constantFrom("a", "b", " ", "é", "(", ".") });
    fc.assert(
      fc.property(text, fc.oneof(...pairs), (before, [one, other]) => {
        expect(failurePattern("Error", `${before} ${one} ends`)).toBe(failurePattern("Error", `${before} ${other} ends`));
      }),
    );
    fc.assert(
      fc.property(fc.string({ maxLength: 2_000, unit: "grapheme" }), (text) => {
        const pattern = failurePattern("Error", text);
        expect(utf8Bytes(pattern)).toBeLessThanOrEqual(256);
        expect(pattern).not.toMatch(/\d/);
      }),
    );
  });

  test("a hostile message takes no more time than any other", () => {
    for (const text of ["a".repeat(4_000), "1a".repeat(2_000), "a.".repeat(2_000), "1.".repeat(2_000), "-_".repeat(2_000)])
      for (let n = 0; n < 2_000; n += 1) expect(failurePattern("Error", text).length).toBeLessThanOrEqual(256);
  });
});
