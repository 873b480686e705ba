import type { BatchAnswer, SubmitOptions, Submitted } from "./handle.ts";
import type { InputOf, TypeName } from "./shape.ts";

/** What a child may say: all that a submit may, but what concerns strangers. Tags, ttl and urgency it does not name are its parent's. */
type SpawnOptions = Omit<SubmitOptions, "onDuplicate" | "parent">;

/** One child of several. */
type SpawnItem<Types> = {
  [Type in TypeName<Types>]: { type: Type; payload: InputOf<Types, Type> } & SpawnOptions;
}[TypeName<Types>];

/** The verbs by which a task that executes makes children of its own, or of its parent. */
export interface SpawnVerbs<Name extends string = string, Types = unknown> {
  /**
   * Makes a child: this task ends when all its children have, and then `finalize` runs. Spawning the same again (type,
   * key or payload) answers `duplicate` with the child that is there, from a later attempt as well. In `ctx` it knows the types
   * declared above this one; for later ones, and for itself, `ctx.domain(definition).spawn(…)`.
   *
   * @throws what `submit` throws; `lease_lost` when this execution is not current any more; `invalid_state` in `finalize` and
   * `onCancel`, and when the task is being stopped; `dependency_cycle`
   * @example `for (const part of parts) await ctx.spawn("uploadPart", part);`
   */
  spawn<Type extends TypeName<Types>>(type: Type, payload: InputOf<Types, Type>, options?: SpawnOptions): Promise<Submitted<Name, Type>>;
  /** Up to 10,000 children in one transaction: all or none. */
  spawnAll<const Items extends readonly SpawnItem<Types>[]>(items: Items): Promise<BatchAnswer<Name, Items>>;
  /** A child of this task's parent. @throws `invalid_state` when it has none */
  spawnSibling<Type extends TypeName<Types>>(
    type: Type,
    payload: InputOf<Types, Type>,
    options?: SpawnOptions,
  ): Promise<Submitted<Name, Type>>;
  /** Several of them, in one transaction. */
  spawnSiblings<const Items extends readonly SpawnItem<Types>[]>(items: Items): Promise<BatchAnswer<Name, Items>>;
}
