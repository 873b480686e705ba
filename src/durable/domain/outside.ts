import type { Clock } from "../../clock.ts";
import type { Registry } from "../../domains/definition.ts";
import type { Entry } from "../../policy/events/ring.ts";
import type { Neighbour } from "../mail.ts";
import type { RunTask } from "../protocol.ts";
import type { Run } from "./run/run.ts";

/** What the object's shell gives the engine. */
export interface Outside {
  storage: DurableObjectStorage;
  clock: Clock;
  registry: Registry;
  name: string;
  /** The deployed code's version, `""` when the platform does not tell. */
  version: string;
  /** Another domain's object, on a fresh stub. */
  neighbour(name: string): Neighbour;
  /** Sends a run to the runner; called after its commit. */
  start(run: Run, tasks: RunTask[]): void;
  /** Something may be ready that needs slots the object does not have. */
  sync(): void;
  /** Something has happened, for good. */
  happened(entry: Entry): void;
}
