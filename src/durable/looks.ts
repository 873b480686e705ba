import type { SeriesName } from "../policy/series.ts";
import type { BulkJob, BulkMatch, BulkMatchRequest } from "./bulk.ts";

/** How many tasks have which tags. Where `exact` is false there are more: the counts are the least that there can be. */
export interface TagKeys {
  keys: { key: string; count: number }[];
  exact: boolean;
}

/** How many tasks have which value under one key. Where `exact` is false there are more. */
export interface TagValues {
  values: { value: string; count: number }[];
  exact: boolean;
}

/** Failures that look alike, the most frequent first. Where `exact` is false only the newest 20,000 were looked at. */
export interface Failures {
  items: FailureGroup[];
  exact: boolean;
}

/** Failures whose messages differ in ids and numbers alone. */
export interface FailureGroup {
  /** The error's message with ids and numbers taken out. */
  pattern: string;
  count: number;
  /** When the first and the last of them ended; RFC 3339. */
  first: string;
  last: string;
  /** Id of the newest task of them, and its own message. */
  example: string;
  message: string;
}

/** What the last 60 minutes brought, oldest first. */
export interface SeriesView {
  /** When the first step begins; RFC 3339. */
  from: string;
  stepMs: number;
  /** Counts in each step; of levels (`running`, `pending`, …) the highest. Null: from before the object woke. */
  metrics: Partial<Record<SeriesName, (number | null)[]>>;
}

export interface FailureQuery {
  type?: string;
  /** About their end; epoch ms. */
  since?: number;
  /** How many patterns, 1 to 500. */
  limit: number;
}

/** What gateway and handles may ask a Domain object beside tasks: nothing changes by it. */
export interface Looks {
  tagKeys: { body: { prefix: string }; answer: TagKeys };
  tagValues: { body: { key: string }; answer: TagValues };
  failures: { body: FailureQuery; answer: Failures };
  series: { body: { metrics: SeriesName[]; stepMs: number }; answer: SeriesView };
  bulk: { body: { id: string }; answer: BulkJob };
  bulkMatch: { body: BulkMatchRequest; answer: BulkMatch };
}

export type LookName = keyof Looks;
