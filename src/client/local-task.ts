import type { Clock } from "../clock.ts";
import type { DomainDefinition, Registry } from "../domains/definition.ts";
import type { TaskHandle, WaitOptions } from "../domains/handle.ts";
import { prepare } from "../domains/prepare.ts";
import type { Graph, Task, Why } from "../domains/task.ts";
import type { DomainApi } from "../durable/protocol.ts";
import { eitherOf } from "./abort.ts";
import { awaitResult } from "./await-result.ts";
import type { LocalOptions } from "./local.ts";

interface Parts {
  registry: Registry;
  domain: DomainDefinition;
  type: string;
  id: string;
  options: LocalOptions;
  clock: Clock;
}

/** One task, over RPC to its object. */
export class LocalTask implements TaskHandle {
  readonly id: string;
  readonly type: string;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.id = parts.id;
    this.type = parts.type;
    this.#parts = parts;
  }

  get(): Promise<Task> {
    return this.#api.get(this.id);
  }

  result({ timeout, signal }: WaitOptions = {}): Promise<unknown> {
    const ask = (waitMs: number) => this.#api.result(this.id, waitMs);
    return awaitResult(this.id, ask, { timeout, signal: eitherOf(signal, this.#parts.options.signal) }, this.#parts.clock);
  }

  cancel(): Promise<Task> {
    return this.#api.cancel(this.id);
  }

  async retry(options: { payload?: unknown } = {}): Promise<Task> {
    if (options.payload === undefined) return this.#api.retry(this.id);
    const { registry, domain, clock } = this.#parts;
    // The type comes from the object: a handle made from a bare id may have been given another.
    const { type } = await this.#api.get(this.id);
    const { payload, hash, key } = await prepare(registry, domain, type, options.payload, undefined, clock);
    return this.#api.retry(this.id, { payload, ...(hash === undefined ? {} : { hash }), ...(key === undefined ? {} : { key }) });
  }

  backfill(): Promise<Task> {
    return this.#api.backfill(this.id);
  }

  runNow(): Promise<Task> {
    return this.#api.runNow(this.id);
  }

  graph(): Promise<Graph> {
    return this.#api.graph(this.id);
  }

  why(): Promise<Why> {
    return this.#api.why(this.id);
  }

  get #api(): DomainApi {
    return this.#parts.options.reach(this.#parts.domain.name);
  }
}
