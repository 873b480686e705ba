import { z } from "zod";

/** Which thumbnails to make of an image, and whom to tell. */
export const thumbnailRequest = z.strictObject({
  /** 1 to 10 widths in pixels, 16 to 2,048; an image is never made wider than it is. */
  widths: z.array(z.int().min(16).max(2_048)).min(1).max(10),
  /** JPEG has no transparency (it is put on white); WebP is lossless, so larger for photos. */
  format: z.enum(["jpeg", "webp"]).default("jpeg"),
  /** Of JPEG, 1 to 100. */
  quality: z.int().min(1).max(100).default(80),
  /** Where the finished thumbnails are announced, by `http.deliver`. */
  notify: z
    .url({ protocol: /^https?$/ })
    .max(2_048)
    .optional(),
});
