import type { StandardSchemaV1 } from "@standard-schema/spec";
import { fail, MillraceError, NonRetryableError } from "../policy/errors.ts";
import { LIMITS } from "../policy/limits.ts";
import { utf8Bytes } from "../policy/text.ts";
import type { TypeDefinition } from "./definition.ts";
import { toJson } from "./json.ts";

/** One thing that is wrong with a value; the path is relative to it, with dots. */
export interface Issue {
  path: string;
  message: string;
}

/** How many issues an error lists. */
const ISSUES_MAX = 50;

/**
 * What a schema makes of a value. Only as asynchronous as the schema is.
 *
 * @throws `invalid_payload` with `issues: [{ path, message }]`
 */
export function validate(schema: StandardSchemaV1, value: unknown, what: string): unknown {
  let answer: StandardSchemaV1.Result<unknown> | Promise<StandardSchemaV1.Result<unknown>>;
  try {
    answer = schema["~standard"].validate(value);
  } catch (error) {
    throw threw(error, what);
  }
  if (answer instanceof Promise) {
    return answer.then(
      (result) => accepted(result, what),
      (error: unknown) => {
        throw threw(error, what);
      },
    );
  }
  return accepted(answer, what);
}

function accepted(result: StandardSchemaV1.Result<unknown>, what: string): unknown {
  if (!result.issues) return result.value;
  const issues = result.issues.slice(0, ISSUES_MAX).map((issue) => ({ path: pathText(issue.path), message: issue.message }));
  throw fail("invalid_payload", `${what} is not valid: ${summary(issues)}.`, { issues });
}

function threw(error: unknown, what: string): MillraceError {
  const message = error instanceof Error ? error.message : String(error);
  return fail("invalid_payload", `${what} could not be checked: its schema threw "${message}".`, { issues: [{ path: "", message }] });
}

function pathText(path: StandardSchemaV1.Issue["path"]): string {
  return (path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join(".");
}

/** The first issues in words. */
function summary(issues: readonly Issue[]): string {
  const shown = issues.slice(0, 3).map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  return shown.join("; ").replace(/\.$/, "") + (issues.length > 3 ? `; and ${issues.length - 3} more` : "");
}

/**
 * A stored payload as `execute` sees it: parsed again, because a deploy may have changed the schema since.
 *
 * @param json the JSON text of the schema's input
 * @throws `NonRetryableError` with the code `invalid_payload`
 */
export async function parsePayload(type: TypeDefinition, json: string): Promise<unknown> {
  const what = `The stored payload of ${type.name}`;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new NonRetryableError(`${what} cannot be decoded: it is not JSON.`, { code: "invalid_payload" });
  }
  try {
    return await validate(type.payload, value, what);
  } catch (error) {
    throw permanent(error, "invalid_payload");
  }
}

/**
 * What `execute` returned as the JSON text that is stored: checked by the result's schema where there is one;
 * `undefined` when nothing was returned.
 *
 * @throws `NonRetryableError` with the code `invalid_result`, or `result_too_large` above 512 KiB
 */
export async function parseResult(type: TypeDefinition, returned: unknown): Promise<string | undefined> {
  const what = `The result of ${type.name}`;
  try {
    const value = type.result ? await validate(type.result, returned, what) : returned;
    if (value === undefined) return undefined;
    const { text } = toJson(value, what);
    if (text.length * 3 > LIMITS.resultBytesMax) {
      const bytes = utf8Bytes(text);
      if (bytes > LIMITS.resultBytesMax) {
        const hint = "store it elsewhere (R2, say) and return where";
        throw new NonRetryableError(`${what} takes ${bytes} bytes, more than the ${LIMITS.resultBytesMax} allowed; ${hint}.`, {
          code: "result_too_large",
        });
      }
    }
    return text;
  } catch (error) {
    throw permanent(error, "invalid_result");
  }
}

function permanent(error: unknown, code: string): unknown {
  return MillraceError.is(error) ? new NonRetryableError(error.message, { code, cause: error }) : error;
}
