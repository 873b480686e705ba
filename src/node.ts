// What `millrace` is in plain Node (the condition "node" in package.json): all that definitions and their tests need. The parts
// that stand on Workers, above all `createMill`, are not there; the types are those of index.ts.
import { fail } from "./policy/errors.ts";

export { defineDomain } from "./domains/define.ts";
export { httpDomain, SIGNATURE_HEADER, signBody, verifySignature } from "./domains/http.ts";
export { ref } from "./domains/ref.ts";
export { MillraceError, NonRetryableError, RetryAfterError } from "./policy/errors.ts";
export { admit, deny, until } from "./policy/gate.ts";
export { PRIORITY } from "./policy/priority.ts";
export { constant, exponential, linear } from "./policy/retry.ts";

/**
 * A mill lives in Workers.
 *
 * @throws `invalid_state`, always
 */
export function createMill(): never {
  throw fail(
    "invalid_state",
    'createMill needs Workers, and this is Node: import the domain alone and run its tasks with runTask, or test in workerd (@cloudflare/vitest-plugin). A bundler for Workers must resolve with the condition "workerd".',
  );
}
