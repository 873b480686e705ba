import type { Json } from "./task.ts";

/** What TypeScript knows of a task type: what a submit takes, what `execute` sees, what a result is. */
export interface TaskType<Input = unknown, Payload = unknown, Result = unknown> {
  /** What `submit` takes: the schema's input. */
  input: Input;
  /** What `execute`, `key`, `label` and `tags` see: the schema's output. */
  payload: Payload;
  /** What `result()` answers with, as it comes out of JSON. */
  result: Result;
}

/**
 * Anything that names a domain and carries its types: a definition, or a `ref`. The second member exists
 * for the type checker alone.
 */
export interface DomainLike<Name extends string = string, Types = unknown> {
  readonly name: Name;
  readonly "~types"?: Types | undefined;
}

/** The names of a domain's task types. */
export type TypeName<Types> = Extract<keyof Types, string>;
/** What a submit of this type takes. */
export type InputOf<Types, Type extends TypeName<Types>> = Types[Type] extends TaskType<infer Input, unknown, unknown> ? Input : never;
/** What waiting for a task of this type gives. */
export type ResultOf<Types, Type extends TypeName<Types>> =
  Types[Type] extends TaskType<never, unknown, infer Result> ? Result : Types[Type] extends { result: infer Result } ? Result : never;

/** One flat object instead of an intersection, so that a hover shows members. */
export type Flat<Type> = { [Key in keyof Type]: Type[Key] } & unknown;

/** A value as it comes out of JSON: dates are strings, `undefined` is gone, methods are gone. Plain JSON stays as it is named. */
export type Jsonified<Value> = 0 extends 1 & Value
  ? Value
  : [Value] extends [Json]
    ? Value
    : unknown extends Value
      ? Json
      : [Value] extends [undefined | void]
        ? null
        : JsonMember<Value>;

type JsonMember<Value> = Value extends Json
  ? Value
  : Value extends undefined | void
    ? null
    : Value extends { toJSON(...args: never[]): infer Text }
      ? Jsonified<Text>
      : Value extends bigint | symbol | ((...args: never[]) => unknown)
        ? never
        : Value extends readonly unknown[]
          ? { [Index in keyof Value]: Jsonified<Value[Index]> }
          : Value extends object
            ? Flat<
                { [Key in JsonKeys<Value>]: Jsonified<Value[Key]> } & {
                  [Key in MaybeKeys<Value>]?: Jsonified<Exclude<Value[Key], undefined>>;
                }
              >
            : never;

type MaybeKeys<Value> = { [Key in keyof Value]-?: Key extends string ? (undefined extends Value[Key] ? Key : never) : never }[keyof Value];
type JsonKeys<Value> = Exclude<Extract<keyof Value, string>, MaybeKeys<Value>>;
