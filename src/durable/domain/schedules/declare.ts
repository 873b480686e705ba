import type { Registry } from "../../../domains/definition.ts";
import { prepareSchedule } from "../../../domains/schedule.ts";
import { everyMsOf } from "../../../domains/singleton.ts";
import { duplicateHash } from "../../../policy/key.ts";
import { nextRoundMs } from "../../../policy/rounds.ts";
import { FIRST_TERMINAL_CODE, STATUS_CODE } from "../../../policy/status.ts";
import type { ScheduleInput } from "../../protocol.ts";
import { cancelRow } from "../run/cancel.ts";
import type { Core } from "../core.ts";
import { insertRound } from "./rounds.ts";
import { readTask, setColumns } from "../rows.ts";
import { putDeclared } from "./schedules.ts";
import { leaveAside } from "../gates/turns.ts";

/** What the code declares, schedules and singletons, brought up to date when it has changed. A bad one must not keep the object from waking. */
export async function declare(core: Core, registry: Registry): Promise<void> {
  declareSingletons(core);
  await declareSchedules(core, registry);
}

async function declareSchedules(core: Core, registry: Registry): Promise<void> {
  const { definition, state } = core;
  if (!definition) return;
  const { schedules } = definition;
  const fingerprint = schedules.length > 0 ? duplicateHash("schedules", "payload", JSON.stringify(schedules)) : "";
  if (fingerprint === state.declared) return;
  try {
    const inputs: ScheduleInput[] = [];
    for (const { name, type, payload, spec } of schedules) {
      inputs.push(await prepareSchedule(registry, definition, { name, type, payload, ...spec }, core.clock));
    }
    putDeclared(core, inputs, fingerprint);
  } catch (error) {
    console.error(JSON.stringify({ message: "a declared schedule was refused", domain: core.name, error: String(error) }));
  }
}

/**
 * The singletons that the code declares, brought up to date: each has its round, and one that is gone from the code has its
 * round cancelled. Part of a wake or a poke: it starts nothing.
 */
function declareSingletons(core: Core): void {
  const { definition, state } = core;
  if (!definition) return;
  const gone = Object.keys(state.singletons).filter((type) => !definition.types.get(type)?.singleton);
  const missing = [...definition.types.values()].filter(({ name, singleton }) => singleton && !isAlive(core, name));
  hasten(core);
  if (gone.length === 0 && missing.length === 0) return;
  core.transact("singletons", () => {
    const now = core.clock.now();
    const { singletons } = core.touch();
    for (const type of gone) {
      const row = readTask(core.store, singletons[type]!.task);
      // First: its end must not bring another round.
      delete singletons[type];
      if (row) leaveAside(core, row.id);
      if (row && row.status < FIRST_TERMINAL_CODE) cancelRow(core, row);
    }
    for (const type of missing) singletons[type.name] = { task: insertRound(core, type, now, now), failures: 0 };
    core.alarm.soon("kick", now);
  });
}

/** A round at rest comes no later than its `every` says today: a deploy may have made that shorter. */
function hasten(core: Core): void {
  const now = core.clock.now();
  const late = Object.entries(core.state.singletons).flatMap(([name, { task, failures }]) => {
    const singleton = core.definition?.types.get(name)?.singleton;
    const row = singleton && readTask(core.store, task);
    if (row?.status !== STATUS_CODE.scheduled || row.executions > 0) return [];
    const run_at = now + nextRoundMs(everyMsOf(singleton!), failures);
    return run_at < row.run_at! ? [{ task, run_at }] : [];
  });
  if (late.length === 0) return;
  core.transact("singletons", () => {
    core.touch();
    for (const { task, run_at } of late) {
      setColumns(core.store, task, { run_at });
      core.alarm.soon("due", run_at);
    }
  });
}

function isAlive(core: Core, type: string): boolean {
  const known = core.state.singletons[type];
  return known !== undefined && (readTask(core.store, known.task)?.status ?? FIRST_TERMINAL_CODE) < FIRST_TERMINAL_CODE;
}
