import { expect, test } from "vitest";
import { didYouMean, isDomainName, isGroupName, isScheduleName, isTypeName } from "../../src/policy/names.ts";

test("[names] domain names", () => {
  for (const name of ["a", "media", "a-1", "a".repeat(63)]) expect(isDomainName(name), name).toBe(true);
  for (const name of ["", "1a", "-a", "A", "a_b", "a b", "a\n", "ä", "a".repeat(64), "constructor", null, 1, ["a"]])
    expect(isDomainName(name), String(name)).toBe(false);
});

test("[names] type names", () => {
  for (const name of ["a", "Resize", "upload_part-2", "a".repeat(63)]) expect(isTypeName(name), name).toBe(true);
  for (const name of ["", "1a", "_a", "a.b", "a b", "a\n", "a".repeat(64), "toString", "constructor", undefined])
    expect(isTypeName(name), String(name)).toBe(false);
});

test("group and schedule names", () => {
  for (const name of ["sync-reserved", "s3://bucket", "a@b.c", "7", "-a", "a b", "größe ✓", "é".repeat(64), "constructor"])
    expect(isGroupName(name), name).toBe(true);
  for (const name of ["", " a", "a ", "a\n", "a\0b", "\ud800", "a".repeat(129), "é".repeat(65), "__proto__", null])
    expect(isGroupName(name), String(name)).toBe(false);
  for (const name of ["nightly", "a.b_c-1", "a".repeat(128)]) expect(isScheduleName(name), name).toBe(true);
  for (const name of ["", "1a", "a/b", "a b", "a".repeat(129), {}]) expect(isScheduleName(name), String(name)).toBe(false);
});

test.each([
  ["resise", "resize"],
  ["RESIZE", "resize"],
  ["reszie", "resize"],
  ["rsize", "resize"],
  ["resizes", "resize"],
  ["gc2", "gc"],
  ["upload-prat", "upload-part"],
  ["something", undefined],
  ["", undefined],
  ["z", undefined],
  ["x".repeat(129), undefined],
])("%s: did you mean %s?", (word, expected) => {
  expect(didYouMean(word, ["rotate", "resize", "gc", "upload-part", "transcode"])).toBe(expected);
});

test("the nearest wins, the first of equally near ones", () => {
  expect(didYouMean("fetch", ["fetches", "fetsh", "fetch"])).toBe("fetch");
  expect(didYouMean("fetck", ["fetcx", "fetcy"])).toBe("fetcx");
});
