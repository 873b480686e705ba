import { systemClock } from "../../clock.ts";
import { fail } from "../../policy/errors.ts";

/** The header that carries timestamp and signatures: `t=<seconds>,v1=<hex>[,v1=<hex>]`. */
export const SIGNATURE_HEADER = "millrace-signature";

/** The key in use first, then the one it replaces or is replaced by; missing ones are skipped. */
export type SigningKeys = readonly (string | undefined)[];

/** Shorter than this a key can be guessed. */
const KEY_BYTES_MIN = 16;
/** The current key and the other one of a rotation. */
const KEYS_MAX = 2;
const HEADER_LENGTH_MAX = 1_024;
const encoder = new TextEncoder();

/**
 * The value of the `Millrace-Signature` header: HMAC-SHA-256 over `${timestamp}.${body}`, once per key, as
 * lower-case hex. With two keys it holds two signatures, so that a receiver may know either of them.
 *
 * @param body the exact text that is sent
 * @param keys one or two keys of at least 16 bytes
 * @param timestamp seconds since 1970
 * @throws `invalid_request` when there is no key, more than two, or a short one
 */
export async function signBody(body: string, keys: SigningKeys, timestamp: number): Promise<string> {
  const signatures = await Promise.all(
    checkKeys(keys).map(async (key) => `v1=${await hmac(key, signedBytes(timestamp, encoder.encode(body)))}`),
  );
  return [`t=${timestamp}`, ...signatures].join(",");
}

/** What `verifySignature` needs of a request. */
export interface SignatureCheck {
  /** The raw body as it arrived: parsing and printing JSON again changes it. */
  body: string | Uint8Array | ArrayBuffer;
  /** The `Millrace-Signature` header; a missing one is simply not valid. */
  header: string | null | undefined;
  /** The keys this receiver trusts: one, or two during a rotation. */
  keys: string | SigningKeys;
  /** How far the timestamp may be from now, either way; 300 seconds unless told. A replay is good for that long. */
  toleranceSeconds?: number;
  /** Milliseconds since 1970; the system's clock unless told. */
  now?: number;
}

/**
 * Whether a delivery was signed with one of `keys` not longer than `toleranceSeconds` ago. Runs wherever there
 * is WebCrypto (Workers, Node, Deno, Bun, browsers); signatures are compared in constant time.
 *
 * @throws `invalid_request` when there is no key to check with, or a short one
 * @example
 * ```ts
 * const body = await request.text();
 * if (!(await verifySignature({ body, header: request.headers.get("millrace-signature"), keys: env.WEBHOOK_SECRET })))
 *   return new Response("bad signature", { status: 401 });
 * ```
 */
export async function verifySignature(check: SignatureCheck): Promise<boolean> {
  const keys = checkKeys(typeof check.keys === "string" ? [check.keys] : check.keys);
  const parsed = parseHeader(check.header);
  if (!parsed) return false;
  const nowSeconds = (check.now ?? systemClock.now()) / 1_000;
  // Written so that a NaN tolerance refuses.
  if (!(Math.abs(nowSeconds - parsed.timestamp) <= (check.toleranceSeconds ?? 300))) return false;
  const signed = signedBytes(parsed.timestamp, bytesOf(check.body));
  let valid = false;
  for (const key of keys) {
    const imported = await importKey(key, "verify");
    for (const signature of parsed.signatures) {
      // No early end: time tells neither which key nor which signature matched. `verify` compares in constant time.
      valid = (await crypto.subtle.verify("HMAC", imported, signature, signed)) || valid;
    }
  }
  return valid;
}

function parseHeader(header: string | null | undefined): { timestamp: number; signatures: Uint8Array<ArrayBuffer>[] } | undefined {
  if (typeof header !== "string" || header.length > HEADER_LENGTH_MAX) return undefined;
  const parts = header.split(",").map((part) => part.trim());
  const times = parts.filter((part) => part.startsWith("t="));
  const timestamp = /^t=(\d{1,12})$/.exec(times[0] ?? "")?.[1];
  const signatures = parts.flatMap((part) => /^v1=([0-9a-f]{64})$/.exec(part)?.[1] ?? []);
  if (times.length !== 1 || timestamp === undefined || signatures.length === 0) return undefined;
  return { timestamp: Number(timestamp), signatures: signatures.slice(0, KEYS_MAX).map(fromHex) };
}

/**
 * The keys that are there.
 *
 * @throws `invalid_request` when there is none, more than two, or a short one
 */
export function checkKeys(keys: SigningKeys): string[] {
  const given = keys.filter((key): key is string => key !== undefined && key !== "");
  if (given.length === 0)
    throw fail(
      "invalid_request",
      "There is no signing key: configure one of at least 16 bytes, for example by `wrangler secret put WEBHOOK_SECRET`.",
    );
  if (given.length > KEYS_MAX)
    throw fail(
      "invalid_request",
      `At most ${KEYS_MAX} signing keys are used at a time, the current and the previous one; got ${given.length}.`,
    );
  if (given.some((key) => encoder.encode(key).length < KEY_BYTES_MIN)) {
    throw fail("invalid_request", `A signing key must have at least ${KEY_BYTES_MIN} bytes; make one by \`openssl rand -hex 32\`.`);
  }
  return given;
}

/** The timestamp is printed from the number, so that `t=007` and `t=7` cannot stand for two texts. */
function signedBytes(timestamp: number, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = encoder.encode(`${timestamp}.`);
  const signed = new Uint8Array(head.length + body.length);
  signed.set(head);
  signed.set(body, head.length);
  return signed;
}

const bytesOf = (body: SignatureCheck["body"]): Uint8Array =>
  typeof body === "string" ? encoder.encode(body) : body instanceof Uint8Array ? body : new Uint8Array(body);

const importKey = (key: string, use: "sign" | "verify"): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", encoder.encode(key), { name: "HMAC", hash: "SHA-256" }, false, [use]);

async function hmac(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.sign("HMAC", await importKey(key, "sign"), bytes)));
}

const toHex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const fromHex = (hex: string): Uint8Array<ArrayBuffer> => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
