import { ERROR_STATUS, type ErrorCode } from "../../policy/errors.ts";
import type { AskedRoute } from "../route.ts";
import type { Operation } from "./operations.ts";
import type { JsonSchema } from "./parameters.ts";

/** The schema of every problem: RFC 9457, and facts that go with the code. */
export const PROBLEM: JsonSchema = {
  type: "object",
  description: "An error (RFC 9457). `code` is stable, `detail` says what to do next; further members are facts that go with the code.",
  properties: {
    type: { type: "string", description: "`urn:millrace:error:` and the code." },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    code: { type: "string", enum: Object.keys(ERROR_STATUS) },
    issues: {
      type: "array",
      items: {
        type: "object",
        properties: { path: { type: "string" }, message: { type: "string" } },
        required: ["path", "message"],
      },
    },
    didYouMean: { type: "string" },
  },
  required: ["type", "title", "status", "detail", "code"],
};

/** Every code that a route may answer with: what its path, parameters and body bring along, and its own. */
export function codesOf({ method, path, role, query }: AskedRoute, operation: Operation): ErrorCode[] {
  const codes = new Set<ErrorCode>(["invalid_request", "unauthenticated", "forbidden", "too_many_requests", "internal"]);
  const hasObject = operation.local !== true;
  if (hasObject) for (const code of ["overloaded", "domain_unreachable"] as const) codes.add(code);
  if (hasObject && role !== "viewer") codes.add("storage_full");
  if (method !== "GET") codes.add("payload_too_large");
  if (query?.many?.includes("tag")) codes.add("invalid_tag");
  if (/:(domain|task|schedule|bulk|lease)\b/.test(path)) codes.add("unknown_domain");
  if (path.includes("/:task")) codes.add("task_not_found");
  if (path.includes("/:schedule")) codes.add("schedule_not_found");
  if (path.includes("/:bulk")) codes.add("bulk_not_found");
  if (path.includes("/:lease")) codes.add("lease_lost");
  for (const code of operation.codes ?? []) codes.add(code);
  return [...codes];
}

/** Problems as responses, by status. */
export function problemResponses(codes: readonly ErrorCode[]): Record<string, unknown> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) byStatus.set(ERROR_STATUS[code], [...(byStatus.get(ERROR_STATUS[code]) ?? []), code]);
  const responses: Record<string, unknown> = {};
  for (const [status, of] of [...byStatus].sort(([left], [right]) => left - right)) {
    const schema = { allOf: [{ $ref: "#/components/schemas/Problem" }, { type: "object", properties: { code: { enum: of } } }] };
    const waits = status === 429 || status === 503;
    responses[status] = {
      description: of.map((code) => `\`${code}\``).join(", "),
      ...(waits ? { headers: { "Retry-After": { description: "Seconds.", schema: { type: "integer", minimum: 1 } } } } : {}),
      content: { "application/problem+json": { schema } },
    };
  }
  return responses;
}
