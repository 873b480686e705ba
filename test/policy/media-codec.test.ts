import { PhotonImage } from "@cf-wasm/photon";
import fc from "fast-check";
import jpeg from "jpeg-js";
import { describe, expect, test } from "vitest";
import { decodeAt, encodeAt } from "../../src/domains/media/codec.ts";
import { flatten, orient } from "../../src/domains/media/pixels.ts";
import { planThumbnails } from "../../src/domains/media/plan.ts";

describe("the plan", () => {
  test.each([
    [
      { width: 2_400, height: 1_600 },
      [320, 640, 1_280],
      [
        [1_280, 853],
        [640, 427],
        [320, 213],
      ],
    ],
    [
      { width: 500, height: 1_000 },
      [320, 640, 1_280],
      [
        [500, 1_000],
        [320, 640],
      ],
    ],
    [{ width: 3_000, height: 2 }, [100, 100], [[100, 1]]],
    [{ width: 8, height: 8 }, [16], [[8, 8]]],
  ])("%j at %j", (original, widths, expected) => {
    expect(planThumbnails(original, widths)).toEqual(expected.map(([width, height]) => ({ width, height })));
  });

  test("property: widest first, none twice, none wider than the original, none empty, shape kept to half a pixel", () => {
    const side = fc.integer({ min: 1, max: 16_384 });
    fc.assert(
      fc.property(side, side, fc.array(fc.integer({ min: 16, max: 2_048 }), { minLength: 1, maxLength: 10 }), (width, height, widths) => {
        const sizes = planThumbnails({ width, height }, widths);
        expect(sizes.length).toBeGreaterThan(0);
        sizes.forEach((size, index) => {
          expect(size.width <= width && size.height >= 1 && size.height <= height).toBe(true);
          if (index > 0) expect(size.width).toBeLessThan(sizes[index - 1]!.width);
          if (size.height > 1) expect(Math.abs(size.height - (height * size.width) / width)).toBeLessThanOrEqual(0.5);
        });
      }),
    );
  });
});

describe("turning", () => {
  // Stored as 3 × 2: 1 2 3 / 4 5 6. What a viewer shows for each orientation, from the EXIF standard's table.
  test.each([
    [
      1,
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    ],
    [
      2,
      [
        [3, 2, 1],
        [6, 5, 4],
      ],
    ],
    [
      3,
      [
        [6, 5, 4],
        [3, 2, 1],
      ],
    ],
    [
      4,
      [
        [4, 5, 6],
        [1, 2, 3],
      ],
    ],
    [
      5,
      [
        [1, 4],
        [2, 5],
        [3, 6],
      ],
    ],
    [
      6,
      [
        [4, 1],
        [5, 2],
        [6, 3],
      ],
    ],
    [
      7,
      [
        [6, 3],
        [5, 2],
        [4, 1],
      ],
    ],
    [
      8,
      [
        [3, 6],
        [2, 5],
        [1, 4],
      ],
    ],
  ])("orientation %i", (orientation, rows) => {
    // Begins at an odd byte, as a slice of a larger buffer may.
    const data = new Uint8Array(new ArrayBuffer(25), 1);
    [1, 2, 3, 4, 5, 6].forEach((value, index) => data.fill(value, index * 4, index * 4 + 4));
    const turned = orient({ data, width: 3, height: 2 }, orientation);
    expect({ width: turned.width, height: turned.height }).toEqual({ width: rows[0]!.length, height: rows.length });
    expect(Array.from(turned.data)).toEqual(rows.flat().flatMap((value) => [value, value, value, value]));
  });
});

test("transparent places come out white", () => {
  const data = Uint8Array.of(10, 20, 30, 0, 10, 20, 30, 255, 0, 0, 0, 128);
  flatten({ data, width: 3, height: 1 });
  expect(Array.from(data)).toEqual([255, 255, 255, 255, 10, 20, 30, 255, 127, 127, 127, 255]);
});

describe("the codec", () => {
  /** Red in the top left quarter, blue elsewhere. */
  const quartered = (width: number, height: number) => {
    const data = new Uint8Array(width * height * 4);
    for (let at = 0; at < width * height; at++)
      data.set(at % width < width / 2 && at < (width * height) / 2 ? [255, 0, 0, 255] : [0, 0, 255, 255], at * 4);
    return { data, width, height };
  };
  const at = (image: { data: Uint8Array; width: number }, x: number, y: number) => image.data[(y * image.width + x) * 4]! > 128;

  test("makes thumbnails of the planned sizes from one decoding", () => {
    const file = new Uint8Array(jpeg.encode(quartered(600, 400), 90).data);
    const sizes = planThumbnails({ width: 600, height: 400 }, [300, 120, 9_999]);
    using widest = decodeAt(file, 1, sizes[0]!, "jpeg");
    for (const size of sizes) {
      const decoded = jpeg.decode(encodeAt(widest, size, "jpeg", 80), { useTArray: true });
      expect({ width: decoded.width, height: decoded.height }).toEqual(size);
      expect([at(decoded, 5, 5), at(decoded, size.width - 5, 5), at(decoded, 5, size.height - 5)]).toEqual([true, false, false]);
    }
  });

  test("a picture that lies on its side stands up", () => {
    const file = new Uint8Array(jpeg.encode(quartered(600, 400), 90).data);
    using widest = decodeAt(file, 6, { width: 200, height: 300 }, "jpeg");
    const decoded = jpeg.decode(encodeAt(widest, { width: 100, height: 150 }, "jpeg", 80), { useTArray: true });
    expect({ width: decoded.width, height: decoded.height }).toEqual({ width: 100, height: 150 });
    // Turned clockwise: what was top left is now top right.
    expect([at(decoded, 5, 5), at(decoded, 95, 5), at(decoded, 95, 145)]).toEqual([false, true, false]);
  });

  test("a transparent PNG is on white as JPEG and stays transparent as WebP", () => {
    const file = new PhotonImage(new Uint8Array(64 * 64 * 4), 64, 64).get_bytes();
    using flat = decodeAt(file, 1, { width: 32, height: 32 }, "jpeg");
    const decoded = jpeg.decode(encodeAt(flat, { width: 16, height: 16 }, "jpeg", 90), { useTArray: true });
    expect(decoded.data[0]).toBeGreaterThan(250);
    using clear = decodeAt(file, 1, { width: 32, height: 32 }, "webp");
    using again = PhotonImage.new_from_byteslice(encodeAt(clear, { width: 16, height: 16 }, "webp", 90));
    expect(again.get_raw_pixels()[3]).toBe(0);
  });

  test("what cannot be decoded fails for good, and the codec still works afterwards", () => {
    const file = new Uint8Array(jpeg.encode(quartered(600, 400), 90).data);
    for (const broken of [file.subarray(0, file.length / 2), new Uint8Array(100)]) {
      expect(() => decodeAt(broken, 1, { width: 300, height: 200 }, "jpeg")).toThrow(
        expect.objectContaining({ name: "NonRetryableError", code: "image_broken" }),
      );
    }
    using image = decodeAt(file, 1, { width: 300, height: 200 }, "jpeg");
    expect(image.get_width()).toBe(300);
  });
});
