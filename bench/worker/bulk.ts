import type { DomainBulk } from "millrace";
import type { BulkAnswer } from "../protocol.ts";
import type { Handle } from "./drive.ts";

/** Submits that are timed before a job begins. */
const ALONE = 200;

/** One job over everything that matches, and beside it a caller who submits one task after the other. */
export async function bulk(handle: Handle & DomainBulk, verb: "cancelWhere" | "retryWhere", filter: object): Promise<BulkAnswer> {
  const timed = async (): Promise<number> => {
    const begun = performance.now();
    await handle.submit("plain", { n: begun }, { delay: "1d", tags: { beside: "1" } });
    return performance.now() - begun;
  };
  const alone: number[] = [];
  while (alone.length < ALONE) alone.push(await timed());
  const before = await handle.snapshot();
  const begun = performance.now();
  const job = await handle[verb](filter);
  const beside: number[] = [];
  let seen = await job.get();
  while (!seen.finished) {
    for (let n = 0; n < 10; n += 1) beside.push(await timed());
    seen = await job.get();
  }
  const ms = performance.now() - begun;
  const { cost } = await handle.snapshot();
  // A delayed task with a tag: its row, its entry in the index of what falls due, its tag, and the state.
  const submits = beside.length * 4;
  return {
    done: seen.done,
    failed: seen.failed,
    ms,
    rowsWritten: cost.rowsWritten - before.cost.rowsWritten - submits,
    rowsRead: cost.rowsRead - before.cost.rowsRead,
    alone,
    beside,
  };
}
