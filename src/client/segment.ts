import { type ErrorCode, fail } from "../policy/errors.ts";

/**
 * A name as one step of a path. Names that the URL standard takes for steps of their own, escaped or not, are refused:
 * `/v1/groups/../pause` is the pause of the mill.
 *
 * @throws `code`
 */
export function segment(name: string, code: ErrorCode): string {
  if (name !== "" && name !== "." && name !== "..") return encodeURIComponent(name);
  throw fail(code, `${JSON.stringify(name)} cannot be asked for over HTTP: it is no step of a path.`, {
    issues: [{ path: "name", message: "no step of a path" }],
  });
}
