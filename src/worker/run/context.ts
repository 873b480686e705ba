import type { AnyContext, Log } from "../../domains/context.ts";
import type { Child, Dependency, Json, Task } from "../../domains/task.ts";
import type { RunChild, RunDependency } from "../../durable/protocol.ts";
import { isFailedChild } from "../../policy/children.ts";
import { fail } from "../../policy/errors.ts";
import { parseTaskId } from "../../policy/ids.ts";
import { utf8Bytes } from "../../policy/text.ts";
import type { Execution } from "./execution.ts";
import { guarded, leaseLost } from "./guard.ts";
import type { Scope } from "./scope.ts";
import { Spawner } from "./spawn.ts";
import { appOf, stateOf } from "./state.ts";

/**
 * The context of one execution. Everything is made when it is asked for: most executors use little of it, and a run
 * has up to 250. The verbs are getters, so that `const { progress, signal } = ctx` works.
 */
export class TaskContext {
  readonly #execution: Execution;
  readonly #scope: Scope;
  #task: Task | undefined;
  #log: Log | undefined;
  #dependencies: readonly Dependency[] | undefined;
  #children: readonly Child[] | undefined;

  constructor(execution: Execution, scope: Scope) {
    this.#execution = execution;
    this.#scope = scope;
  }

  get task(): Task {
    return (this.#task ??= recordOf(this.#execution, this.#scope));
  }

  get attempt(): number {
    return this.#execution.task.attempt;
  }

  get env(): unknown {
    return this.#scope.env;
  }

  get state(): unknown {
    const { definition } = this.#scope;
    return definition && stateOf(definition, this.#scope.env);
  }

  get app(): unknown {
    return appOf(this.#scope.registry, this.#scope.env);
  }

  get signal(): AbortSignal {
    return this.#execution.signal;
  }

  get progress(): AnyContext["progress"] {
    return (fraction, message) => {
      if (this.#execution.note(fraction, message === undefined ? null : String(message))) this.#scope.reported();
    };
  }

  get bytes(): AnyContext["bytes"] {
    return ({ done, total }) => {
      const execution = this.#execution;
      if (execution.note(total > 0 ? done / total : 0, execution.message, { done, total })) this.#scope.reported();
    };
  }

  get recordIo(): AnyContext["recordIo"] {
    return (io) => this.#execution.record(io);
  }

  get domain(): AnyContext["domain"] {
    return ((definition: { name: string }) => {
      if (this.#scope.lost) throw leaseLost();
      const spawner = new Spawner(this.#execution, this.#scope, definition.name);
      return guarded(this.#scope.domain(definition.name), () => this.#scope.lost, spawner);
    }) as unknown as AnyContext["domain"];
  }

  get spawn(): AnyContext["spawn"] {
    return this.#spawner.spawn as never;
  }

  get spawnAll(): AnyContext["spawnAll"] {
    return this.#spawner.spawnAll as never;
  }

  get spawnSibling(): AnyContext["spawnSibling"] {
    return this.#spawner.spawnSibling as never;
  }

  get spawnSiblings(): AnyContext["spawnSiblings"] {
    return this.#spawner.spawnSiblings as never;
  }

  get children(): readonly Child[] {
    return (this.#children ??= (this.#execution.task.finalize?.children ?? []).map(shownChild));
  }

  get child(): AnyContext["child"] {
    return async (id) => {
      const known = this.children.find((one) => one.id === id);
      if (!known)
        throw fail("invalid_request", `${JSON.stringify(id)} is no child that ${fullId(this.#scope, this.#execution.task.id)} sees.`, {
          id,
        });
      if (!known.truncated) return known;
      // Of a child in another domain, the own one has copies.
      const { domainName, reach } = this.#scope;
      const of = { parent: this.#execution.task.id, child: id };
      const copy = parseTaskId(id)!.domain === domainName ? null : await reach(domainName).ask("childCopy", of);
      if (copy) return shownChild(copy);
      const { status, result, error } = await this.#read(id);
      return { id, type: known.type, status: status as Child["status"], result: result as Json, error };
    };
  }

  get tryDomain(): AnyContext["tryDomain"] {
    return ((definition: { name: string }) =>
      this.#scope.registry.domains.has(definition.name) ? this.domain(definition as never) : undefined) as AnyContext["tryDomain"];
  }

  get dependencies(): readonly Dependency[] {
    return (this.#dependencies ??= (this.#execution.task.dependencies ?? []).map(shown));
  }

  get dependency(): AnyContext["dependency"] {
    return async (id) => {
      const known = this.dependencies.find((one) => one.id === id);
      if (!known)
        throw fail("invalid_dependency", `Task ${fullId(this.#scope, this.#execution.task.id)} does not depend on ${JSON.stringify(id)}.`, {
          id,
        });
      if (!known.truncated) return known;
      // Of a task of another domain, the own one has a copy.
      const { domainName, reach } = this.#scope;
      const copy = parseTaskId(id)!.domain === domainName ? null : await reach(domainName).ask("copyOf", id);
      if (copy) return shown(copy);
      const { status, result } = await this.#read(id);
      return { id, status: status as Dependency["status"], result: result as Json };
    };
  }

  #read(id: string): Promise<Task<unknown, unknown>> {
    return this.domain({ name: parseTaskId(id)!.domain } as never)
      .task("" as never, id)
      .get();
  }

  get #spawner(): Spawner {
    return new Spawner(this.#execution, this.#scope, this.#scope.domainName);
  }

  get log(): Log {
    return (this.#log ??= logOf(this.#execution, this.#scope));
  }
}

const shown = ({ id, status, result, truncated }: RunDependency): Dependency => ({
  id,
  status,
  result: result === undefined ? null : (JSON.parse(result) as Json),
  ...(truncated ? { truncated } : {}),
});

const shownChild = ({ id, type, status, result, error, truncated }: RunChild): Child => ({
  id,
  type,
  status,
  result: result === undefined ? null : (JSON.parse(result) as Json),
  error: error ?? null,
  ...(truncated ? { truncated } : {}),
});

/** The full id of a run's task. */
export const fullId = (scope: Scope, id: number): string => `${scope.domainName}_${id}`;

/** Lines that name the task and its attempt. */
export function logOf({ task }: Execution, scope: Scope): Log {
  const write = (level: keyof Log) => (message: string, fields?: Record<string, unknown>) =>
    scope.write(level, {
      ...fields,
      message,
      domain: scope.domainName,
      type: task.type,
      task: fullId(scope, task.id),
      attempt: task.attempt,
    });
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

/** The task as everybody sees it, from what the run carries of it. */
function recordOf({ task, startedAt }: Execution, scope: Scope): Task {
  const children = task.finalize?.children ?? [];
  return {
    id: fullId(scope, task.id),
    domain: scope.domainName,
    type: task.type,
    status: "running",
    payload: JSON.parse(task.payload),
    result: null,
    error: null,
    key: task.key ?? null,
    label: task.label ?? null,
    priority: task.priority,
    effectivePriority: task.priority,
    group: task.group ?? null,
    tags: { ...scope.definition?.defaults.tags, ...task.tags, _domain: scope.domainName },
    attempt: task.attempt,
    maxAttempts: task.maxAttempts,
    executions: task.executions,
    errors: [],
    parent: task.parent ?? null,
    children: {
      total: children.length,
      active: 0,
      failed: children.filter(({ status }) => isFailedChild(status)).length,
    },
    dependsOn: (task.dependencies ?? []).map(({ id, status }) => ({ id, status })),
    runAt: null,
    expiresAt: null,
    createdAt: new Date(task.createdAt).toISOString(),
    startedAt: new Date(startedAt).toISOString(),
    finishedAt: null,
    waitMs: Math.max(0, startedAt - task.createdAt),
    durationMs: null,
    progress: null,
    io: { expected: scope.definition?.types.get(task.type)?.io ?? null, actual: null },
    sizes: { payload: utf8Bytes(task.payload), result: 0 },
    schedule: task.schedule ?? null,
    deadline: null,
    pausedBy: [],
  };
}
