import type { StandardSchemaV1 } from "@standard-schema/spec";

const ISSUES_SHOWN = 5;

/** What a schema said: a value, or the problems as one line of text. */
export type Parsed = { value: unknown; problem?: undefined } | { problem: string };

/** Parses with any Standard Schema; answers at once unless the schema itself is asynchronous. */
export function parse(schema: StandardSchemaV1, value: unknown): Parsed | Promise<Parsed> {
  const answer = schema["~standard"].validate(value);
  return answer instanceof Promise ? answer.then(read) : read(answer);
}

function read(answer: StandardSchemaV1.Result<unknown>): Parsed {
  if (!answer.issues) return answer;
  const shown = answer.issues.slice(0, ISSUES_SHOWN).map((issue) => {
    const path = (issue.path ?? []).map((step) => String(typeof step === "object" ? step.key : step)).join(".");
    return path === "" ? issue.message : `${path}: ${issue.message}`;
  });
  const more = answer.issues.length - shown.length;
  return { problem: shown.join("; ") + (more > 0 ? `; and ${more} more` : "") };
}
