/** Pixels of an image, four bytes each: red, green, blue, alpha. */
export interface Pixels {
  data: Uint8Array;
  width: number;
  height: number;
}

/**
 * Turns and mirrors pixels as EXIF orientation 1 to 8 says, so that they can be shown as they are: a camera held
 * upright stores its picture lying on its side.
 */
export function orient(pixels: Pixels, orientation: number): Pixels {
  if (orientation <= 1 || orientation > 8) return pixels;
  const { width, height } = pixels;
  const turned = orientation >= 5;
  const result: Pixels = { data: new Uint8Array(pixels.data.length), width: turned ? height : width, height: turned ? width : height };
  // A view of whole pixels has to begin at a multiple of four.
  const { buffer, byteOffset } = pixels.data.byteOffset % 4 === 0 ? pixels.data : pixels.data.slice();
  const from = new Uint32Array(buffer, byteOffset, width * height);
  const to = new Uint32Array(result.data.buffer);
  // Which edge of the stored picture is the shown one's top and left.
  const [fromRight, fromBottom] = [[2, 3, 7, 8].includes(orientation), [3, 4, 6, 7].includes(orientation)];
  for (let y = 0; y < result.height; y++) {
    for (let x = 0; x < result.width; x++) {
      const [column, row] = turned ? [y, x] : [x, y];
      const sourceX = fromRight ? width - 1 - column : column;
      const sourceY = fromBottom ? height - 1 - row : row;
      to[y * result.width + x] = from[sourceY * width + sourceX]!;
    }
  }
  return result;
}

/** Puts a picture with transparent places on white, in place: JPEG knows no alpha, and without this they come out black. */
export function flatten(pixels: Pixels): void {
  const { data } = pixels;
  for (let at = 0; at < data.length; at += 4) {
    const alpha = data[at + 3]!;
    if (alpha === 255) continue;
    for (let channel = at; channel < at + 3; channel++) data[channel] = Math.round((data[channel]! * alpha + 255 * (255 - alpha)) / 255);
    data[at + 3] = 255;
  }
}
