import type { Registry } from "../../domains/definition.ts";
import { prepareSchedule } from "../../domains/schedule.ts";
import { duplicateHash } from "../../policy/key.ts";
import type { ScheduleInput } from "../protocol.ts";
import type { Core } from "./core.ts";
import { declare } from "./schedules.ts";

/** Schedules declared in code, brought up to date when the code has changed. A bad one must not keep the object from waking. */
export async function declareSchedules(core: Core, registry: Registry): Promise<void> {
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
    declare(core, inputs, fingerprint);
  } catch (error) {
    console.error(JSON.stringify({ message: "a declared schedule was refused", domain: core.name, error: String(error) }));
  }
}
