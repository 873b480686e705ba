import type { Clock } from "../clock.ts";
import { type ErrorCode, fail, MillraceError } from "../policy/errors.ts";

/** One line of the gateway's log. */
export interface LogEntry {
  level: "error";
  message: string;
  request?: string;
  method?: string;
  path?: string;
  error?: string;
}

/** On every answer: nothing is cached, sniffed, framed or run. */
export const HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
};

const RETRY_AFTER_S: Partial<Record<ErrorCode, number>> = { too_many_requests: 1, overloaded: 1, domain_unreachable: 1, storage_full: 60 };
/** Members that a problem has of its own; a fact of that name gets `task` put before it (`taskStatus`, `taskType`). */
const OWN: ReadonlySet<string> = new Set(["type", "title", "status", "detail", "code", "instance"]);

/** A JSON answer. */
export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...HEADERS, "content-type": "application/json; charset=UTF-8", ...headers },
  });
}

/**
 * An error as `application/problem+json` (RFC 9457). What is neither ours nor the platform's becomes `internal` with
 * the id under which it was logged: its message and stack stay inside.
 */
export function problem(error: unknown, request: Request, clock: Clock, log: (entry: LogEntry) => void): Response {
  const known = recognise(error);
  if (known) return render(known);
  const id = request.headers.get("cf-ray") ?? clock.token(8);
  const text = error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
  log({
    level: "error",
    message: "A request failed in a way that Millrace does not know.",
    request: id,
    method: request.method,
    path: pathOf(request),
    error: text,
  });
  return render(fail("internal", `Something failed inside the mill. Its log has the details under the request ${id}.`, { request: id }));
}

/** Ours, or the platform's in our words; `undefined` for every other. */
function recognise(error: unknown): MillraceError | undefined {
  const revived = MillraceError.revive(error);
  if (revived instanceof MillraceError) return revived.code === "internal" ? undefined : revived;
  if (typeof error !== "object" || error === null) return undefined;
  const { overloaded, retryable, durableObjectReset, message } = error as Record<string, unknown>;
  if (overloaded === true)
    return fail("overloaded", "More is asked of this domain than it can answer; ask again in a while, with less at once.");
  if (retryable === true || durableObjectReset === true || /network connection lost/i.test(String(message))) {
    return fail(
      "domain_unreachable",
      "The connection to the domain broke; ask again. A change may or may not have happened: an Idempotency-Key makes repeating a submit safe.",
    );
  }
  return undefined;
}

function render(error: MillraceError): Response {
  const { code, status, message, facts } = error;
  const headers: Record<string, string> = { "content-type": "application/problem+json" };
  const told = facts.retryAfterMs;
  const wait = typeof told === "number" ? Math.ceil(told / 1_000) : RETRY_AFTER_S[code];
  if (wait !== undefined) headers["retry-after"] = String(Math.max(1, wait));
  if (code === "unauthenticated")
    headers["www-authenticate"] = `Bearer realm="millrace"${facts.reason === "invalid_token" ? ', error="invalid_token"' : ""}`;
  if (code === "method_not_allowed") headers.allow = String(facts.allow);
  const body: Record<string, unknown> = { type: `urn:millrace:error:${code}`, title: titleOf(code), status, detail: message, code };
  // Whoever reads a refused request can count on it.
  if (code === "invalid_request" && facts.issues === undefined) body.issues = [{ path: "", message }];
  for (const [name, value] of Object.entries(facts)) body[OWN.has(name) ? `task${name[0]!.toUpperCase()}${name.slice(1)}` : name] = value;
  return json(body, status, headers);
}

function titleOf(code: string): string {
  const words = code.replaceAll("_", " ");
  return words[0]!.toUpperCase() + words.slice(1);
}

function pathOf(request: Request): string {
  return new URL(request.url).pathname;
}
