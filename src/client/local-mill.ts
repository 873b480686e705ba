import type { Clock } from "../clock.ts";
import { parseInstant } from "../domains/instant.ts";
import type { MillHandle } from "../domains/mill-handle.ts";
import type { CoordinatorApi } from "../policy/coordination/protocol.ts";
import { checkGroupName } from "../policy/group-name.ts";
import { parsePressure, parseSettings } from "../policy/settings.ts";
import { type Listen, localEvents } from "./local-events.ts";
import { settingsOf } from "./settings.ts";

/** The verbs of the mill itself, over RPC to its coordinator. */
export function localMill(reach: () => CoordinatorApi, listen: Listen, clock: Clock): Omit<MillHandle, "list" | "audit"> {
  return {
    ...localEvents(null, listen, clock),
    pause: async () => reach().pause(),
    resume: async () => reach().resume(),
    group: (name) => {
      checkGroupName(name);
      return {
        name,
        pause: async ({ until } = {}) => reach().pauseGroup(name, until === undefined ? undefined : parseInstant(until, "until")),
        resume: async () => reach().resumeGroup(name),
        set: async (change) => reach().setGroup(name, change),
      };
    },
    settings: async (change) => settingsOf(await (change === undefined ? reach().snapshot() : reach().configure(parseSettings(change)))),
    pressure: async (name, value, ttl) => reach().pressure(parsePressure(name, value, ttl)),
    snapshot: async () => reach().snapshot(),
    groups: async () => reach().groups(),
  };
}
