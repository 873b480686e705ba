import { fail } from "../../../policy/errors.ts";
import { bulkId, parseBulkId } from "../../../policy/ids.ts";
import { LIMITS } from "../../../policy/limits.ts";
import type { BulkJob, BulkRequest } from "../../bulk.ts";
import type { Core } from "../core.ts";
import { recall, remember } from "../submit/idempotency.ts";
import type { bulk } from "../schema.ts";

const SLICE = 500;

export type BulkRow = typeof bulk.$inferSelect;

/**
 * Writes a job down; the alarm does it. It is about the tasks that exist now.
 *
 * @throws `too_many_requests` where too many go on already, `idempotency_conflict`
 */
export function startBulk(core: Core, { action, filter, idempotency }: BulkRequest): BulkJob {
  return core.transact("bulk-start", () => {
    const now = core.clock.now();
    const known = idempotency && recall(core, idempotency, now);
    if (known !== undefined) return viewBulk(core, readBulk(core, JSON.parse(known) as string));
    refuseMany(core);
    const id = (core.touch().lastBulk += 1);
    const bound = core.state.nextId;
    // Downwards from the newest, but for retries: `bulk.ts` says why.
    const cursor = action === "retry" ? 0 : bound;
    core.store.exec(
      "INSERT INTO bulk (id, action, filter, bound, cursor, created_at, next_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
      id,
      action,
      JSON.stringify(filter),
      bound,
      cursor,
      now,
      now,
    );
    const full = bulkId(core.name, id);
    if (idempotency) remember(core, idempotency, JSON.stringify(full), now);
    core.alarm.soon("bulk", now);
    return viewBulk(core, readBulk(core, full));
  });
}

function refuseMany(core: Core): void {
  const open = core.store.exec<{ n: number }>("SELECT count(*) AS n FROM (SELECT 1 FROM bulk WHERE finished_at IS NULL)").one().n;
  if (open < LIMITS.bulkJobsMax) return;
  throw fail("too_many_requests", `${open} bulk jobs of ${core.name} go on already; wait until one has finished.`, { retryAfterMs: 5_000 });
}

/** The row of a job, or `bulk_not_found`. */
export function readBulk(core: Core, id: string): BulkRow {
  const parsed = parseBulkId(id);
  const row =
    parsed?.domain === core.name ? core.store.exec<BulkRow>("SELECT * FROM bulk WHERE id = ?", parsed.counter).toArray()[0] : undefined;
  if (row) return row;
  throw fail(
    "bulk_not_found",
    `There is no bulk job ${JSON.stringify(id.slice(0, 100))} in domain ${core.name}: it never existed, or it finished more than a week ago.`,
    { id: id.slice(0, 100) },
  );
}

export function viewBulk(core: Core, row: BulkRow): BulkJob {
  const { action, bound, cursor, done, failed } = row;
  const walked = action === "retry" ? cursor : bound - cursor;
  return {
    id: bulkId(core.name, row.id),
    domain: core.name,
    action,
    matched: done + failed,
    done,
    failed,
    finished: row.finished_at !== null,
    fraction: row.finished_at === null ? Math.min(1, walked / bound) : 1,
    errors: row.errors === null ? [] : (JSON.parse(row.errors) as BulkJob["errors"]),
    createdAt: new Date(row.created_at).toISOString(),
    finishedAt: row.finished_at === null ? null : new Date(row.finished_at).toISOString(),
  };
}

/** The job that is due: the oldest that goes on, or one that may be forgotten. */
export function dueBulk(core: Core, now: number): BulkRow | undefined {
  return core.store.exec<BulkRow>("SELECT * FROM bulk WHERE next_at <= ? ORDER BY next_at, id LIMIT 1", now).toArray()[0];
}

/** How far it came. A row a slice; two when it ends. */
export function writeBulk(core: Core, { id, cursor, done, failed, errors }: BulkRow): void {
  core.store.exec("UPDATE bulk SET cursor = ?, done = ?, failed = ?, errors = ? WHERE id = ?", cursor, done, failed, errors, id);
}

export function endBulk(core: Core, { id }: BulkRow, now: number): void {
  core.store.exec("UPDATE bulk SET finished_at = ?, next_at = ? WHERE id = ?", now, now + LIMITS.bulkKeepMs, id);
}

/** Deletes jobs that finished a week ago. */
export function forgetBulk(core: Core, now: number): void {
  core.store.exec(
    "DELETE FROM bulk WHERE finished_at IS NOT NULL AND id IN (SELECT id FROM bulk WHERE next_at <= ? ORDER BY next_at LIMIT ?)",
    now,
    SLICE,
  );
}

/** When the next of them is due. */
export const nextBulkAt = (core: Core): number | null =>
  core.store.exec<{ at: number | null }>("SELECT min(next_at) AS at FROM bulk").one().at;
