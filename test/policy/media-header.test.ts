import { PhotonImage } from "@cf-wasm/photon";
import fc from "fast-check";
import jpeg from "jpeg-js";
import { describe, expect, test } from "vitest";
import { readImageHeader } from "../../src/domains/ingest/image.ts";

const pixels = (width: number, height: number) => ({ data: new Uint8Array(width * height * 4).fill(200), width, height });
const jpegOf = (width: number, height: number) => new Uint8Array(jpeg.encode(pixels(width, height), 80).data);

function photon(width: number, height: number): PhotonImage {
  return new PhotonImage(pixels(width, height).data, width, height);
}

/** A JPEG with an EXIF segment put in behind its first two bytes. */
function withOrientation(image: Uint8Array, orientation: number, little: boolean): Uint8Array {
  const exif = new DataView(new ArrayBuffer(36));
  exif.setUint16(0, 0xffe1);
  exif.setUint16(2, 34);
  new Uint8Array(exif.buffer).set([0x45, 0x78, 0x69, 0x66, 0, 0], 4);
  exif.setUint16(10, little ? 0x4949 : 0x4d4d);
  exif.setUint16(12, 42, little);
  exif.setUint32(14, 8, little);
  exif.setUint16(18, 1, little);
  exif.setUint16(20, 0x0112, little);
  exif.setUint16(22, 3, little);
  exif.setUint32(24, 1, little);
  exif.setUint16(28, orientation, little);
  return Uint8Array.from([...image.subarray(0, 2), ...new Uint8Array(exif.buffer), ...image.subarray(2)]);
}

describe("type and size are read from real files", () => {
  test.each([
    [1, 1],
    [37, 19],
    [640, 480],
    [3_000, 7],
  ])("%i × %i", (width, height) => {
    expect(readImageHeader(jpegOf(width, height))).toEqual({ type: "image/jpeg", width, height, orientation: 1 });
    expect(readImageHeader(photon(width, height).get_bytes_jpeg(80))).toEqual({ type: "image/jpeg", width, height, orientation: 1 });
    expect(readImageHeader(photon(width, height).get_bytes())).toEqual({ type: "image/png", width, height, orientation: 1 });
    expect(readImageHeader(photon(width, height).get_bytes_webp())).toEqual({ type: "image/webp", width, height, orientation: 1 });
  });

  test("the three kinds of WebP", () => {
    const webp = (kind: string, ...rest: number[]) =>
      Uint8Array.from([..."RIFF\0\0\0\0WEBP", ...kind].map((c) => c.charCodeAt(0)).concat([0, 0, 0, 0], rest));
    expect(readImageHeader(webp("VP8 ", 0, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00))).toMatchObject({ width: 320, height: 240 });
    expect(readImageHeader(webp("VP8L", 0x2f, 0x3f, 0xc1, 0x3b, 0x00))).toMatchObject({ width: 320, height: 240 });
    expect(readImageHeader(webp("VP8X", 0, 0, 0, 0, 0x3f, 0x01, 0x00, 0xef, 0x00, 0x00))).toMatchObject({ width: 320, height: 240 });
    expect(readImageHeader(webp("VP8Z", 0, 0, 0, 0, 0x3f, 0x01, 0x00, 0xef, 0x00, 0x00))).toBeUndefined();
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])("EXIF orientation %i, in both byte orders", (orientation) => {
    const size = orientation >= 5 ? { width: 20, height: 30 } : { width: 30, height: 20 };
    for (const little of [true, false])
      expect(readImageHeader(withOrientation(jpegOf(30, 20), orientation, little))).toEqual({ type: "image/jpeg", ...size, orientation });
  });
  test.each([0, 9, 65_535])("EXIF orientation %i counts as upright", (orientation) => {
    expect(readImageHeader(withOrientation(jpegOf(30, 20), orientation, true))).toMatchObject({ width: 30, height: 20, orientation: 1 });
  });
});

test.each([
  ["nothing", new Uint8Array()],
  ["text", new TextEncoder().encode("<!doctype html><html>")],
  ["a GIF", new TextEncoder().encode("GIF89a\x01\x00\x01\x00 and more of it")],
  ["only a JPEG's first bytes", Uint8Array.of(0xff, 0xd8, 0xff, 0xe0)],
  ["a JPEG without a frame", Uint8Array.of(0xff, 0xd8, 0xff, 0xd9, 0, 0)],
  ["a JPEG with a segment of length 0", Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 0, 0, 0)],
  ["a PNG of width 0", Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52, 0, 0, 0, 0, 0, 0, 0, 9)],
])("%s is no image", (_name, bytes) => {
  expect(readImageHeader(bytes)).toBeUndefined();
});

test("property: a file that is cut or damaged anywhere gives an answer, never an exception", () => {
  const files = [withOrientation(jpegOf(30, 20), 6, true), photon(30, 20).get_bytes(), photon(30, 20).get_bytes_webp()];
  fc.assert(
    fc.property(
      fc.constantFrom(...files),
      fc.nat(200),
      fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 5 }),
      (file, length, damage) => {
        const bytes = file.slice(0, length);
        for (const [at, value] of damage) if (at < bytes.length) bytes[at] = value;
        const header = readImageHeader(bytes);
        if (header) expect(header.width > 0 && header.height > 0 && header.orientation >= 1 && header.orientation <= 8).toBe(true);
      },
    ),
  );
});
