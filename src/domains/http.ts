import { systemClock } from "../clock.ts";
import { type Duration, parseDuration } from "../policy/duration.ts";
import { exponential } from "../policy/retry.ts";
import { defineDomain } from "./define.ts";
import type { AllowPrivate } from "./http/addresses.ts";
import { deliver, type DeliveryRules } from "./http/deliver.ts";
import { deliveryPayload, deliveryResult } from "./http/payload.ts";
import type { SigningKeys } from "./http/sign.ts";

export type { AllowPrivate } from "./http/addresses.ts";
export type { Delivered } from "./http/deliver.ts";
export { SIGNATURE_HEADER, type SignatureCheck, signBody, type SigningKeys, verifySignature } from "./http/sign.ts";

/** A value, or how to read it from the Worker's bindings. */
type FromEnv<Value, Env> = Value | ((env: Env) => Value);

/** How deliveries are signed, and where they may go. */
export interface HttpDomainConfig<Env = Cloudflare.Env> {
  /**
   * The signing keys: the one in use first, then the other one of a rotation; 16 bytes or more each. `"unsigned"`
   * sends without a signature. A key that is missing fails deliveries for good rather than sending them unsigned.
   */
  keys: FromEnv<SigningKeys | "unsigned", Env>;
  /** Private and loopback addresses that may be reached; none unless told. */
  allowPrivate?: FromEnv<AllowPrivate, Env>;
  /** Origins (`"https://eu.example.com"`) that a redirect may lead to and still be signed. */
  trustedOrigins?: FromEnv<readonly string[], Env>;
  /** The longest `Retry-After` that is honoured; one hour unless told. */
  maxRetryAfter?: Duration;
  /** Deliveries under way at the same time; 6 unless told, which is how many connections a Worker opens at once. */
  maxConcurrency?: number;
}

/**
 * A domain `http` with one type, `deliver`: POSTs JSON to a URL, signed, with retries, and keeps status and the
 * first 2 KB of the answer as its result.
 *
 * @example
 * ```ts
 * export const http = httpDomain({ keys: (env: Env) => [env.WEBHOOK_SECRET, env.WEBHOOK_SECRET_PREVIOUS] });
 * const mill = createMill({ domains: [http] });
 * await mill.domain(http).submit("deliver", { url: "https://example.com/hook", body: { event: "paid" } });
 * ```
 */
export function httpDomain<Env = Cloudflare.Env>(config: HttpDomainConfig<Env>) {
  const retryAfterMaxMs = parseDuration(config.maxRetryAfter ?? "1h", "maxRetryAfter");
  const outside = { fetch: (url: string, init: RequestInit) => fetch(url, init), clock: systemClock };
  return defineDomain("http", {
    state: (env: Env): DeliveryRules => ({
      keys: resolve(config.keys, env),
      allowPrivate: resolve(config.allowPrivate ?? false, env),
      trustedOrigins: resolve(config.trustedOrigins ?? [], env),
      retryAfterMaxMs,
    }),
    maxConcurrency: config.maxConcurrency ?? 6,
  }).task("deliver", {
    payload: deliveryPayload,
    result: deliveryResult,
    // Two equal events are two deliveries; who wants one says so with a key.
    key: () => null,
    label: (delivery) => `POST ${new URL(delivery.url).host}`,
    tags: (delivery) => ({ "http.host": new URL(delivery.url).host }),
    // Ten more attempts within about 85 minutes.
    timeout: "30s",
    retry: exponential(10, "5s", "1h"),
    redact: ["headers"],
    execute: (delivery, ctx) => deliver(delivery, ctx.state, ctx, outside),
  });
}

const resolve = <Value, Env>(value: FromEnv<Value, Env>, env: Env): Value =>
  typeof value === "function" ? (value as (env: Env) => Value)(env) : value;
