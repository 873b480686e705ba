/**
 * What `createMill({ app })` provides and `ctx.app` is. Empty until your code says otherwise, once for all domains:
 *
 * @example
 * ```ts
 * declare module "millrace" {
 *   interface MillApp { db: Database }
 * }
 * ```
 * A domain that needs an app of its own shape says so itself: `defineDomain<{ db: Database }>()("media", …)`.
 */
export interface MillApp {}
