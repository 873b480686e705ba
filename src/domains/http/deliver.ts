import type { Clock } from "../../clock.ts";
import { NonRetryableError } from "../../policy/errors.ts";
import type { Json } from "../task.ts";
import type { AllowPrivate } from "./addresses.ts";
import { readHead } from "./answer.ts";
import { type Fetch, follow, type Hop, shown } from "./follow.ts";
import { refusal } from "./refusal.ts";
import { SIGNATURE_HEADER, signBody, type SigningKeys } from "./sign.ts";

/** One delivery: what the task's payload says. */
export interface Delivery {
  url: string;
  body: Json;
  headers?: Record<string, string> | undefined;
}

/** What a delivery has to respect: the domain's configuration for this Worker. */
export interface DeliveryRules {
  keys: SigningKeys | "unsigned";
  allowPrivate: AllowPrivate;
  /** Origins that a redirect may lead to and still get a signature and the task's own headers. */
  trustedOrigins: readonly string[];
  /** The longest `Retry-After` that is honoured. */
  retryAfterMaxMs: number;
}

/** Who delivers: names the task to the receiver, carries the abort. */
export interface DeliveryContext {
  task: { id: string };
  attempt: number;
  signal: AbortSignal;
}

/** The world outside, injected by tests. */
export interface Outside {
  fetch: Fetch;
  clock: Pick<Clock, "now" | "after">;
}

/** A delivery that was accepted. A type, not an interface: it has to count as JSON. */
export type Delivered = {
  /** 200 to 299. */
  status: number;
  /** Where it ended up, without query. */
  url: string;
  redirects: number;
  /** The first 2 KB of the answer. */
  answer: string;
  /** Whether the answer was longer than what is kept of it. */
  truncated: boolean;
};

/**
 * POSTs a body as JSON, signed. Resolves when the receiver answered 2xx.
 *
 * @throws NonRetryableError for a refused address, a bad redirect, no signing key, and every answer that will not
 * change by asking again (4xx but 408, 425 and 429; a 1xx or 3xx that leads nowhere)
 * @throws RetryAfterError when a retryable answer says when to come back
 * @throws Error for 5xx, 408, 425, 429 and a failed connection
 */
export async function deliver(delivery: Delivery, rules: DeliveryRules, context: DeliveryContext, outside: Outside): Promise<Delivered> {
  const body = JSON.stringify(delivery.body);
  const { response, url, redirects } = await follow(
    {
      url: delivery.url,
      method: "POST",
      body,
      headers: (hop) => headersOf(hop, body, delivery, rules, context, outside.clock.now()),
      allowPrivate: rules.allowPrivate,
      signal: context.signal,
    },
    outside.fetch,
  );
  const head = await readHead(response, outside.clock);
  if (response.ok) return { status: response.status, url: shown(url), redirects, answer: head.text, truncated: head.truncated };
  throw refusal(response, url, head, outside.clock.now(), rules.retryAfterMaxMs);
}

/** What this hop may see. Content headers go with every POST; secrets only to the first origin and to trusted ones. */
async function headersOf(
  hop: Hop,
  body: string,
  delivery: Delivery,
  rules: DeliveryRules,
  context: DeliveryContext,
  now: number,
): Promise<Record<string, string>> {
  const common = { "user-agent": "millrace", "millrace-delivery": context.task.id, "millrace-attempt": String(context.attempt) };
  if (!hop.home && !rules.trustedOrigins.includes(hop.url.origin))
    return hop.method === "POST" ? { "content-type": "application/json", ...common } : common;
  const own = lowerCased(delivery.headers ?? {});
  if (hop.method === "GET") return { ...own, ...common };
  const signature: Record<string, string> =
    rules.keys === "unsigned" ? {} : { [SIGNATURE_HEADER]: await sign(body, rules.keys, Math.floor(now / 1_000)) };
  return { "content-type": "application/json", ...own, ...common, ...signature };
}

async function sign(body: string, keys: SigningKeys, timestamp: number): Promise<string> {
  try {
    return await signBody(body, keys, timestamp);
  } catch (cause) {
    // A missing or short key is a matter of configuration: no retry helps, and it must not go out unsigned.
    throw new NonRetryableError(cause instanceof Error ? cause.message : String(cause), { code: "signing_key_invalid", cause });
  }
}

const lowerCased = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
