import { defineDomain, exponential, NonRetryableError } from "millrace";
import { z } from "zod";
import { systemClock } from "../clock.ts";
import { allowedPrivate, type Env } from "./env.ts";
import { readHead } from "./http/answer.ts";
import { follow } from "./http/follow.ts";
import { refusal } from "./http/refusal.ts";
import { EXTENSION, type ImageHeader, readImageHeader } from "./ingest/image.ts";
import { UPLOAD_KEY } from "./ingest/key.ts";
import { readAll } from "./ingest/read.ts";
import { media } from "./media.ts";
import { thumbnailRequest } from "./media/request.ts";

/** Wider or taller than this is refused, whatever it weighs: a few KB can claim a picture of gigabytes. */
const SIDE_MAX = 16_384;
/** An hour: as for deliveries. */
const RETRY_AFTER_MAX_MS = 3_600_000;

const Source = z
  .strictObject({
    /** Where the image is fetched from … */
    url: z
      .url({ protocol: /^https?$/ })
      .max(2_048)
      .optional(),
    /** … or the key of an earlier `PUT /uploads/{key}`. */
    upload: z.string().regex(UPLOAD_KEY).optional(),
    /** Make thumbnails of it afterwards. */
    resize: thumbnailRequest.optional(),
  })
  .refine((source) => (source.url === undefined) !== (source.upload === undefined), { error: "give either url or upload" });

interface Body {
  stream: ReadableStream<Uint8Array>;
  bytes: number | undefined;
}

/** Takes images in: fetched or uploaded, checked, and kept under a key made from their content. */
export const ingest = defineDomain("ingest", {
  state: (env: Env) => ({ bucket: env.MEDIA, allowPrivate: allowedPrivate(env) }),
  maxConcurrency: 6,
}).task("fetch", {
  payload: Source,
  label: (source) => (source.url === undefined ? `Take upload ${source.upload}` : `Fetch ${new URL(source.url).host}`),
  timeout: "2m",
  retry: exponential(5, "2s", "5m"),
  async execute(source, ctx) {
    const { bucket, allowPrivate } = ctx.state;
    const body = source.url === undefined ? await openUpload(bucket, source.upload!) : await openUrl(source.url, allowPrivate, ctx.signal);
    const bytes = await readAll(body.stream, body.bytes, (done, total) => {
      ctx.signal.throwIfAborted();
      ctx.bytes({ done, total });
    });
    const header = checked(bytes);
    const sha256 = hex(await crypto.subtle.digest("SHA-256", bytes));
    const object = `originals/${sha256}.${EXTENSION[header.type]}`;
    // The same picture has the same key, so a repeat changes nothing.
    await bucket.put(object, bytes, { httpMetadata: { contentType: header.type }, sha256 });
    ctx.signal.throwIfAborted();
    // Under this task's id: a retry of this execution finds the task of the first one instead of making another.
    const next =
      source.resize &&
      (await ctx.domain(media).submit("resize", { object, ...source.resize }, { idempotencyKey: `${ctx.task.id}/resize` }));
    return { object, bytes: bytes.length, width: header.width, height: header.height, type: header.type, sha256, resize: next?.id ?? null };
  },
});

async function openUpload(bucket: R2Bucket, key: string): Promise<Body> {
  const object = await bucket.get(`uploads/${key}`);
  if (!object)
    throw new NonRetryableError(`There is no upload ${key}; send it first by PUT /uploads/${key}.`, { code: "upload_not_found" });
  return { stream: object.body, bytes: object.size };
}

async function openUrl(url: string, allowPrivate: readonly string[], signal: AbortSignal): Promise<Body> {
  const headers = () => ({ accept: "image/jpeg, image/png, image/webp", "user-agent": "millrace" });
  const followed = await follow({ url, method: "GET", headers, allowPrivate, signal }, (target, init) => fetch(target, init));
  const { response } = followed;
  if (!response.ok) throw refusal(response, followed.url, await readHead(response, systemClock), systemClock.now(), RETRY_AFTER_MAX_MS);
  if (!response.body) throw new NonRetryableError(`${followed.url.host} answered with an empty body.`, { code: "not_an_image" });
  const length = response.headers.get("content-length");
  // With an encoding the length is that of the packed bytes.
  return { stream: response.body, bytes: length === null || response.headers.has("content-encoding") ? undefined : Number(length) };
}

function checked(bytes: Uint8Array): ImageHeader {
  const header = readImageHeader(bytes);
  if (!header) throw new NonRetryableError("This is no JPEG, PNG or WebP, or its header is broken.", { code: "not_an_image" });
  if (Math.max(header.width, header.height) <= SIDE_MAX) return header;
  throw new NonRetryableError(`The image is ${header.width} × ${header.height}; at most ${SIDE_MAX} pixels a side are taken.`, {
    code: "image_too_large",
  });
}

const hex = (digest: ArrayBuffer): string => Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
