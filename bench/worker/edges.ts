import type { EdgesAnswer } from "../protocol.ts";
import type { Handle } from "./drive.ts";

const BATCH = 100;
/** What tasks without dependencies do not pay for. */
const OF_EDGES = /^\w+ (edges|remotes|watchers|outbox)$/;

/** Pairs of tasks, the second of which depends on the first: in one domain, or from one to another. Answers with what the edges cost. */
export async function edges(from: Handle, to: Handle, tasks: number): Promise<EdgesAnswer> {
  const before = await rowsOf(from, to);
  // The upstreams stand still until all edges are there: nobody ends before somebody waits for it.
  await from.pause();
  for (let n = 0; n < tasks; n += BATCH) {
    const upstreams = await from.submitAll(Array.from({ length: BATCH }, (_, index) => ({ type: "plain", payload: { n: n + index } })));
    const goal = await to.submitAll(upstreams.map(({ id }, index) => ({ type: "plain", payload: { n: n + index }, dependsOn: [id] })));
    if (n + BATCH < tasks) continue;
    await from.resume();
    await to.task("plain", goal.at(-1)!.id).result({ timeout: "10m" });
  }
  // The last answers are on their way back.
  while ([...(await from.snapshot()).outbox, ...(await to.snapshot()).outbox].length > 0) await scheduler.wait(5);
  const after = await rowsOf(from, to);
  const statements = Object.fromEntries(
    Object.entries(after).flatMap(([kind, rows]) => (rows > (before[kind] ?? 0) ? [[kind, rows - (before[kind] ?? 0)]] : [])),
  );
  return { statements };
}

/** Rows written by each kind of statement, in both domains, once where they are one. */
async function rowsOf(from: Handle, to: Handle): Promise<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const handle of new Set([from, to])) {
    for (const [kind, { rowsWritten }] of Object.entries((await handle.snapshot()).cost.statements))
      if (OF_EDGES.test(kind)) sums[kind] = (sums[kind] ?? 0) + rowsWritten;
  }
  return sums;
}
