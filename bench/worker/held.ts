import type { GroupHandle } from "millrace";
import type { PauseAnswer } from "../protocol.ts";
import { watch } from "./domains.ts";
import type { Handle } from "./drive.ts";

/** What of a mill is needed here. */
export interface Groups {
  group(name: string): Pick<GroupHandle, "pause" | "resume" | "set">;
}

/** Gates that stay shut: a paused group, one whose only slot is taken, one whose next token is an hour away, and a task that others wait for. */
export async function shut(mill: Groups, handle: Handle): Promise<{ blocker: string }> {
  watch.letGo = false;
  await mill.group("paused").pause();
  await mill.group("capped").set({ maxConcurrency: 1 });
  await mill.group("limited").set({ rate: { permits: 1, per: "1h", burst: 1 } });
  await handle.submit("hold", { n: 0 }, { group: "capped" });
  await handle.submit("plain", { n: 0 }, { group: "limited" });
  while ((await handle.snapshot()).counts.running === 0) await scheduler.wait(5);
  const { id: blocker } = await handle.submit("plain", { n: 0 }, { delay: "1d" });
  return { blocker };
}

/** What it costs to pause the domain, and to let it go on, whatever waits behind. */
export async function pausing(handle: Handle): Promise<PauseAnswer> {
  const rows = (snapshot: Awaited<ReturnType<Handle["snapshot"]>>) => snapshot.cost.rowsWritten;
  const before = await handle.snapshot();
  const begun = performance.now();
  const paused = await handle.pause();
  const pauseMs = performance.now() - begun;
  const resumed = await handle.resume();
  const { pending, paused: held } = before.counts;
  return { pending: pending + held, pauseRows: rows(paused) - rows(before), resumeRows: rows(resumed) - rows(paused), pauseMs };
}

/** The gates are opened for the scenarios that follow; what waited stays where it is, in a domain of its own, paused. */
export async function open(mill: Groups, handle: Handle): Promise<void> {
  await handle.pause();
  watch.letGo = true;
  await mill.group("paused").resume();
  await mill.group("capped").set({ maxConcurrency: null });
  await mill.group("limited").set({ rate: null });
}
