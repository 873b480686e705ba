import type { Clock } from "../../clock.ts";
import type { CoordinatorApi } from "../../policy/coordination/protocol.ts";
import type { Neighbour } from "../mail.ts";
import type { RunnerApi } from "../protocol.ts";

/** How the object reaches the others; a fresh stub for every call. */
export interface DomainWiring {
  coordinator(): CoordinatorApi;
  runner(): RunnerApi;
  neighbour(name: string): Neighbour;
  clock?: Clock;
}
