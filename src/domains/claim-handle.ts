import type { Renewal } from "../durable/protocol.ts";
import type { FailOptions, RenewOptions } from "./claim-options.ts";
import type { InputOf, ResultOf, TypeName } from "./shape.ts";
import type { Task } from "./task.ts";

/** A task in the hands of a pull worker. Every verb is refused with `lease_lost`, and changes nothing, once the lease is over. */
export interface ClaimedTask<Type extends string = string, Input = unknown, Result = unknown> {
  /** The lease's id; it cannot be guessed. */
  readonly lease: string;
  /** When the lease ends unless it is renewed, by the domain's time. */
  readonly leaseUntil: string;
  /** What is to be done. */
  readonly task: Task<Input, Result> & { type: Type };
  /** Holds the lease for as long again; `cancelled`: stop, and settle in whatever way. */
  renew(options?: RenewOptions): Promise<Renewal>;
  /** Done. A result that does not fit the type's schema fails the task for good (`invalid_result`). */
  complete(...result: [null] extends [Result] ? [result?: Result] : [result: Result]): Promise<Task<Input, Result>>;
  /**
   * It failed: text, an `Error`, or anything with a message. Charged an attempt.
   *
   * @example `await claim.fail(error, { retryAfter: "1m" });`
   */
  fail(error: unknown, options?: FailOptions): Promise<Task<Input, Result>>;
  /** Gives it back, uncharged. */
  release(): Promise<Task<Input, Result>>;
}

/** Claims of several types: which one it is, its `task.type` tells. */
export type ClaimOf<Types, Type extends TypeName<Types>> = {
  [Name in Type]: ClaimedTask<Name, InputOf<Types, Name>, ResultOf<Types, Name>>;
}[Type];
