import { point } from "../../point.ts";
import type { RunLink, RunResume } from "../../protocol.ts";
import { type Conductor, leaseLost, Link } from "./conduct.ts";
import type { Core } from "../core.ts";
import { settle } from "./settle.ts";
import type { Syncer } from "../gates/sync.ts";
import { tellRunner } from "./tell-runner.ts";

export type ResumeRequest = Parameters<RunResume["resumeRun"]>[0];

/** A runner whose link broke calls in by name, with what it has: it gets a new link while its run goes on. */
export function resumeRun(core: Core, conductor: Conductor, syncer: Syncer, request: ResumeRequest): RunLink | null {
  const run = core.runs.get(request.run);
  point("resume.call", core.name);
  if (!run || run.closed) throw leaseLost(request.run);
  settle(core, run, request);
  if (request.control && !request.finished) {
    conductor.resumed(run, request.control);
    for (const [id, reason] of run.aborts) if (run.open.has(id)) void tellRunner(core, run, id, reason);
  }
  syncer.kick();
  point("resume.answer", core.name);
  return request.finished ? null : new Link(core, conductor, run);
}
