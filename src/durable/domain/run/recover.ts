import { COORDINATION } from "../../../policy/coordination/protocol.ts";
import { LIMITS } from "../../../policy/limits.ts";
import { announceBack } from "./announce.ts";
import { subjectOf } from "../history/chronicle.ts";
import type { Core } from "../core.ts";
import { end } from "./end.ts";
import { readClaimed, readTasks, setColumns, type TaskRow } from "../rows.ts";
import type { Run } from "./run.ts";
import { lifeAfterStart, startedBy } from "./settle.ts";
import { endStopped, stoppedBy } from "./stop.ts";
import { FAMILY, queue } from "./order.ts";

/**
 * At wake: every run of the state row may still execute somewhere. It keeps its slot until its runner calls in, or its
 * lease is over. What its tasks were to be told before is told again when it does.
 */
export function adoptOrphans(core: Core, now: number): void {
  for (const run of core.runs.values()) {
    core.holder.occupy(run.group);
    run.renewedAt = now;
    run.orphanUntil = now + COORDINATION.runOverMs;
    // That it has started was told in the life before.
    run.announced = run.current;
    for (const { id, type, label, tags, attempt, cancelling, deadline_at, parent, family } of readClaimed(core.store, [...run.open])) {
      run.subjects.set(id, { ...subjectOf({ id, type, label, tags }), facts: { attempt: attempt + 1 } });
      run.types.set(type, (run.types.get(type) ?? 0) + 1);
      run.relate(id, parent, family === FAMILY.parent);
      // How far its runner has come is not known here.
      if (family === null && core.definition?.types.get(type)?.finalize) run.finalizing.add(id);
      const stopped = stoppedBy(cancelling);
      if (stopped) run.aborts.set(id, stopped);
      else if (deadline_at !== null && deadline_at <= now) run.aborts.set(id, "deadline");
      else if (core.pauses.stops(run.group)) run.aborts.set(id, "pause");
    }
  }
}

/** Puts back the tasks of runs for which nobody called in; part of a transaction. */
export function putOrphansBack(core: Core, now: number): void {
  for (const run of core.runs.values()) {
    if (run.orphanUntil === undefined || run.orphanUntil > now) continue;
    const rows = readTasks(core.store, [...run.open]);
    core.close(run);
    core.touch().totals.interrupted += rows.length;
    // A deploy ends isolates without anybody's fault.
    const isCharged = run.version === core.outside.version;
    for (const row of rows) interrupted(core, run, row, isCharged, rows.length === 1);
  }
}

/**
 * One task alone is charged an interruption; several charge nobody, but each is suspect and from now on runs alone,
 * until it settles. Three interruptions in a row: poison.
 */
function interrupted(core: Core, run: Run, row: TaskRow, isCharged: boolean, isAlone: boolean): void {
  if (endStopped(core, row, stoppedBy(row.cancelling) ?? run.aborts.get(row.id), { started_at: run.startedAt })) return;
  if (isCharged && isAlone && row.interruptions + 1 >= LIMITS.poisonInterruptionsMax) return poison(core, run, row);
  if (isCharged) {
    const change = isAlone
      ? { interruptions: row.interruptions + 1, ...startedBy(row, run.startedAt), ...lifeAfterStart(row, run.startedAt) }
      : { suspect: 1 };
    setColumns(core.store, row.id, change);
  }
  announceBack(core, run, row.id, "interrupted");
  queue(core, row);
}

function poison(core: Core, run: Run, row: TaskRow): void {
  const message = `The task ended its isolate ${LIMITS.poisonInterruptionsMax} times in a row, running alone. Look for an endless loop or too much memory, mend it, then retry the task.`;
  const error = JSON.stringify({ name: "PoisonError", message, code: "poison" });
  end(core, row, "poison", "dead_letter", { error, interruptions: row.interruptions + 1, ...startedBy(row, run.startedAt) });
}
