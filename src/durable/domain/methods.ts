import type { Neighbour } from "../mail.ts";
import type { DomainApi } from "../protocol.ts";

/** The methods that answer with a refusal instead of throwing it: all that gateway and handles call. */
export const METHODS = [
  "submit",
  "get",
  "result",
  "list",
  "count",
  "cancel",
  "retry",
  "runNow",
  "backfill",
  "graph",
  "why",
  "snapshot",
  "auditLog",
  "configure",
  "pause",
  "drain",
  "resumeDomain",
  "createSchedule",
  "schedules",
  "schedule",
  "updateSchedule",
  "scheduleAction",
  "claim",
  "leasedType",
  "renewLease",
  "settleLease",
  "ask",
  "deliver",
] as const satisfies (keyof (DomainApi & Neighbour))[];
