import { NonRetryableError, RetryAfterError } from "millrace";

/** What the domain asks of a CDN. The host says how to reach it: `acmeApi`, or anything of the same shape. */
export interface CdnApi {
  /** Drops what the CDN keeps for these URLs, at most 30. */
  purge(urls: readonly string[], signal: AbortSignal): Promise<{ ticket: string }>;
  /** Lets the CDN load one URL again. */
  warm(url: string, signal: AbortSignal): Promise<{ status: number; bytes: number }>;
  /** How many purges are left of this month's. */
  quota(signal: AbortSignal): Promise<{ left: number; of: number }>;
}

/** How `acmeApi` reaches Acme. */
export interface AcmeApiConfig {
  /** Such as `https://api.acme-cdn.example/v2`. */
  endpoint: string;
  token: string;
  /** For tests. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/**
 * Acme's HTTP API. Its answers become errors that the queue understands: 429 and 503 wait as long as they say, other 4xx
 * are not tried again, the rest is.
 *
 * @example `acmeApi({ endpoint: "https://api.acme-cdn.example/v2", token: env.ACME_CDN_TOKEN })`
 */
export function acmeApi({ endpoint, token, fetch: send = (url, init) => fetch(url, init) }: AcmeApiConfig): CdnApi {
  const ask = async <Answer>(method: string, path: string, signal: AbortSignal, body?: object): Promise<Answer> => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const response = await send(`${endpoint}${path}`, { method, headers, signal, ...(body && { body: JSON.stringify(body) }) });
    if (!response.ok) throw refusal(response, await response.text());
    return response.json();
  };
  return {
    purge: (urls, signal) => ask("POST", "/purge", signal, { urls }),
    warm: (url, signal) => ask("POST", "/warm", signal, { url }),
    quota: (signal) => ask("GET", "/quota", signal),
  };
}

function refusal({ status, headers }: Response, text: string): Error {
  const message = `Acme answered ${status}: ${text.slice(0, 500)}`;
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  if ((status === 429 || status === 503) && seconds > 0) return new RetryAfterError(seconds * 1_000, message);
  if (status >= 400 && status < 500 && status !== 408 && status !== 429) return new NonRetryableError(message, { code: `acme_${status}` });
  return new Error(message);
}
