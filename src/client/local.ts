import { type Clock, systemClock } from "../clock.ts";
import type { DomainDefinition, Registry } from "../domains/definition.ts";
import type { ClaimOptions } from "../domains/claim-options.ts";
import type {
  ClaimedTask,
  DomainHandle,
  ListQuery,
  NewSchedule,
  ScheduleHandle,
  SubmitOptions,
  CallOptions,
  Submitted,
  TaskHandle,
} from "../domains/handle.ts";
import type { DomainBulk } from "../domains/bulk.ts";
import { parentOf } from "../domains/child.ts";
import { findDomain } from "../domains/find.ts";
import { prepare, prepareAll } from "../domains/prepare.ts";
import { prepareSchedule, prepareScheduleChange } from "../domains/schedule.ts";
import { type Listing, listing } from "../domains/listing.ts";
import type { Schedule, Task } from "../domains/task.ts";
import type { DomainApi, DomainSnapshot, Drained, SubmitAnswer, SubmitItem, SubmitRequest } from "../durable/protocol.ts";
import type { Duration } from "../policy/duration.ts";
import type { RateOptions } from "../policy/group-rules.ts";
import { canonicalJson, duplicateHash } from "../policy/key.ts";
import { parseTaskId } from "../policy/ids.ts";
import { parseRates } from "../policy/rate.ts";
import { boundTo, eitherOf } from "./abort.ts";
import { claimLocally } from "./claims.ts";
import { checkCap, checkIdempotencyKey, type AnyBatchItem } from "./arguments.ts";
import { bulkVerbs } from "./bulk.ts";
import { drainWith } from "./drain.ts";
import { localLooks } from "./looks.ts";
import { type Listen, localEvents } from "./local-events.ts";
import { readBulkFilter, readQuery } from "./query.ts";
import { LocalTask } from "./local-task.ts";
import { checkScheduleId, taskArguments } from "./task-arguments.ts";

/** Where handles inside the Worker take their objects, time and idempotency keys from. */
export interface LocalOptions {
  /** Object of a domain by name; `reachDomain` of `durable/reach.ts`. */
  reach: (name: string) => DomainApi;
  /** `listenTo` of `durable/listen.ts`. */
  listen?: Listen;
  clock?: Clock;
  /** When it aborts, no handle waits any more; `reach` is bound to it already. */
  signal?: AbortSignal;
  /** A key for a submit that names none; how a cron tick submits at most once. */
  idempotencyKey?: () => string | undefined;
}

/** The verbs of a domain over RPC to its object; what `mill.domain` and `ctx.domain` give. */
export function localHandle<Name extends string, Types>(
  registry: Registry,
  domain: DomainDefinition,
  options: LocalOptions,
): DomainHandle<Name, Types> {
  const handle = new LocalHandle(registry, domain, options);
  return Object.assign(
    handle,
    localLooks(() => options.reach(domain.name)),
    localBulk(domain.name, options),
    localEvents(domain.name, options.listen, options.clock ?? systemClock, options.signal),
  ) as unknown as DomainHandle<Name, Types>;
}

function localBulk(name: string, { reach, clock = systemClock, idempotencyKey }: LocalOptions): DomainBulk {
  return bulkVerbs({
    clock,
    start: async (action, filter, { idempotencyKey: key = idempotencyKey?.() }) => {
      const request = { action, filter: readBulkFilter(name, action, filter) };
      const body = canonicalJson(request);
      return reach(name).startBulk(key === undefined ? request : { ...request, idempotency: idempotencyOf(name, key, body) });
    },
    match: async (action, filter) => reach(name).look("bulkMatch", { action, filter: readBulkFilter(name, action, filter) }),
    get: async (id) => reach(name).look("bulk", { id }),
  });
}

/** A key is the domain's own among those of code; `body`: what must be the same when it comes again. */
function idempotencyOf(name: string, key: string, body: string): { key: string; body: string } {
  checkIdempotencyKey(key);
  return { key: `worker:${name}:${key}`, body: duplicateHash("idempotency", "payload", body) };
}

class LocalHandle {
  readonly name: string;
  readonly #registry: Registry;
  readonly #domain: DomainDefinition;
  readonly #options: LocalOptions;
  readonly #clock: Clock;

  constructor(registry: Registry, domain: DomainDefinition, options: LocalOptions) {
    this.name = domain.name;
    this.#registry = registry;
    this.#domain = domain;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  async submit(type: string, payload: unknown, options?: SubmitOptions & CallOptions): Promise<Submitted> {
    // Taken before anything is awaited, so that the keys of a cron tick follow the order of its calls.
    const [own, given] = splitKey(options);
    const key = given ?? this.#options.idempotencyKey?.();
    const item = await prepare(this.#registry, this.#domain, type, payload, own, this.#clock);
    const [outcome] = (await this.#submit([item], key)).outcomes;
    return { ...outcome!, type, domain: this.name };
  }

  async submitAll(items: readonly AnyBatchItem[], options?: CallOptions): Promise<Submitted[]> {
    const key = options?.idempotencyKey ?? this.#options.idempotencyKey?.();
    if (items.length === 0) return [];
    const ready = await prepareAll(this.#registry, this.#domain, items, undefined, this.#clock);
    const { outcomes } = await this.#submit(ready, key);
    return outcomes.map((outcome, index) => ({ ...outcome, type: ready[index]!.type, domain: this.name }));
  }

  task(first: unknown, second?: unknown): TaskHandle {
    const { type, id } = taskArguments(this.name, first, second);
    return new LocalTask({ registry: this.#registry, domain: this.#domain, type, id, options: this.#options, clock: this.#clock });
  }

  with({ signal }: { signal: AbortSignal }): DomainHandle {
    const { reach } = this.#options;
    const options = {
      ...this.#options,
      reach: (name: string) => boundTo(reach(name), signal),
      signal: eitherOf(this.#options.signal, signal)!,
    };
    return localHandle(this.#registry, this.#domain, options);
  }

  list(query: ListQuery = {}): Listing<Task> {
    return listing(async (cursor = query.cursor) => {
      const { items, next } = await this.#api.list(readQuery({ ...query, cursor }));
      return { items, next: next === null ? null : String(next) };
    });
  }

  count(query?: ListQuery): Promise<number> {
    return this.#api.count(readQuery(query));
  }

  deadLetters(query?: ListQuery): Listing<Task> {
    return this.list({ ...query, status: "dead_letter" });
  }

  schedule(first: NewSchedule<Record<string, never>> | string): ScheduleHandle | Promise<Schedule> {
    return typeof first === "string" ? this.#scheduleHandle(first) : this.#createSchedule(first);
  }

  schedules(query: { limit?: number; cursor?: string } = {}): Listing<Schedule> {
    return listing(async (cursor = query.cursor) => {
      const { limit, before } = readQuery({ ...query, cursor });
      const { items, next } = await this.#api.schedules({
        ...(limit === undefined ? {} : { limit }),
        ...(before === undefined ? {} : { before }),
      });
      return { items, next: next === null ? null : String(next) };
    });
  }

  async claim(options: ClaimOptions): Promise<ClaimedTask[]> {
    return claimLocally(this.#domain, () => this.#api, options);
  }

  pause(): Promise<DomainSnapshot> {
    return this.#api.pause();
  }

  async drain(options?: { timeout?: Duration }): Promise<DomainSnapshot & Drained> {
    return drainWith((timeoutMs, waitMs) => this.#api.drain(timeoutMs, waitMs), options, this.#clock);
  }

  resume(): Promise<DomainSnapshot> {
    return this.#api.resumeDomain();
  }

  async setMaxConcurrency(maxConcurrency: number | null): Promise<DomainSnapshot> {
    return this.#api.configure({ maxConcurrency: checkCap(maxConcurrency) });
  }

  async setRate(type: string, rate: RateOptions | null): Promise<DomainSnapshot> {
    return this.#api.configure({ rates: parseRates({ [type]: rate }) });
  }

  snapshot(): Promise<DomainSnapshot> {
    return this.#api.snapshot();
  }

  get #api(): DomainApi {
    return this.#options.reach(this.name);
  }

  async #createSchedule(given: object): Promise<Schedule> {
    const input = await prepareSchedule(this.#registry, this.#domain, given as Record<string, unknown>, this.#clock);
    return (await this.#api.createSchedule(input)).schedule;
  }

  #scheduleHandle(id: string): ScheduleHandle {
    checkScheduleId(this.name, id);
    const act = (action: "pause" | "resume" | "trigger" | "delete") => () => this.#api.scheduleAction(id, action);
    const update = async (change: object): Promise<Schedule> => {
      const input = await prepareScheduleChange(
        this.#registry,
        this.#domain,
        await this.#api.schedule(id),
        change as Record<string, unknown>,
        this.#clock,
      );
      return this.#api.updateSchedule(id, input);
    };
    return {
      id,
      get: () => this.#api.schedule(id),
      update,
      pause: act("pause"),
      resume: act("resume"),
      trigger: act("trigger"),
      delete: act("delete"),
    };
  }

  /** Children go to their parent's object. */
  #submit(items: SubmitItem[], key: string | undefined): Promise<SubmitAnswer> {
    const request = this.#request(items, key);
    const parent = parentOf(items);
    if (parent === undefined) return this.#api.submit(request);
    const { name } = findDomain(this.#registry, parseTaskId(parent)!.domain);
    return this.#options.reach(name).submit({ ...request, domain: this.name });
  }

  #request(items: SubmitItem[], key: string | undefined): SubmitRequest {
    return key === undefined ? { items } : { items, idempotency: idempotencyOf(this.name, key, canonicalJson(items)) };
  }
}

/** The submit's own options, and the call's. No copy where there is no key: this is the hot path. */
function splitKey(options: (SubmitOptions & CallOptions) | undefined): [own: Record<string, unknown> | undefined, key: string | undefined] {
  if (options === undefined) return [undefined, undefined];
  if (options.idempotencyKey === undefined) return [options as Record<string, unknown>, undefined];
  const { idempotencyKey, ...own } = options;
  return [own, idempotencyKey];
}
