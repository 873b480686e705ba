import { defineDomain, exponential, NonRetryableError } from "millrace";
import { z } from "zod";
import { systemClock } from "../clock.ts";
import type { Env } from "./env.ts";
import { type ImageHeader, readImageHeader } from "./ingest/image.ts";
import { DECODED_PIXELS_MAX, decodeAt, encodeAt } from "./media/codec.ts";
import { planThumbnails } from "./media/plan.ts";
import { thumbnailRequest } from "./media/request.ts";
import { http } from "./webhooks.ts";

const Resize = thumbnailRequest.extend({
  /** Key of the original in the bucket, as `ingest.fetch` answers with. */
  object: z.string().min(1).max(512),
});

/** How much of the work is done once the widest thumbnail stands. */
const DECODED = 0.6;

/** A type, not an interface: results have to count as JSON. */
type Thumbnail = { object: string; width: number; height: number; bytes: number };

/** Makes thumbnails in the runner, with a codec in WebAssembly. */
export const media = defineDomain("media", {
  state: (env: Env) => ({ bucket: env.MEDIA }),
  // A picture of 6 megapixels takes 80 MB while it is decoded.
  maxConcurrency: 2,
}).task("resize", {
  payload: Resize,
  label: (payload) => `Resize ${payload.object.split("/").at(-1)?.slice(0, 16)} to ${payload.widths.join(", ")}`,
  tags: (payload) => ({ "media.object": payload.object.slice(-200) }),
  timeout: "2m",
  retry: exponential(3, "2s", "2m"),
  async execute(payload, ctx) {
    const { bucket } = ctx.state;
    const original = await bucket.get(payload.object);
    if (!original)
      throw new NonRetryableError(`There is no object ${payload.object}; ingest.fetch puts originals there.`, { code: "object_not_found" });
    const bytes = new Uint8Array(await original.arrayBuffer());
    const header = decodable(bytes);
    const sizes = planThumbnails(header, payload.widths);
    ctx.progress(0, "decoding");
    // Lets progress out and a cancel in: what comes next holds the isolate for a second.
    await systemClock.sleep(0, ctx.signal);
    using widest = decodeAt(bytes, header.orientation, sizes[0]!, payload.format);
    ctx.progress(DECODED, "decoded");
    const thumbnails: Thumbnail[] = [];
    for (const size of sizes) {
      const file = encodeAt(widest, size, payload.format, payload.quality);
      const object = thumbnailKey(payload.object, size.width, payload.format);
      await bucket.put(object, file, { httpMetadata: { contentType: `image/${payload.format}` } });
      thumbnails.push({ object, ...size, bytes: file.length });
      ctx.progress(DECODED + ((1 - DECODED) * thumbnails.length) / sizes.length, `${size.width} px`);
      await systemClock.sleep(0, ctx.signal);
    }
    if (payload.notify === undefined) return { thumbnails, delivery: null };
    const body = { event: "media.resized", task: ctx.task.id, original: payload.object, thumbnails };
    // Under this task's id: a retry of this execution announces nothing twice.
    const next = await ctx.domain(http).submit("deliver", { url: payload.notify, body }, { idempotencyKey: `${ctx.task.id}/deliver` });
    return { thumbnails, delivery: next.id };
  },
});

function decodable(bytes: Uint8Array): ImageHeader {
  const header = readImageHeader(bytes);
  if (!header) throw new NonRetryableError("This is no JPEG, PNG or WebP, or its header is broken.", { code: "not_an_image" });
  const pixels = header.width * header.height;
  if (pixels <= DECODED_PIXELS_MAX) return header;
  throw new NonRetryableError(
    `The image has ${(pixels / 1e6).toFixed(1)} megapixels; this codec decodes at most ${DECODED_PIXELS_MAX / 1e6} in a Worker's memory. Shrink it before the upload.`,
    { code: "image_too_large" },
  );
}

/** `originals/abc.jpg` at 320: `thumbnails/abc/320.jpg`. */
function thumbnailKey(original: string, width: number, format: "jpeg" | "webp"): string {
  const name = original
    .split("/")
    .at(-1)!
    .replace(/\.[a-z]+$/, "");
  return `thumbnails/${name}/${width}.${format === "jpeg" ? "jpg" : "webp"}`;
}
