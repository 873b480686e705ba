import { PhotonImage, resize, SamplingFilter } from "@cf-wasm/photon";
import { NonRetryableError } from "../../policy/errors.ts";
import { flatten, orient } from "./pixels.ts";
import type { ThumbnailSize } from "./plan.ts";

/**
 * The most pixels that are decoded. Measured: the codec needs about 13.5 bytes a pixel, and an isolate has 128 MB
 * for everything in it.
 */
export const DECODED_PIXELS_MAX = 6_000_000;

export type Format = "jpeg" | "webp";

/**
 * Decodes an image and makes its widest thumbnail, upright. Nothing is awaited here: the decoded original, by far
 * the largest thing in memory, is gone before another task of this isolate gets its turn.
 *
 * @param size what it is shown as, after turning
 * @throws NonRetryableError with code `image_broken` when the codec cannot decode it
 */
export function decodeAt(bytes: Uint8Array, orientation: number, size: ThumbnailSize, format: Format): PhotonImage {
  using original = decoded(bytes);
  const lying = orientation >= 5 ? { width: size.height, height: size.width } : size;
  const scaled = scale(original, lying);
  if (orientation === 1 && format === "webp") return scaled;
  using upright = scaled;
  const pixels = orient({ data: upright.get_raw_pixels(), ...lying }, orientation);
  if (format === "jpeg") flatten(pixels);
  return new PhotonImage(pixels.data, pixels.width, pixels.height);
}

/** A thumbnail's file, made from a wider one. */
export function encodeAt(widest: PhotonImage, size: ThumbnailSize, format: Format, quality: number): Uint8Array {
  using image = scale(widest, size);
  return format === "jpeg" ? image.get_bytes_jpeg(quality) : image.get_bytes_webp();
}

function decoded(bytes: Uint8Array): PhotonImage {
  try {
    return PhotonImage.new_from_byteslice(bytes);
  } catch (cause) {
    // The codec panics on anything broken; WebAssembly calls that "unreachable".
    throw new NonRetryableError("The image's header is fine, but its content cannot be decoded.", { code: "image_broken", cause });
  }
}

const scale = (image: PhotonImage, size: ThumbnailSize): PhotonImage => resize(image, size.width, size.height, SamplingFilter.Lanczos3);
