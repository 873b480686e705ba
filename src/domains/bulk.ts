import type { BulkJob, BulkMatch } from "../durable/protocol.ts";
import type { CallOptions, ListQuery, WaitOptions } from "./handle.ts";

/** Which tasks; everything given must match. An empty filter is every task that the action is about. */
export type BulkFilter<Type extends string = string> = Omit<ListQuery<Type>, "limit" | "cursor"> & {
  /** Failed and dead-lettered tasks of one of the groups that `failures` answers with; for retries and deletions. */
  pattern?: string;
  /** These tasks of the domain alone, at most 10,000. */
  ids?: readonly string[];
};

/** Only asks how many tasks match. */
export interface DryRun {
  dryRun: true;
}

/** A bulk job: it goes on by itself, also when nobody looks. */
export interface BulkHandle {
  readonly id: string;
  /** How far it is. @throws `bulk_not_found` */
  get(): Promise<BulkJob>;
  /**
   * Waits until it has finished, `timeout` at most (default 60 s).
   *
   * @throws `invalid_state` when it goes on at the end of the wait
   * @example `const { done, failed } = await (await media.retryWhere({ status: "dead_letter" })).finished();`
   */
  finished(options?: WaitOptions): Promise<BulkJob>;
}

/** Acts on many tasks at once; part of `DomainHandle`. */
export interface DomainBulk<Type extends string = string> {
  /**
   * Cancels every active task that exists now and matches, the newest first. Answers at once: the domain does it slice by slice,
   * beside everything else, and goes on after a crash.
   *
   * @throws `invalid_request` for statuses that cannot be cancelled; `too_many_requests` where 32 jobs go on already
   * @example `const job = await media.cancelWhere({ tags: { tenant: "acme" } });`
   */
  cancelWhere(filter: BulkFilter<Type>, options: DryRun): Promise<BulkMatch>;
  cancelWhere(filter: BulkFilter<Type>, options?: CallOptions): Promise<BulkHandle>;
  /**
   * Reopens ended tasks under their ids, the oldest first: failed and dead-lettered ones, where the filter names no status. One whose
   * key another holds, say, counts as failed.
   *
   * @throws as `cancelWhere`
   * @example `await media.retryWhere({ status: "dead_letter", type: "resize" });`
   */
  retryWhere(filter: BulkFilter<Type>, options: DryRun): Promise<BulkMatch>;
  retryWhere(filter: BulkFilter<Type>, options?: CallOptions): Promise<BulkHandle>;
  /**
   * Deletes ended tasks from the history. Those of the last minute stay, as do those that a living task needs: they count as failed.
   *
   * @throws as `cancelWhere`
   * @example `await media.deleteWhere({ until: "2026-01-01T00:00:00Z" });`
   */
  deleteWhere(filter: BulkFilter<Type>, options: DryRun): Promise<BulkMatch>;
  deleteWhere(filter: BulkFilter<Type>, options?: CallOptions): Promise<BulkHandle>;
  /** A bulk job by its id. Asks nothing yet. */
  bulk(id: string): BulkHandle;
}
