import { STATUS_CODE } from "../../../policy/status.ts";
import type { SubmitItem } from "../../protocol.ts";
import type { Core } from "../core.ts";
import type { NewTask, TaskOptions } from "../rows.ts";

/** The row of a new task. */
export function toRow(core: Core, item: SubmitItem, id: number, now: number, extra: Partial<NewTask>): NewTask {
  const row: NewTask = {
    id,
    type: item.type,
    status: STATUS_CODE.pending,
    priority: item.priority,
    payload: item.payload,
    created_at: now,
    ...extra,
  };
  if (item.hash !== undefined) {
    row.key_hash = item.hash;
    // A child shares its name with nobody but its brothers and sisters.
    if (extra.parent === undefined) row.held = 1;
  }
  if (item.key !== undefined) row.key = item.key;
  if (item.label !== undefined) row.label = item.label;
  if (item.group !== undefined) row.grp = item.group;
  if (item.fair !== undefined) row.fair = item.fair;
  const pausedMs = core.pauses.pausedMs(item.group ?? null);
  if (pausedMs > 0) row.paused_ms = pausedMs;
  if (item.tags) row.tags = JSON.stringify(item.tags);
  if (item.delayMs !== undefined || item.runAt !== undefined) timing(row, item, now);
  if (item.ttlMs !== undefined || item.deadlineAt !== undefined || item.deadlineMs !== undefined) life(core, row, item, now);
  if (item.retry || item.timeoutMs !== undefined || item.ttlMs !== undefined || item.failFast !== undefined)
    row.options = JSON.stringify({ ...(extra.options ? (JSON.parse(extra.options) as object) : {}), ...optionsOf(item) });
  return row;
}

function timing(row: NewTask, item: SubmitItem, now: number): void {
  const at = item.runAt ?? now + item.delayMs!;
  if (at <= now) return;
  row.run_at = at;
  row.status = STATUS_CODE.scheduled;
}

function life(core: Core, row: NewTask, item: SubmitItem, now: number): void {
  if (item.ttlMs !== undefined && item.ttlFrom !== "firstAttempt") row.ttl_at = now + item.ttlMs;
  const deadline = item.deadlineAt ?? (item.deadlineMs === undefined ? undefined : now + item.deadlineMs);
  if (deadline !== undefined) row.deadline_at = deadline;
  const expiry = Math.min(row.ttl_at ?? Infinity, row.deadline_at ?? Infinity);
  if (expiry === Infinity) return;
  row.expires_at = expiry;
  core.alarm.soon("expiry", expiry);
}

function optionsOf(item: SubmitItem): TaskOptions {
  const options: TaskOptions = {};
  if (item.timeoutMs !== undefined) options.timeoutMs = item.timeoutMs;
  if (item.retry) options.retry = item.retry;
  if (item.ttlMs !== undefined) options.ttlMs = item.ttlMs;
  if (item.ttlFrom) options.ttlFrom = item.ttlFrom;
  if (item.failFast !== undefined) options.failFast = item.failFast;
  return options;
}
