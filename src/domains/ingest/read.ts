import { NonRetryableError } from "../../policy/errors.ts";

/** The largest image that is taken, in bytes: 20 MiB. */
export const IMAGE_BYTES_MAX = 20 * 1_024 * 1_024;

/**
 * Reads a body of at most 20 MiB, telling how far it is after every chunk.
 *
 * @param total its size where that is known
 * @param report called with bytes read and the best guess of all
 * @throws NonRetryableError with code `image_too_large`, before reading where the size is known
 */
export async function readAll(
  body: ReadableStream<Uint8Array>,
  total: number | undefined,
  report: (done: number, total: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  if (total !== undefined && total > IMAGE_BYTES_MAX) {
    await body.cancel();
    throw tooLarge(total);
  }
  const chunks: Uint8Array[] = [];
  let done = 0;
  for await (const chunk of body) {
    done += chunk.length;
    // Leaving the loop cancels the rest.
    if (done > IMAGE_BYTES_MAX) throw tooLarge(done);
    chunks.push(chunk);
    report(done, Math.max(total ?? IMAGE_BYTES_MAX, done));
  }
  return joined(chunks, done);
}

function tooLarge(bytes: number): NonRetryableError {
  return new NonRetryableError(`The image has ${bytes} bytes or more; at most ${IMAGE_BYTES_MAX} are taken.`, { code: "image_too_large" });
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
