import type * as z from "zod/mini";
import { fail, type MillraceError } from "../policy/errors.ts";
import { LIMITS } from "../policy/limits.ts";
import { didYouMean } from "../policy/names.ts";

/** A body that a route takes. */
export interface BodyShape {
  schema: z.ZodMiniObject;
  /** May be left out altogether. */
  optional?: boolean;
}

/** Payloads may nest 1,000 deep; a body wraps them a few times. */
const DEPTH_MAX = 1_020;
const ISSUES_MAX = 50;

/**
 * A request's JSON body, checked by its shape. What comes back is the very value that was parsed: the schema judges
 * and changes nothing.
 *
 * @throws `invalid_request` (with `issues`), `payload_too_large`
 */
export async function readBody(request: Request, shape: BodyShape): Promise<Record<string, unknown>> {
  const text = await readText(request);
  if (text.trim() === "") {
    if (shape.optional) return {};
    throw refuse("", "The body is empty; send a JSON object.");
  }
  const value = parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refuse("", "The body must be a JSON object.");
  checkFields(value as Record<string, unknown>, shape);
  const verdict = shape.schema.safeParse(value);
  if (verdict.success) return value as Record<string, unknown>;
  const issues = verdict.error.issues
    .slice(0, ISSUES_MAX)
    .map((issue) => ({ path: issue.path.map(String).join("."), message: issue.message }));
  const shown = issues.slice(0, 3).map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  throw fail("invalid_request", `The body is not valid: ${shown.join("; ")}.`, { issues });
}

function parse(text: string): unknown {
  if (isDeep(text)) throw refuse("", `The body is nested more than ${DEPTH_MAX} levels deep; make it flatter.`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refuse("", `The body is not JSON: ${(error as Error).message.slice(0, 200)}.`);
  }
}

/** Whether brackets nest too deep; deeper than this, recursion over the value could end the stack. */
function isDeep(text: string): boolean {
  let depth = 0;
  let quoted = false;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (quoted) {
      if (unit === 0x5c) index += 1;
      else if (unit === 0x22) quoted = false;
    } else if (unit === 0x22) quoted = true;
    else if (unit === 0x5b || unit === 0x7b) {
      depth += 1;
      if (depth > DEPTH_MAX) return true;
    } else if (unit === 0x5d || unit === 0x7d) depth -= 1;
  }
  return false;
}

/** Before the schema, because `__proto__` slips through some, and for the hint. */
function checkFields(value: Record<string, unknown>, shape: BodyShape): void {
  const known = Object.keys(shape.schema.shape);
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue;
    const hint = didYouMean(name, known);
    const takes = known.length === 0 ? "this takes none." : `it takes ${known.join(", ")}.`;
    throw fail(
      "invalid_request",
      `The body has an unknown field ${JSON.stringify(name.slice(0, 80))}; ${hint === undefined ? takes : `did you mean "${hint}"?`}`,
      {
        ...(hint === undefined ? {} : { didYouMean: hint }),
        issues: [{ path: name.slice(0, 80), message: "unknown field" }],
      },
    );
  }
}

/** The body as text, counted while it streams in: what Content-Length says is only believed when it is too much. */
async function readText(request: Request): Promise<string> {
  checkContentType(request.headers.get("content-type"));
  const encoding = request.headers.get("content-encoding");
  if (encoding !== null && encoding !== "identity")
    throw refuse("", `A body with Content-Encoding ${encoding.slice(0, 40)} is not taken; send it plain.`);
  if (Number(request.headers.get("content-length")) > LIMITS.requestBytesMax) throw tooLarge();
  if (!request.body) return "";
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  const reader = request.body.getReader();
  const parts: string[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      bytes += value.byteLength;
      if (bytes > LIMITS.requestBytesMax) throw tooLarge();
      parts.push(decoder.decode(value, { stream: true }));
    }
    parts.push(decoder.decode());
  } catch (error) {
    // Not awaited: a sender that never ends must not hold the answer.
    void reader.cancel().catch(() => {});
    throw error instanceof TypeError ? refuse("", "The body is not valid UTF-8; encode the JSON as UTF-8.") : error;
  }
  return parts.join("");
}

function checkContentType(header: string | null): void {
  // `curl -d` says it sends a form: the message tells what to add.
  if (header === null || header.trim() === "") return;
  const [media = "", ...parameters] = header
    .toLowerCase()
    .split(";")
    .map((part) => part.trim());
  const charset = parameters
    .find((part) => part.startsWith("charset="))
    ?.slice(8)
    .replaceAll('"', "");
  if (/^application\/(?:[a-z0-9.+-]+\+)?json$/.test(media) && (charset === undefined || charset === "utf-8" || charset === "utf8")) return;
  throw refuse(
    "",
    `The body must be JSON in UTF-8: send the header content-type: application/json; got ${JSON.stringify(header.slice(0, 80))}.`,
  );
}

function tooLarge(): MillraceError {
  return fail("payload_too_large", `A request body has at most ${LIMITS.requestBytesMax} bytes; send less at once.`, {
    limit: LIMITS.requestBytesMax,
  });
}

function refuse(path: string, message: string): MillraceError {
  return fail("invalid_request", message, { issues: [{ path, message }] });
}
