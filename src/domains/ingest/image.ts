/** What the first bytes of an image say. */
export interface ImageHeader {
  type: "image/jpeg" | "image/png" | "image/webp";
  /** As shown: a picture that EXIF turns by 90° has them swapped. */
  width: number;
  height: number;
  /** EXIF, 1 to 8; 1 is upright. */
  orientation: number;
}

/** File name endings by type. */
export const EXTENSION: Readonly<Record<ImageHeader["type"], string>> = { "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp" };

/**
 * Reads type and size of a JPEG, PNG or WebP from its header, whatever its name or content type says. Decodes
 * nothing: a picture that claims a size it does not have is found out by the codec.
 *
 * @returns undefined when it is none of the three, or its header is cut off or broken
 */
export function readImageHeader(bytes: Uint8Array): ImageHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const header = readJpeg(view) ?? readPng(view) ?? readWebp(view);
    return header && header.width > 0 && header.height > 0 ? header : undefined;
  } catch (error) {
    // A DataView says so when a header points behind the end.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

const ascii = (view: DataView, at: number, text: string): boolean => {
  if (view.byteLength < at + text.length) return false;
  for (let index = 0; index < text.length; index++) if (view.getUint8(at + index) !== text.charCodeAt(index)) return false;
  return true;
};

function readPng(view: DataView): ImageHeader | undefined {
  if (!ascii(view, 0, "\x89PNG\r\n\x1a\n") || !ascii(view, 12, "IHDR")) return undefined;
  return { type: "image/png", width: view.getUint32(16), height: view.getUint32(20), orientation: 1 };
}

function readWebp(view: DataView): ImageHeader | undefined {
  if (!ascii(view, 0, "RIFF") || !ascii(view, 8, "WEBP")) return undefined;
  const size = webpSize(view);
  return size && { type: "image/webp", ...size, orientation: 1 };
}

function webpSize(view: DataView): { width: number; height: number } | undefined {
  if (ascii(view, 12, "VP8X")) return { width: 1 + uint24(view, 24), height: 1 + uint24(view, 27) };
  if (ascii(view, 12, "VP8L") && view.getUint8(20) === 0x2f) {
    const bits = view.getUint32(21, true);
    return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) };
  }
  if (ascii(view, 12, "VP8 ") && view.getUint8(23) === 0x9d && view.getUint8(24) === 0x01 && view.getUint8(25) === 0x2a) {
    return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
  }
  return undefined;
}

const uint24 = (view: DataView, at: number): number => view.getUint16(at, true) | (view.getUint8(at + 2) << 16);

/** Walks the segments up to the frame header. */
function readJpeg(view: DataView): ImageHeader | undefined {
  if (view.byteLength < 4 || view.getUint16(0) !== 0xffd8) return undefined;
  let orientation = 1;
  for (let at = 2; ;) {
    if (view.getUint8(at) !== 0xff) return undefined;
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const length = view.getUint16(at + 2);
    if (length < 2) return undefined;
    if (marker === 0xe1 && ascii(view, at + 4, "Exif\0\0")) orientation = exifOrientation(view, at + 10, at + 2 + length);
    if (isFrame(marker)) {
      const [height, width] = [view.getUint16(at + 5), view.getUint16(at + 7)];
      return { type: "image/jpeg", ...(orientation >= 5 ? { width: height, height: width } : { width, height }), orientation };
    }
    // Start of scan, or end of image, before any frame header.
    if (marker === 0xda || marker === 0xd9) return undefined;
    at += 2 + length;
  }
}

/** SOF0 to SOF15 but for the tables and arithmetic conditioning that share their numbers. */
const isFrame = (marker: number): boolean => marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/** Tag 0x0112 of the first directory; anything odd counts as upright. */
function exifOrientation(view: DataView, start: number, end: number): number {
  const little = ascii(view, start, "II");
  if ((!little && !ascii(view, start, "MM")) || view.getUint16(start + 2, little) !== 42) return 1;
  const directory = start + view.getUint32(start + 4, little);
  if (directory + 2 > end) return 1;
  const entries = view.getUint16(directory, little);
  for (let at = directory + 2; at < directory + 2 + entries * 12 && at + 12 <= end; at += 12) {
    if (view.getUint16(at, little) !== 0x0112) continue;
    const value = view.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}
