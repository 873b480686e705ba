import { NonRetryableError } from "../../policy/errors.ts";
import { type AllowPrivate, judgeAddress } from "./addresses.ts";

/** How many redirects are followed. */
const REDIRECTS_MAX = 5;

/** One request on the way: the first, or what a redirect turned it into. */
export interface Hop {
  url: URL;
  method: "GET" | "POST";
  /** False once the chain has left the first URL's origin, and from then on. */
  home: boolean;
}

/** What to fetch, under which rules. */
export interface FollowRequest {
  url: string;
  method: "GET" | "POST";
  /** Sent with every POST of the chain. */
  body?: string;
  /** The headers of one hop, asked for anew each time: what is secret must not be handed to a stranger. */
  headers: (hop: Hop) => Promise<Record<string, string>> | Record<string, string>;
  allowPrivate: AllowPrivate;
  signal: AbortSignal;
}

/** The slice of `fetch` that is needed. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** The last answer of a chain. */
export interface Followed {
  response: Response;
  url: URL;
  redirects: number;
}

/**
 * Fetches by hand, judging the address before every hop. 301, 302, 307 and 308 repeat the method and the body,
 * 303 goes on with a GET; a redirect from https to http, to a refused address or beyond five is an error for good.
 *
 * @throws NonRetryableError with code `address_refused`, `redirect_refused` or `too_many_redirects`
 * @throws Error when the network failed (worth a retry), or the signal's reason
 */
export async function follow(request: FollowRequest, fetch: Fetch): Promise<Followed> {
  const first = permitted(judgeAddress(request.url, request.allowPrivate), request.url);
  let hop: Hop = { url: first, method: request.method, home: true };
  for (let redirects = 0; ; redirects++) {
    const response = await send(request, hop, fetch);
    const location = isRedirect(response.status) ? response.headers.get("location") : null;
    if (location === null) return { response, url: hop.url, redirects };
    // An unread body would hold one of the platform's six connections.
    await response.body?.cancel().catch(() => {});
    if (redirects === REDIRECTS_MAX)
      throw new NonRetryableError(`${shown(first)} redirected more than ${REDIRECTS_MAX} times.`, { code: "too_many_redirects" });
    hop = nextHop(hop, response.status, location, first, request.allowPrivate);
  }
}

async function send(request: FollowRequest, hop: Hop, fetch: Fetch): Promise<Response> {
  request.signal.throwIfAborted();
  const headers = await request.headers(hop);
  const body = hop.method === "POST" && request.body !== undefined ? { body: request.body } : {};
  try {
    return await fetch(hop.url.href, { method: hop.method, headers, ...body, redirect: "manual", signal: request.signal });
  } catch (cause) {
    if (request.signal.aborted) throw request.signal.reason;
    throw new Error(`${hop.method} ${shown(hop.url)} failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function nextHop(hop: Hop, status: number, location: string, first: URL, allowPrivate: AllowPrivate): Hop {
  const url = permitted(judgeAddress(location, allowPrivate, hop.url), location, hop.url);
  if (hop.url.protocol === "https:" && url.protocol === "http:") {
    throw new NonRetryableError(`${shown(hop.url)} redirected from https to http (${shown(url)}); point the task at an https URL.`, {
      code: "redirect_refused",
    });
  }
  return { url, method: status === 303 ? "GET" : hop.method, home: hop.home && url.origin === first.origin };
}

function permitted(verdict: ReturnType<typeof judgeAddress>, text: string, from?: URL): URL {
  if (verdict.url) return verdict.url;
  const parsed = URL.parse(text, from);
  const where = from
    ? `${shown(from)} redirected to ${parsed ? shown(parsed) : "something that is no URL"}, which is refused`
    : `The URL ${parsed ? shown(parsed) : ""} is refused`;
  throw new NonRetryableError(`${where.replace("  ", " ")}: ${verdict.refused}. Private addresses are opened by allowPrivate.`, {
    code: "address_refused",
  });
}

/** Without credentials, query and fragment: they often hold a secret, and errors are shown to viewers. */
export const shown = (url: URL): string => `${url.protocol}//${url.host}${url.pathname}`.slice(0, 200);

const isRedirect = (status: number): boolean => status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
