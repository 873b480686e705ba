import type { StandardSchemaV1 } from "@standard-schema/spec";
import { MillraceError } from "../policy/errors.ts";
import { parsePressurePolicy } from "../policy/pressure.ts";
import type { MillApp } from "./app.ts";
import type { DomainDefinition, Defaults, History, ScheduleDefinition, ScheduleSpec, TypeDefinition } from "./definition.ts";
import type { FiringOptions, Recurrence, ScheduleTaskOptions } from "./handle.ts";
import { type DomainOptions, type FinalizedOptions, optionProblems, type PullOptions, type TaskOptions } from "./options.ts";
import { singletonDefinition, type SingletonOptions } from "./singleton.ts";
import type { DomainLike, InputOf, Jsonified, TaskType, TypeName } from "./shape.ts";
import type { StartJobs, StartMode } from "./startup.ts";
import { isObject, typeDefinition } from "./type-definition.ts";
import type { Json } from "./task.ts";

/** What the result of a type is: its schema's output where there is one, else what `execute` returns; as it comes out of JSON. */
type ResultType<Schema extends StandardSchemaV1, Returned> =
  unknown extends StandardSchemaV1.InferOutput<Schema> ? Jsonified<Returned> : Jsonified<StandardSchemaV1.InferOutput<Schema>>;

/** A schedule declared in code: which task, and when. */
export type ScheduleOptions<Types, Type extends TypeName<Types>> = { type: Type; payload: InputOf<Types, Type> } & Recurrence &
  FiringOptions &
  Omit<ScheduleTaskOptions, "dependsOn">;

/**
 * A domain's definition: an ordinary value, given to `createMill` and asked for by `mill.domain`. Every method
 * answers with a new one.
 */
export interface Domain<Name extends string = string, Types = unknown, State = unknown, App = MillApp, Env = Cloudflare.Env>
  extends DomainDefinition, DomainLike<Name, Types> {
  readonly name: Name;
  /** For the type checker alone. */
  readonly "~needs"?: { app: App; env: Env } | undefined;
  /** What is wrong with it, told by `createMill` with everything else. */
  readonly "~problems": readonly string[];

  /**
   * Adds a task type.
   *
   * @param type a letter, then at most 62 of a-z, A-Z, 0-9, _ and -; nothing that every object has (`toString`)
   * @example
   * ```ts
   * .task("resize", {
   *   payload: z.object({ object: z.string(), width: z.number() }),
   *   async execute(payload, ctx) { ctx.progress(0.5); return { object: `${payload.object}@${payload.width}` }; },
   * })
   * ```
   */
  task<
    const Type extends string,
    Payload extends StandardSchemaV1,
    Returned extends StandardSchemaV1.InferInput<Result>,
    Result extends StandardSchemaV1 = StandardSchemaV1<unknown, unknown>,
  >(
    type: Type extends TypeName<Types> ? `There is a type "${Type}" already` : Type,
    options: TaskOptions<Payload, Result, Returned, State, App, Env, Name, Types>,
  ): Domain<
    Name,
    // An intersection: flattening it at every step would nest, and TypeScript gives up at about fifty levels.
    Types & {
      [Key in Type]: TaskType<StandardSchemaV1.InferInput<Payload>, StandardSchemaV1.InferOutput<Payload>, ResultType<Result, Returned>>;
    },
    State,
    App,
    Env
  >;

  /**
   * Adds a type that ends with `finalize`, after all its children have ended: what that returns is the result.
   *
   * @example
   * ```ts
   * .task("album", {
   *   payload: z.object({ objects: z.array(z.string()) }),
   *   async execute({ objects }, ctx) {
   *     await ctx.spawnAll(objects.map((object) => ({ type: "resize" as const, payload: { object, width: 320 } })));
   *     return { count: objects.length };
   *   },
   *   finalize: (_payload, memo, ctx) => ({ made: ctx.children.length, of: memo.count }),
   * })
   * ```
   */
  task<
    const Type extends string,
    Payload extends StandardSchemaV1,
    Memo,
    Returned extends StandardSchemaV1.InferInput<Result>,
    Result extends StandardSchemaV1 = StandardSchemaV1<unknown, unknown>,
  >(
    type: Type extends TypeName<Types> ? `There is a type "${Type}" already` : Type,
    options: FinalizedOptions<Payload, Result, Memo, Returned, State, App, Env, Name, Types>,
  ): Domain<
    Name,
    Types & {
      [Key in Type]: TaskType<StandardSchemaV1.InferInput<Payload>, StandardSchemaV1.InferOutput<Payload>, ResultType<Result, Returned>>;
    },
    State,
    App,
    Env
  >;

  /**
   * Adds a type that pull workers do, in whatever language: they claim its tasks over HTTP, or by `handle.claim`. The
   * result is what its schema says, else any JSON.
   *
   * @example `.task("transcode", { payload: z.object({ object: z.string() }), pull: true })`
   */
  task<const Type extends string, Payload extends StandardSchemaV1, Result extends StandardSchemaV1 = StandardSchemaV1<unknown, unknown>>(
    type: Type extends TypeName<Types> ? `There is a type "${Type}" already` : Type,
    options: PullOptions<Payload, Result>,
  ): Domain<
    Name,
    Types & {
      [Key in Type]: TaskType<StandardSchemaV1.InferInput<Payload>, StandardSchemaV1.InferOutput<Payload>, ResultType<Result, Json>>;
    },
    State,
    App,
    Env
  >;

  /**
   * Declares a schedule: a task that is submitted again and again. Changed here: changed in the mill at the next
   * deploy; gone from here: paused there.
   *
   * @param name a letter, then at most 127 of a-z, A-Z, 0-9, . _ and -
   * @example `.schedule("nightly", { type: "resize", payload: { object: "logo", width: 64 }, cron: "30 2 * * *", timezone: "Europe/Berlin" })`
   */
  schedule<Type extends TypeName<Types>>(name: string, options: ScheduleOptions<Types, Type>): Domain<Name, Types, State, App, Env>;

  /**
   * Declares a singleton: a task without payload of which exactly one lives, and which nobody submits. Each round is a task
   * with an id of its own; when one has ended, in whatever way, the next comes after `every`, or at once. After failed
   * rounds it comes later and later: 1 s, 2 s, … at most 5 minutes, or `every` where that is more.
   *
   * @param name of its type; taken once, like any
   * @example `.singleton("gc", { every: "1h", execute: async (ctx) => { await sweep(ctx.state.bucket, ctx.signal); } })`
   */
  singleton<
    const Type extends string,
    Returned extends StandardSchemaV1.InferInput<Result>,
    Result extends StandardSchemaV1 = StandardSchemaV1<unknown, unknown>,
  >(
    name: Type extends TypeName<Types> ? `There is a type "${Type}" already` : Type,
    options: SingletonOptions<Result, Returned, State, App, Env>,
  ): Domain<Name, Types & { [Key in Type]: TaskType<never, null, ResultType<Result, Returned>> }, State, App, Env>;

  /**
   * Startup jobs: runs in the Worker once per deploy, after the first request or cron tick, unless `MILLRACE_MODE` is `none`
   * or missing. What it submits goes out when it has returned, all of it or nothing; keys keep a later deploy from submitting
   * what is still there. A throw is logged, and it runs again.
   *
   * @example
   * ```ts
   * .onStart((jobs, mode) => { if (mode === "production") jobs.submit("warm", { region: "eu" }, { key: "sentinel" }); })
   * ```
   */
  onStart(action: (jobs: StartJobs<Types>, mode: StartMode) => unknown): Domain<Name, Types, State, App, Env>;
}

/** What `defineDomain<App>()` answers with: `defineDomain` for an app of that shape. */
export type DomainStarter<App, Env> = <const Name extends string, State = undefined>(
  name: Name,
  options?: DomainOptions<State, Env>,
) => Domain<Name, unknown, State, App, Env>;

/**
 * Begins the definition of a domain. It is checked by `createMill`, together with all others.
 *
 * @param name a lower-case letter, then at most 62 of a-z, 0-9 and -; not `constructor`
 * @example
 * ```ts
 * export const media = defineDomain("media", { state: (env: Env) => ({ bucket: env.MEDIA }), maxConcurrency: 4 })
 *   .task("resize", { payload: Resize, execute: (payload, ctx) => resize(ctx.state.bucket, payload) });
 * ```
 * With an app of its own shape: `defineDomain<{ db: Database }>()("media", …)`.
 */
export function defineDomain<const Name extends string, State = undefined, Env = Cloudflare.Env>(
  name: Name,
  options?: DomainOptions<State, Env>,
): Domain<Name, unknown, State, MillApp, Env>;
export function defineDomain<App, Env = Cloudflare.Env>(): DomainStarter<App, Env>;
export function defineDomain(name?: string, options: object = {}): unknown {
  if (arguments.length === 0) return (late: string, given: object = {}) => begin(late, given);
  return begin(name as string, options);
}

function begin(name: string, given: object): Definition {
  const options = isObject(given) ? (given as DomainOptions<unknown, never>) : {};
  const problems = isObject(given) ? [] : [`${name}: the options of a domain must be an object.`];
  problems.push(...optionProblems("domain", String(name), options));
  return new Definition({
    name,
    state: options.state,
    maxConcurrency: options.maxConcurrency,
    defaults: options.defaults ?? {},
    history: options.history ?? {},
    gate: options.gate,
    rates: options.rates ?? {},
    preemptAt: options.preemptAt,
    pressure: read(problems, String(name), () => (options.pressure === undefined ? undefined : parsePressurePolicy(options.pressure))),
    types: new Map(),
    schedules: [],
    startup: undefined,
    "~problems": problems,
  });
}

/** What is said there, or the problem with it. */
function read<Value>(problems: string[], where: string, parse: () => Value): Value | undefined {
  try {
    return parse();
  } catch (error) {
    if (!MillraceError.is(error)) throw error;
    problems.push(`${where}: ${error.message}`);
    return undefined;
  }
}

type Parts = DomainDefinition & { readonly "~problems": readonly string[] };

/** The one implementation behind the typed interface; nothing in it throws, so that `createMill` can tell everything at once. */
class Definition implements Parts {
  declare readonly name: string;
  declare readonly state: ((env: never) => unknown) | undefined;
  declare readonly maxConcurrency: number | undefined;
  declare readonly defaults: Defaults;
  declare readonly history: History;
  declare readonly preemptAt: DomainDefinition["preemptAt"];
  declare readonly gate: DomainDefinition["gate"];
  declare readonly rates: DomainDefinition["rates"];
  declare readonly pressure: DomainDefinition["pressure"];
  declare readonly types: ReadonlyMap<string, TypeDefinition>;
  declare readonly schedules: readonly ScheduleDefinition[];
  declare readonly startup: DomainDefinition["startup"];
  declare readonly "~problems": readonly string[];

  constructor(parts: Parts) {
    Object.assign(this, parts);
  }

  task(name: string, given: unknown): Definition {
    const where = `${this.name}::${name}`;
    if (!isObject(given)) return this.#with({}, `${where}: the options of a task type must be an object with payload and execute.`);
    return this.#add(name, typeDefinition(name, given), optionProblems("task", where, given));
  }

  schedule(name: string, given: unknown): Definition {
    const where = `${this.name}, schedule "${name}"`;
    if (!isObject(given))
      return this.#with({}, `${where}: the options of a schedule must be an object with type, payload and every or cron.`);
    const problems = optionProblems("schedule", where, given);
    if (given["dependsOn"] !== undefined)
      problems.push(`${where}: code knows no ids of tasks to depend on (dependsOn); make such a schedule by a call.`);
    if (this.schedules.some((other) => other.name === name)) problems.push(`${this.name}: there are two schedules "${name}"; rename one.`);
    const { type, payload, ...spec } = given as unknown as { type: string; payload: Json } & ScheduleSpec;
    return this.#with({ schedules: [...this.schedules, { name, type, payload, spec }] }, ...problems);
  }

  singleton(name: string, given: unknown): Definition {
    const where = `${this.name}::${name}`;
    if (!isObject(given)) return this.#with({}, `${where}: the options of a singleton must be an object with execute.`);
    return this.#add(name, singletonDefinition(name, given), optionProblems("singleton", where, given));
  }

  onStart(action: unknown): Definition {
    if (typeof action !== "function") return this.#with({}, `${this.name}: onStart takes a function of jobs and mode.`);
    if (this.startup) return this.#with({}, `${this.name}: there are two onStart; make one of them.`);
    return this.#with({ startup: action as NonNullable<DomainDefinition["startup"]> });
  }

  #add(name: string, type: TypeDefinition, problems: string[]): Definition {
    if (this.types.has(name)) problems.push(`${this.name}: there are two types "${name}"; rename one.`);
    return this.#with({ types: new Map(this.types).set(name, type) }, ...problems);
  }

  #with(change: Partial<Parts>, ...problems: string[]): Definition {
    return new Definition({ ...(this as Parts), ...change, "~problems": [...this["~problems"], ...problems] });
  }
}
