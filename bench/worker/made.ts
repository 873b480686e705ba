import type { MadeAnswer } from "../protocol.ts";
import type { Handle } from "./drive.ts";

const CHILDREN = 100;

/** Parents with 100 children each, which they spawn in one transaction, here or in another domain. */
export async function broods(from: Handle, to: Handle, domain: string, tasks: number): Promise<MadeAnswer> {
  const parents = Math.max(1, Math.round(tasks / CHILDREN));
  return made([from, to], parents * CHILDREN, async () => {
    const items = Array.from({ length: parents }, (_, n) => ({ type: "brood", payload: { n, children: CHILDREN, domain } }));
    const ids = await from.submitAll(items);
    for (const { id } of ids) await from.task("brood", id).result({ timeout: "10m" });
  });
}

/** Pull workers that claim 100 at a time and complete them one by one. */
export async function leased(handle: Handle, tasks: number): Promise<MadeAnswer> {
  return made([handle], tasks, async () => {
    for (let n = 0; n < tasks; n += 100)
      await handle.submitAll(Array.from({ length: 100 }, (_, index) => ({ type: "pulled", payload: { n: n + index } })));
    for (let left = tasks; left > 0;) {
      const held = await handle.claim({ worker: "bench", types: ["pulled"], max: 16, lease: "1m", wait: "5s" });
      for (const one of held) await one.complete();
      left -= held.length;
    }
  });
}

/** A hundred schedules that fire each second, for so many seconds. */
export async function fired(handle: Handle, seconds: number): Promise<MadeAnswer> {
  const schedules = await Promise.all(
    Array.from({ length: 100 }, (_, n) =>
      handle.schedule({ type: "plain", payload: { n }, every: "1s", overlap: "allow", initialDelay: "2s" }),
    ),
  );
  // Not the rows of the schedules themselves.
  const before = await handle.snapshot();
  const answer = await made([handle], 0, () => scheduler.wait(seconds * 1_000 + 2_000));
  const after = await handle.snapshot();
  for (const { id } of schedules) await handle.schedule(id).delete();
  return { ...answer, tasks: (after.totals["completed"] ?? 0) - (before.totals["completed"] ?? 0) };
}

/** What `work` writes in these domains, to the last message between them. */
async function made(handles: readonly Handle[], tasks: number, work: () => Promise<void>): Promise<MadeAnswer> {
  const before = await rowsOf(handles);
  await work();
  for (const handle of handles) while ((await handle.snapshot()).outbox.length > 0) await scheduler.wait(5);
  const after = await rowsOf(handles);
  const statements = Object.fromEntries(
    Object.entries(after).flatMap(([kind, rows]) => (rows > (before[kind] ?? 0) ? [[kind, rows - (before[kind] ?? 0)]] : [])),
  );
  return { tasks, rowsWritten: Object.values(statements).reduce((sum, rows) => sum + rows, 0), statements };
}

/** Rows written by each kind of statement, alarms among them; once where two of the domains are one. */
async function rowsOf(handles: readonly Handle[]): Promise<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const handle of new Set(handles)) {
    const { cost } = await handle.snapshot();
    for (const [kind, { rowsWritten }] of Object.entries(cost.statements)) sums[kind] = (sums[kind] ?? 0) + rowsWritten;
    sums["alarms"] = (sums["alarms"] ?? 0) + cost.alarmsSet;
  }
  return sums;
}
