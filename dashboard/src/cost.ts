import type { Domain } from "./api/answers.ts";

// Cloudflare's list prices of the paid plan, in dollars for a million, without what the plan includes.
const ROWS_READ = 0.001;
const ROWS_WRITTEN = 1;
const OBJECT_REQUESTS = 0.15;

/** What a domain's storage and requests came to since it exists, in dollars; time and CPU are the platform's to tell. */
export function spent({ cost }: Domain): number {
  const requests = cost.requests + cost.coordinatorCalls;
  return (cost.rowsRead * ROWS_READ + (cost.rowsWritten + cost.alarmsSet) * ROWS_WRITTEN + requests * OBJECT_REQUESTS) / 1e6;
}

/** The same for a million of its tasks; undefined before the first. */
export function perMillion(domain: Domain): number | undefined {
  const submitted = domain.totals.inserted ?? 0;
  return submitted === 0 ? undefined : (spent(domain) / submitted) * 1e6;
}
