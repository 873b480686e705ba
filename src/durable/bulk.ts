import type { BulkAction } from "../policy/bulk.ts";
import type { TaskQuery } from "./protocol.ts";

/** Its `status` is always given: what the action is about. */
export interface BulkQuery extends TaskQuery {
  /** Of failures, as they are grouped. */
  pattern?: string;
  /** These alone: the domain's own numbers. */
  ids?: readonly number[];
}

/** What to do to which tasks. */
export interface BulkMatchRequest {
  action: BulkAction;
  filter: BulkQuery;
}

export interface BulkRequest extends BulkMatchRequest {
  /** `key` already names token and domain; `body` is a hash of what was asked. */
  idempotency?: { key: string; body: string };
}

/** How many tasks match now. */
export interface BulkMatch {
  matched: number;
  /** False: there may be more; only the newest 100,000 were looked at. */
  exact: boolean;
}

/** A bulk job: it acts on tasks that existed when it was asked for, slice by slice. */
export interface BulkJob {
  id: string;
  domain: string;
  action: BulkAction;
  /** How many tasks it has met so far: those it has acted on, and those it could do nothing to. */
  matched: number;
  done: number;
  failed: number;
  finished: boolean;
  /** How much of the domain's tasks it has been through, 0 to 1. */
  fraction: number;
  /** The first ten that it could do nothing to, and why. */
  errors: { id: string; message: string }[];
  /** RFC 3339. */
  createdAt: string;
  finishedAt: string | null;
}
