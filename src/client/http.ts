import type { Clock } from "../clock.ts";
import { ERROR_STATUS, type ErrorCode, type ErrorFacts, fail, MillraceError } from "../policy/errors.ts";
import { abortable, eitherOf } from "./abort.ts";

/** A mill over HTTP. */
interface HttpOptions {
  /** Of the mill, such as `https://jobs.example.com`; a path is kept. */
  url: string | URL;
  /** A bearer token, or a function that gives one; needed unless the mill's auth is open. */
  token?: string | (() => string | Promise<string>);
  /** Instead of the global `fetch`. */
  fetch?: (request: Request) => Promise<Response>;
  service?: never;
  /** Time and chance, for tests. */
  clock?: Clock;
}

/** A mill of another Worker of the account. */
interface ServiceOptions {
  /** In place of `url`: the service binding to the mill's entrypoint `MillService`; its `props` say who asks. */
  service: { fetch(request: Request): Promise<Response> };
  url?: never;
  token?: never;
  fetch?: never;
  /** Time and chance, for tests. */
  clock?: Clock;
}

/** Where the mill is, and who asks: over HTTP by `url`, or from another Worker of the account by a service binding. */
export type ClientOptions = HttpOptions | ServiceOptions;

/** One request of the API. */
export interface Call {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With a leading slash. */
  path: string;
  query?: URLSearchParams;
  /** JSON text. */
  body?: string;
  idempotencyKey?: string | undefined;
  signal?: AbortSignal | undefined;
  /** How often a safe call is asked again; default 3. */
  retries?: number;
}

/** Any address will do: a service binding knows where it leads. */
const SERVICE = "https://millrace.service";
const RETRIES = 3;
const BACKOFF_MS = 200;
const BACKOFF_MAX_MS = 10_000;
/** A server that asks for more patience than this is reported instead. */
const RETRY_AFTER_MAX_MS = 30_000;
const PASSING: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** The HTTP API as one function: JSON answers, problems as `MillraceError`, safe calls repeated. */
export class Http {
  readonly #base: string;
  readonly #options: ClientOptions;
  readonly clock: Clock;
  /** When it aborts, no call goes on. */
  readonly signal: AbortSignal | undefined;

  constructor(options: ClientOptions, clock: Clock, signal?: AbortSignal) {
    const url = new URL(options.url ?? SERVICE);
    this.#base = `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
    this.#options = options;
    this.clock = clock;
    this.signal = signal;
  }

  /** The same, until the signal aborts. */
  with(signal: AbortSignal): Http {
    return new Http(this.#options, this.clock, eitherOf(this.signal, signal));
  }

  /**
   * Asks and answers with the JSON.
   *
   * @throws `MillraceError` as the server says; `domain_unreachable` when nothing answered
   */
  async ask<Answer>(asked: Call): Promise<Answer> {
    const call = { ...asked, signal: eitherOf(asked.signal, this.signal) };
    // Whatever changes something may be repeated only under an idempotency key.
    const retries = call.method === "GET" || call.idempotencyKey !== undefined ? (call.retries ?? RETRIES) : 0;
    for (let failed = 0; ; failed += 1) {
      call.signal?.throwIfAborted();
      const { answer, error, again } = await this.#once<Answer>(call);
      if (error === undefined) return answer as Answer;
      const delay = again === undefined ? undefined : Math.max(again, backoff(failed, this.clock));
      if (failed >= retries || delay === undefined || delay > RETRY_AFTER_MAX_MS) throw error;
      await abortable(this.clock.sleep(delay, call.signal), call.signal);
    }
  }

  /**
   * Asks once for an answer that has no end.
   *
   * @throws as `ask` does
   */
  async stream(path: string, query: URLSearchParams, signal: AbortSignal | undefined): Promise<ReadableStream<Uint8Array>> {
    const { response, error } = await this.#open({ method: "GET", path, query, signal });
    if (!response) throw error;
    if (response.ok && response.body) return response.body;
    const text = await abortable(response.text(), signal);
    throw this.#problem(response, parse(text), retryAfter(response, this.clock));
  }

  /** Sends it; what comes back, or that nothing did. */
  async #open(call: Call): Promise<{ response?: Response; error?: unknown }> {
    // Outside: a token that cannot be had is no mill that does not answer.
    const request = await abortable(this.#request(call), call.signal);
    try {
      // Also where what answers does not look at the signal.
      return { response: await abortable(this.#send(request), call.signal) };
    } catch (error) {
      return { error: this.#unanswered(error, call) };
    }
  }

  #unanswered(error: unknown, call: Call): unknown {
    if (call.signal?.aborted) throw call.signal.reason;
    if (MillraceError.is(error)) throw error;
    const { message, cause } = error as { message?: string; cause?: { code?: string; message?: string } };
    const why = `${message ?? String(error)}${cause ? ` (${cause.code ?? cause.message})` : ""}`;
    return fail("domain_unreachable", `Nothing answered at ${this.#where}: ${why}`, { cause: why });
  }

  /** One attempt; `again`: it may be repeated, after at least this many ms. */
  async #once<Answer>(call: Call): Promise<{ answer?: Answer; error?: unknown; again?: number }> {
    const { response, error: lost } = await this.#open(call);
    if (!response) return { error: lost, again: 0 };
    let text: string;
    try {
      text = await abortable(response.text(), call.signal);
    } catch (error) {
      return { error: this.#unanswered(error, call), again: 0 };
    }
    const json = parse(text);
    if (response.ok) {
      if (json !== undefined) return { answer: json as Answer };
      return {
        error: fail(
          "internal",
          `${this.#where} answered ${response.status} with something that is not JSON; is this the address of a mill?`,
        ),
      };
    }
    const retryAfterMs = retryAfter(response, this.clock);
    const error = this.#problem(response, json, retryAfterMs);
    return PASSING.has(response.status) ? { error, again: retryAfterMs ?? 0 } : { error };
  }

  /** A redirect is not followed: it would leave the token behind, and turn what changes something into a look. */
  #problem(response: Response, json: unknown, retryAfterMs: number | undefined): MillraceError {
    const { status, headers } = response;
    if (status >= 400) return problem(status, json, retryAfterMs);
    return fail("invalid_request", `${this.#where} redirects to ${headers.get("location")}; give the address of the mill itself.`);
  }

  /** For people. */
  get #where(): string {
    return this.#options.service ? "the service binding" : this.#base;
  }

  #send(request: Request): Promise<Response> {
    const { service, fetch: own } = this.#options;
    if (service) return service.fetch(request);
    return (own ?? fetch)(request);
  }

  async #request({ method, path, query, body, idempotencyKey, signal }: Call): Promise<Request> {
    const headers = new Headers({ accept: "application/json" });
    const { token } = this.#options;
    const secret = typeof token === "function" ? await token() : token;
    try {
      if (secret !== undefined) headers.set("authorization", `Bearer ${secret}`);
      if (body !== undefined) headers.set("content-type", "application/json");
      if (idempotencyKey !== undefined) headers.set("idempotency-key", idempotencyKey);
    } catch {
      // What was thrown shows the token.
      throw fail("invalid_request", "The token or idempotencyKey has characters that no header takes.");
    }
    const search = query && query.size > 0 ? `?${query}` : "";
    return new Request(`${this.#base}${path}${search}`, {
      method,
      headers,
      redirect: "manual",
      ...(body === undefined ? {} : { body }),
      ...(signal ? { signal } : {}),
    });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** problem+json as an error; what a proxy in between answered, by its status. */
function problem(status: number, json: unknown, retryAfterMs: number | undefined): MillraceError {
  const told: ErrorFacts = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (
    typeof json === "object" &&
    json !== null &&
    "code" in json &&
    typeof json.code === "string" &&
    Object.hasOwn(ERROR_STATUS, json.code)
  ) {
    const { type: _type, title, status: _status, detail, code, taskStatus, taskType, ...facts } = json as Record<string, unknown>;
    // The facts `status` and `type` travel under other names: a problem has members of its own that are called so.
    if (taskStatus !== undefined) facts.status = taskStatus;
    if (taskType !== undefined) facts.type = taskType;
    return fail(code as ErrorCode, String(detail ?? title ?? code), { ...told, ...facts });
  }
  return fail(BY_STATUS[status] ?? (status >= 500 ? "internal" : "invalid_request"), `The server answered ${status} without saying why.`, {
    ...told,
    status,
  });
}

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: "unauthenticated",
  403: "forbidden",
  404: "not_found",
  405: "method_not_allowed",
  413: "payload_too_large",
  429: "too_many_requests",
  502: "domain_unreachable",
  503: "overloaded",
  504: "domain_unreachable",
};

/** The header's seconds or date, in ms from now. */
function retryAfter(response: Response, clock: Clock): number | undefined {
  const text = response.headers.get("retry-after");
  if (text === null) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - clock.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

function backoff(failed: number, clock: Clock): number {
  return Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** failed) * (0.5 + clock.random() / 2);
}
