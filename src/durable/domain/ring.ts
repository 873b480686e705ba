import { MillraceError } from "../../policy/errors.ts";
import { advanceBulk, giveUpBulk } from "./bulk/bulk.ts";
import type { Core } from "./core.ts";
import { dispatch } from "./run/dispatch.ts";
import { expire, promote } from "./run/expire.ts";
import { forgetAnswers } from "./submit/idempotency.ts";
import { expireLeases } from "./pull/lease.ts";
import { enforce } from "./gates/pause.ts";
import { purge } from "./history/purge.ts";
import { putOrphansBack } from "./run/recover.ts";
import { fireDue } from "./schedules/fire.ts";

/** What falls due, each a bounded slice; true: more of it is left. */
const CHORES: readonly [kind: "due" | "expiry" | "schedule" | "idempotency" | "purge", (core: Core, now: number) => boolean][] = [
  ["expiry", expire],
  ["due", promote],
  ["schedule", fireDue],
  ["idempotency", forgetAnswers],
  ["purge", purge],
];

/** The alarm's work, also done by the sweeper's poke: a slice of everything that is due, then what is ready starts. */
function ring(core: Core): void {
  const now = core.clock.now();
  core.transact("alarm", () => {
    putOrphansBack(core, now);
    expireLeases(core, now);
    const unfinished = CHORES.filter(([, work]) => work(core, now)).map(([kind]) => kind);
    enforce(core, now);
    dispatch(core);
    // Before the commit arms the alarm: what was due is done, and must not ring once more for nothing.
    core.alarm.refresh();
    for (const kind of unfinished) core.alarm.soon(kind, now);
  });
}

/** How often a slice of a bulk job has failed in a row. */
const failures = new WeakMap<Core, number>();
const FAILURES_MAX = 5;

/** The same, whatever happens: storage that is full, or a bug. The object must ring again, or it would sleep for ever. */
export function ringOn(core: Core): void {
  attempt(core, "the alarm", () => ring(core));
  // By itself, so that no bulk job holds up anything else.
  const error = attempt(core, "a bulk job", () => void advanceBulk(core));
  const failed = error === undefined || MillraceError.is(error, "storage_full") ? 0 : (failures.get(core) ?? 0) + 1;
  failures.set(core, failed);
  if (failed >= FAILURES_MAX) attempt(core, "giving up a bulk job", () => giveUpBulk(core, error));
}

function attempt(core: Core, what: string, work: () => void): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    console.error(JSON.stringify({ message: `${what} failed; ringing again`, domain: core.name, error: String(error) }));
    core.alarm.soon("kick", core.clock.now() + 1_000);
    core.alarm.arm();
    return error;
  }
}
