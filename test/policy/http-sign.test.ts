import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { signBody, verifySignature } from "../../src/domains/http/sign.ts";

const NEW = "new-key-0123456789";
const OLD = "old-key-0123456789";
const T = 1_760_000_000;
const now = T * 1_000;
const reference = (key: string, body: string, t = T) => createHmac("sha256", key).update(`${t}.${body}`).digest("hex");

test("the header is what any HMAC-SHA-256 gives over `${timestamp}.${body}`", async () => {
  expect(await signBody("{}", [NEW], T)).toBe(`t=${T},v1=${reference(NEW, "{}")}`);
  expect(await signBody("ü", [NEW, OLD], T)).toBe(`t=${T},v1=${reference(NEW, "ü")},v1=${reference(OLD, "ü")}`);
  expect(await signBody("{}", [undefined, "", OLD], T)).toBe(`t=${T},v1=${reference(OLD, "{}")}`);
});

describe("verifySignature", () => {
  test("either key of a rotation will do, on either side", async () => {
    const header = await signBody("body", [NEW, OLD], T);
    for (const keys of [NEW, OLD, [NEW, OLD], [OLD, "a-third-key-0123456789"], [undefined, NEW]])
      expect(await verifySignature({ body: "body", header, keys, now })).toBe(true);
    expect(await verifySignature({ body: "body", header, keys: "another-key-0123456789", now })).toBe(false);
    expect(await verifySignature({ body: "body", header: await signBody("body", [OLD], T), keys: [NEW, OLD], now })).toBe(true);
  });

  test("bytes and text are the same body", async () => {
    const header = await signBody("grüße", [NEW], T);
    const bytes = new TextEncoder().encode("grüße");
    expect(await verifySignature({ body: bytes, header, keys: NEW, now })).toBe(true);
    expect(await verifySignature({ body: bytes.buffer as ArrayBuffer, header, keys: NEW, now })).toBe(true);
    expect(await verifySignature({ body: bytes.subarray(1), header, keys: NEW, now })).toBe(false);
  });

  test.each([
    [0, undefined, true],
    [300, undefined, true],
    [-300, undefined, true],
    [301, undefined, false],
    [-301, undefined, false],
    [10, 10, true],
    [11, 10, false],
    [1e9, Number.POSITIVE_INFINITY, true],
    [0, Number.NaN, false],
    [0, 0, true],
    [1, 0, false],
  ])("#58 %s s away with a tolerance of %s: %s", async (seconds, toleranceSeconds, valid) => {
    const header = await signBody("body", [NEW], T);
    const tolerance = toleranceSeconds === undefined ? {} : { toleranceSeconds };
    expect(await verifySignature({ body: "body", header, keys: NEW, now: now + seconds * 1_000, ...tolerance })).toBe(valid);
  });

  const good = reference(NEW, "body");
  test.each([
    null,
    undefined,
    "",
    "t=",
    `v1=${good}`,
    `t=${T}`,
    `t=${T},v1=`,
    `t=${T},v1=${good.slice(1)}`,
    `t=${T},v1=${good}0`,
    `t=${T},v1=${good.toUpperCase()}`,
    `t=${T},v0=${good}`,
    `t=${T},t=${T + 1},v1=${good}`,
    `t=-${T},v1=${good}`,
    `t=${T}.0,v1=${good}`,
    `t=1e9,v1=${good}`,
    `t=NaN,v1=${good}`,
    `t=${T};v1=${good}`,
    `t=${T},v1=${"0".repeat(64)},v1=${"1".repeat(64)},v1=${good}`,
    `t=${T},${"v1=x,".repeat(1_000)}v1=${good}`,
  ])("refuses the header %s", async (header) => {
    expect(await verifySignature({ body: "body", header, keys: NEW, now })).toBe(false);
  });

  test("takes white space after commas, and the system's clock when told no other", async () => {
    expect(await verifySignature({ body: "body", header: `t=${T}, v1=${good}`, keys: NEW, now })).toBe(true);
    expect(await verifySignature({ body: "body", header: `t=${T},v1=${good}`, keys: NEW })).toBe(false);
  });

  test("no key, a short key, three keys: an error, not a false", async () => {
    for (const keys of ["", "short", [], [undefined], [NEW, "short"], [NEW, OLD, "a-third-key-0123456789"]]) {
      await expect(verifySignature({ body: "body", header: `t=${T},v1=${good}`, keys, now })).rejects.toMatchObject({
        code: "invalid_request",
      });
    }
    await expect(signBody("", [], T)).rejects.toMatchObject({ code: "invalid_request" });
  });
});

test("#58 property: only the very same body, timestamp and key verify", async () => {
  const key = fc.string({ minLength: 16, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: "binary" }).map((text) => text.toWellFormed()),
      key,
      key,
      fc.nat(9_999_999_999),
      fc.nat(1_000),
      async (body, mine, other, t, at) => {
        const header = await signBody(body, [mine], t);
        const check = { body, header, keys: mine, now: t * 1_000 };
        expect(await verifySignature(check)).toBe(true);
        expect(await verifySignature({ ...check, body: `${body}x` })).toBe(false);
        expect(await verifySignature({ ...check, keys: other })).toBe(mine === other);
        expect(await verifySignature({ ...check, header: header.replace(`t=${t}`, `t=${t + 1}`) })).toBe(false);
        const start = header.indexOf("v1=") + 3;
        const place = start + (at % 64);
        const flipped = header[place] === "0" ? "1" : "0";
        expect(await verifySignature({ ...check, header: header.slice(0, place) + flipped + header.slice(place + 1) })).toBe(false);
      },
    ),
    { numRuns: 50 },
  );
});
