import type { Clock } from "../clock.ts";
import type { BulkFilter, BulkHandle, DomainBulk, DryRun } from "../domains/bulk.ts";
import type { CallOptions, WaitOptions } from "../domains/handle.ts";
import type { BulkJob, BulkMatch } from "../durable/protocol.ts";
import type { BulkAction } from "../policy/bulk.ts";
import { parseDuration } from "../policy/duration.ts";
import { fail } from "../policy/errors.ts";
import { abortable } from "./abort.ts";

const WAIT_MS = 60_000;
/** Between two looks at a job: a slice takes about so long; more when it takes its time. */
const LOOK_MS = 50;
const LOOK_MAX_MS = 2_000;

/** How a transport does it. */
export interface BulkWays {
  clock: Clock;
  start(action: BulkAction, filter: BulkFilter, options: CallOptions): Promise<{ id: string }>;
  match(action: BulkAction, filter: BulkFilter): Promise<BulkMatch>;
  get(id: string): Promise<BulkJob>;
}

/** The bulk verbs of a domain over whatever transport. */
export function bulkVerbs(ways: BulkWays): DomainBulk {
  const handle = (id: string): BulkHandle => ({
    id,
    get: () => ways.get(id),
    finished: (options) => finished(ways, id, options),
  });
  const act = (action: BulkAction) =>
    (async (filter: BulkFilter, options: Partial<DryRun> & CallOptions = {}) => {
      if (options.dryRun) return ways.match(action, filter);
      return handle((await ways.start(action, filter, options)).id);
    }) as DomainBulk["cancelWhere"];
  return { cancelWhere: act("cancel"), retryWhere: act("retry"), deleteWhere: act("delete"), bulk: handle };
}

async function finished({ clock, get }: BulkWays, id: string, { timeout, signal }: WaitOptions = {}): Promise<BulkJob> {
  const timeoutMs = timeout === undefined ? WAIT_MS : parseDuration(timeout, "timeout");
  const deadline = clock.now() + timeoutMs;
  for (let pause = LOOK_MS; ; pause = Math.min(LOOK_MAX_MS, pause * 1.5)) {
    signal?.throwIfAborted();
    const job = await abortable(get(id), signal);
    if (job.finished) return job;
    const left = deadline - clock.now();
    if (left <= 0) {
      const message = `Bulk job ${id} still goes on after ${timeoutMs} ms, with ${job.done} tasks done; wait again, it does not stop.`;
      throw fail("invalid_state", message, { id, done: job.done, failed: job.failed });
    }
    await clock.sleep(Math.min(pause, left), signal);
  }
}
