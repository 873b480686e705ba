/** The first date from which pending RPC keeps an object in memory; without it a run can be cut off in the middle. */
const DATE = "2026-10-01";
const FLAG = "durable_object_io_tasks_prevent_eviction";

/**
 * What is wrong with the Worker's compatibility date, where the platform tells: it lists the flags that it knows, and
 * this one is on from the date on.
 */
export function compatibilityProblems(scope: object = globalThis): string[] {
  const flags = (scope as { Cloudflare?: { compatibilityFlags?: Record<string, boolean> } }).Cloudflare?.compatibilityFlags;
  if (flags?.[FLAG] !== false) return [];
  return [`wrangler.toml: compatibility_date must be ${DATE} or later: before it, an object that waits for a run may be evicted.`];
}
