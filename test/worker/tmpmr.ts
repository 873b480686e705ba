export { defineDomain } from "../../src/domains/define.ts";
export * from "../../src/policy/retry.ts";
export * from "../../src/policy/errors.ts";
