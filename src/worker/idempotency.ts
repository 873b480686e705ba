import { sha256 } from "@noble/hashes/sha2.js";
import { fail } from "../policy/errors.ts";
import { canonicalJson } from "../policy/key.ts";
import type { Call } from "./route.ts";
import { IDEMPOTENCY_KEY } from "./schemas.ts";

/** The header's key is its token's own; the body's hash is that of its canonical JSON, so that member order makes no difference. */
export function idempotencyOf({ context, identity, body }: Call): { key: string; body: string } | undefined {
  const key = context.req.header("idempotency-key");
  if (key === undefined) return undefined;
  if (!IDEMPOTENCY_KEY.test(key)) {
    throw fail("invalid_request", "Idempotency-Key must be 1 to 255 visible ASCII characters, such as a UUID.", {
      issues: [{ path: "Idempotency-Key", message: "not a key" }],
    });
  }
  return { key: `http/${encodeURIComponent(identity.name)}/${key}`, body: hashOf(canonicalJson(body)) };
}

function hashOf(text: string): string {
  return Array.from(sha256(new TextEncoder().encode(text)).subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
