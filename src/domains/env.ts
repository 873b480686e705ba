/** The bindings that the example domains use; see `wrangler.toml`. */
export interface Env {
  /** Uploads, originals and thumbnails. */
  MEDIA: R2Bucket;
  /** Signs what `http.deliver` sends: `openssl rand -hex 32 | npx wrangler secret put WEBHOOK_SECRET`. */
  WEBHOOK_SECRET?: string;
  /** The other key while one replaces the other. */
  WEBHOOK_SECRET_PREVIOUS?: string;
  /** Private hosts that may be fetched from and delivered to, with commas: `127.0.0.1,10.0.0.0/8`. None by default. */
  ALLOW_PRIVATE?: string;
}

/** The hosts that `ALLOW_PRIVATE` lists. */
export const allowedPrivate = (env: Env): string[] =>
  (env.ALLOW_PRIVATE ?? "")
    .split(",")
    .map((host) => host.trim())
    .filter((host) => host !== "");
