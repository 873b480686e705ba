import { checkChildOptions, nameChild } from "../../domains/child.ts";
import type { DomainDefinition } from "../../domains/definition.ts";
import { findDomain } from "../../domains/find.ts";
import type { Submitted } from "../../domains/handle.ts";
import { prepare, prepareAll } from "../../domains/prepare.ts";
import type { GivenOptions } from "../../domains/submit-options.ts";
import type { SubmitItem } from "../../durable/protocol.ts";
import { fail } from "../../policy/errors.ts";
import { fullId } from "./context.ts";
import type { Execution } from "./execution.ts";
import { leaseLost } from "./guard.ts";
import type { Scope } from "./scope.ts";

type Item = { type: string; payload: unknown } & GivenOptions;

/** The verbs that make children, for a domain: of the task that executes, or of its parent. */
export class Spawner {
  readonly #execution: Execution;
  readonly #scope: Scope;
  readonly #domain: string;

  constructor(execution: Execution, scope: Scope, domain: string) {
    this.#execution = execution;
    this.#scope = scope;
    this.#domain = domain;
  }

  readonly spawn = async (type: string, payload: unknown, options: GivenOptions = {}): Promise<Submitted> => {
    const [child] = await this.#one(type, payload, options, false);
    return child!;
  };

  readonly spawnAll = (items: readonly Item[]): Promise<Submitted[]> => this.#all(items, false);

  readonly spawnSibling = async (type: string, payload: unknown, options: GivenOptions = {}): Promise<Submitted> => {
    const [sibling] = await this.#one(type, payload, options, true);
    return sibling!;
  };

  readonly spawnSiblings = (items: readonly Item[]): Promise<Submitted[]> => this.#all(items, true);

  async #one(type: string, payload: unknown, options: GivenOptions, sibling: boolean): Promise<Submitted[]> {
    const parent = this.#parent(sibling);
    checkChildOptions(options);
    const { registry, clock } = this.#scope;
    const item = await prepare(registry, this.#definition, type, payload, options, clock);
    return this.#send(parent, [item], sibling);
  }

  async #all(items: readonly Item[], sibling: boolean): Promise<Submitted[]> {
    const parent = this.#parent(sibling);
    const { registry, clock } = this.#scope;
    if (Array.isArray(items)) for (const item of items) if (typeof item === "object" && item !== null) checkChildOptions(item);
    const ready = await prepareAll(registry, this.#definition, items, undefined, clock);
    return ready.length === 0 ? [] : this.#send(parent, ready, sibling);
  }

  async #send(parent: string, items: readonly SubmitItem[], sibling: boolean): Promise<Submitted[]> {
    const execution = this.#execution;
    if (execution.isOver) throw leaseLost();
    const named = items.map((item) => nameChild(parent, this.#domain, item, (likeness) => this.#mark(likeness, sibling)));
    if (!sibling) execution.hasSpawned = true;
    const outcomes = await this.#scope.spawn({
      task: execution.task.id,
      ...(sibling ? { sibling } : {}),
      domain: this.#domain,
      items: named,
    });
    return outcomes.map((outcome, index) => ({ ...outcome, type: items[index]!.type, domain: this.#domain }));
  }

  /** The how-manieth of its equals in this execution; among its siblings also whose. */
  #mark(likeness: string, sibling: boolean): string {
    const { counts, task } = this.#execution;
    const place = sibling ? `sibling ${likeness}` : likeness;
    const number = counts.get(place) ?? 0;
    counts.set(place, number + 1);
    return sibling ? `${fullId(this.#scope, task.id)} ${number}` : String(number);
  }

  /** Whose children they become. */
  #parent(sibling: boolean): string {
    const { task, hook } = this.#execution;
    const id = fullId(this.#scope, task.id);
    if (this.#scope.lost) throw leaseLost();
    if (hook || task.finalize)
      throw fail("invalid_state", `Task ${id} cannot spawn in ${hook ? "onCancel" : "finalize"}: children are spawned in execute.`, { id });
    if (!sibling) return id;
    if (task.parent === undefined)
      throw fail("invalid_state", `Task ${id} has no parent, so it can have no siblings. Spawn a child, or submit a task.`, { id });
    return task.parent;
  }

  get #definition(): DomainDefinition {
    return findDomain(this.#scope.registry, this.#domain);
  }
}
