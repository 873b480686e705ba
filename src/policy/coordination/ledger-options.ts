import type { GroupPolicy } from "./groups.ts";
import type { MarkRow } from "./mark.ts";
import type { Grant } from "./protocol.ts";
import type { RateRow } from "./taps.ts";

/** A message to a Domain object, for the coordinator to send. */
export interface Push {
  domain: string;
  incarnation: string;
  grant: Grant;
}

/** What a ledger begins with. */
export interface LedgerOptions {
  maxConcurrency: number;
  marks: readonly MarkRow[];
  now: number;
  groups?: GroupPolicy;
  urgentAt?: number | null;
  rates?: readonly RateRow[];
}
