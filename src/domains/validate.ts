import type { StandardSchemaV1 } from "@standard-schema/spec";
import { fail, type MillraceError } from "../policy/errors.ts";

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
