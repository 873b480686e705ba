import { type Flags, pauseNews } from "../../../policy/coordination/flags.ts";
import { taskId } from "../../../policy/ids.ts";
import { point } from "../../point.ts";
import type { Drained } from "../../protocol.ts";
import type { Core } from "../core.ts";
import { dispatch } from "../run/dispatch.ts";

/**
 * A flag that costs one row, whatever waits behind it; running work is aborted and goes back uncharged.
 */
export function pause(core: Core): void {
  core.transact("pause", () => {
    const now = core.clock.now();
    if (!core.pauses.own) core.events.say("domain.paused", {});
    // Without `abortAt`: a drain under way is not waited for any longer.
    core.pauses.set({ since: now }, now);
    enforce(core, now);
  });
}

export function resume(core: Core): void {
  core.transact("resume", () => {
    const now = core.clock.now();
    if (core.pauses.own) core.events.say("domain.resumed", {});
    core.pauses.set(null, now);
    enforce(core, now);
    dispatch(core);
  });
}

/** How long the tasks that a drain aborts have to answer before it is reported as it stands. */
const ANSWER_MS = 2_000;

/**
 * A pause that lets what runs go on for `timeoutMs`, then gives it back, uncharged. Waits until nothing runs, or that time
 * and a little more has passed, or `waitMs`; the drain goes on by itself. It ends by `resume`.
 */
export async function drain(core: Core, timeoutMs: number, waitMs: number): Promise<Drained> {
  const asked = core.clock.now();
  core.transact("drain", () => {
    const { pause: standing } = core.state;
    const isAborted = standing !== null && (standing.abortAt ?? 0) <= asked && core.pauses.own;
    if (isAborted) return;
    if (!core.pauses.own) core.events.say("domain.paused", { drain: true });
    if (standing?.abortAt === undefined) core.pauses.returned.clear();
    core.pauses.set({ since: asked, abortAt: asked + timeoutMs }, asked);
    enforce(core, asked);
  });
  const abortAt = Math.max(asked, core.state.pause?.abortAt ?? asked);
  const end = asked + waitMs;
  if (!(await core.pauses.quiet(Math.min(abortAt, end), "leases")) && core.clock.now() >= abortAt) {
    core.transact("drain.end", () => enforce(core, core.clock.now()));
    // A worker outside is told when it renews: that is not waited for.
    await core.pauses.quiet(abortAt + ANSWER_MS, "runs");
  }
  const drained = core.runs.size + core.leases.size === 0;
  return { drained, returned: [...core.pauses.returned].map((id) => taskId(core.name, id)) };
}

/** Stores what the coordinator tells when it is newer than what is known, one row, and goes by it at once. */
export function heed(core: Core, flags: Flags): number {
  point("flags.call", core.name);
  if (flags.version > core.flags.version) {
    core.transact("flags", () => {
      const now = core.clock.now();
      core.pauses.account(now);
      sayFlags(core, flags, now);
      core.touch().flags = flags;
      core.after(() => core.events.onFlags?.());
      enforce(core, now);
      dispatch(core);
    });
  }
  point("flags.answer", core.name);
  return core.flags.version;
}

/** What of the mill's pauses is news here. The mill's own stream has these from the coordinator. */
function sayFlags(core: Core, flags: Flags, now: number): void {
  for (const { event, ...facts } of pauseNews(core.flags, flags, now)) core.events.say(event, { domain: null, ...facts });
}

/** Makes what runs and waits follow the pauses as they are now; part of a transaction, or of waking. */
export function enforce(core: Core, now: number): void {
  core.pauses.holdGroups(now);
  core.alarm.set("pause", core.pauses.nextAt(now));
  for (const run of core.runs.values()) {
    if (!core.pauses.stops(run.group)) continue;
    if (run.current !== undefined && !run.aborts.has(run.current)) core.pauses.returned.add(run.current);
    for (const id of run.open) core.abort(run, id, "pause");
  }
}
