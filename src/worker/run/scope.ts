import type { Clock } from "../../clock.ts";
import type { DomainHandle } from "../../domains/handle.ts";
import type { DomainDefinition, Registry } from "../../domains/definition.ts";
import type { Outcome } from "../../domains/task.ts";
import { acceptAnswer } from "../../durable/refusal.ts";
import { parseTaskId } from "../../policy/ids.ts";
import type { DomainApi, RunControl, RunResume, SpawnRequest, SubmitAnswer } from "../../durable/protocol.ts";

/** What the runner needs of the Worker around it; all of it can be faked in plain Node. */
export interface Surroundings {
  registry: Registry;
  /** The Worker's bindings, for `ctx.env` and the state factories. */
  env: unknown;
  clock: Clock;
  /** Lets messages in: `scheduler.wait(0)`. A microtask would not do. */
  turn(): Promise<void>;
  /** Makes the object's way to the runner passable over RPC: an `RpcTarget` around it. */
  expose(control: RunControl): RunControl;
  /** A fresh stub of a Domain object, by name; asked for again at every attempt. */
  reach(domain: string): RunResume & Pick<DomainApi, "submit">;
  /** The in-Worker handle of a domain of this mill. */
  domain(name: string): DomainHandle<string, never>;
  /** Where `ctx.log` and the runner's own lines go. */
  write(level: "debug" | "info" | "warn" | "error", line: Record<string, unknown>): void;
}

/** What an execution sees of its run. */
export interface Scope extends Surroundings {
  /** Of the run; undefined when this version of the Worker does not know it. */
  readonly definition: DomainDefinition | undefined;
  readonly domainName: string;
  /** The lease is over: nothing this run says counts any more. */
  readonly lost: boolean;
  /** A new report is there to be sent. */
  reported(): void;
  /** Children of a task of this run, or of its parent. @throws what the parent's object refuses */
  spawn(request: SpawnRequest): Promise<Outcome[]>;
  /** `execute` of that task has returned: whether it has children to wait for. If not, nobody gives it any more. */
  returned(id: number): Promise<boolean>;
}

/** The surroundings of a run, with what its executions ask of it. */
export function scopeOf(
  around: Surroundings,
  domainName: string,
  { lost, ...verbs }: Pick<Scope, "reported" | "spawn" | "returned"> & { lost: () => boolean },
): Scope {
  return {
    ...around,
    ...verbs,
    domainName,
    definition: around.registry.domains.get(domainName),
    get lost() {
      return lost();
    },
  };
}

/** Siblings of a task whose parent is in another domain: that one's object takes them, by their names, so no fence is needed. */
export async function joinElsewhere(around: Surroundings, parent: string, request: SpawnRequest): Promise<Outcome[]> {
  const items = request.items.map((item) => ({ ...item, parent }));
  const answer = await around.reach(parseTaskId(parent)!.domain).submit({ items, domain: request.domain });
  return (acceptAnswer(answer) as SubmitAnswer).outcomes;
}
