import type { MillHandle } from "../domains/mill-handle.ts";
import type { CoordinatorApi } from "../policy/coordination/protocol.ts";

/** The verbs of the mill itself, over RPC to its coordinator. */
export function localMill(reach: () => CoordinatorApi): MillHandle {
  return {
    pause: async () => reach().pause(),
    resume: async () => reach().resume(),
    snapshot: async () => reach().snapshot(),
    groups: async () => reach().groups(),
    group: (name) => ({ name, set: async (change) => reach().setGroup(name, change) }),
  };
}
