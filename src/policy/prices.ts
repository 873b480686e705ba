/**
 * Cloudflare's list prices of Durable Objects with SQLite on the paid plan, in dollars for a million, without what the plan
 * includes. An alarm that is set counts as a row written.
 * Source: https://developers.cloudflare.com/durable-objects/platform/pricing/, read on 2026-11-20.
 */
const PRICES = { rowsRead: 0.001, rowsWritten: 1, requests: 0.15 } as const;

/** What a domain has used since it exists. */
export interface Used {
  rowsRead: number;
  /** Alarms that were set are among them. */
  rowsWritten: number;
  requests: number;
  coordinatorCalls: number;
}

/**
 * What that came to at list prices, in dollars. Duration is left out: an object bills for the time it is awake, which it does
 * not know itself.
 *
 * @example `dollarsOf({ rowsRead: 0, rowsWritten: 2_020_000, requests: 10_000, coordinatorCalls: 0 }) // 2.0215`
 */
export function dollarsOf({ rowsRead, rowsWritten, requests, coordinatorCalls }: Used): number {
  const units = rowsRead * PRICES.rowsRead + rowsWritten * PRICES.rowsWritten + (requests + coordinatorCalls) * PRICES.requests;
  return units / 1e6;
}

/** The same for a million of `tasks`; null when there was none. */
export const perMillion = (dollars: number, tasks: number): number | null => (tasks === 0 ? null : (dollars / tasks) * 1e6);
