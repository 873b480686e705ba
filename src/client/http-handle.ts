import type { BulkFilter } from "../domains/bulk.ts";
import type { ClaimOptions } from "../domains/claim-options.ts";
import type {
  CallOptions,
  ClaimedTask,
  DomainHandle,
  ListQuery,
  ScheduleChange,
  ScheduleHandle,
  SubmitOptions,
  Submitted,
  TaskHandle,
  WaitOptions,
} from "../domains/handle.ts";
import { toJson } from "../domains/json.ts";
import { type Listing, listing } from "../domains/listing.ts";
import type { Graph, Outcome, ResultAnswer, Schedule, Task, Why } from "../domains/task.ts";
import type { DomainSnapshot, Drained } from "../durable/protocol.ts";
import type { Duration } from "../policy/duration.ts";
import { fail, MillraceError } from "../policy/errors.ts";
import type { BulkAction } from "../policy/bulk.ts";
import type { RateOptions } from "../policy/group-rules.ts";
import type { RetryPolicy } from "../policy/retry.ts";
import { eitherOf } from "./abort.ts";
import { claimOverHttp } from "./claims.ts";
import { bulkVerbs } from "./bulk.ts";
import { awaitResult } from "./await-result.ts";
import { drainWith } from "./drain.ts";
import { httpEvents } from "./http-events.ts";
import type { Call, Http } from "./http.ts";
import { httpLooks } from "./looks.ts";
import { instantText, search } from "./search.ts";
import { segment } from "./segment.ts";
import { checkScheduleId, taskArguments } from "./task-arguments.ts";

type Method = Call["method"];
/** How much longer than its wait a long poll may take before it counts as lost. */
const POLL_GRACE_MS = 15_000;

/** The verbs of a domain over HTTP; what `client.domain` gives. */
export function httpHandle<Name extends string, Types>(http: Http, name: Name): DomainHandle<Name, Types> {
  const path = `/v1/domains/${encodeURIComponent(name)}`;
  const looks = httpLooks((below, query) => http.ask({ method: "GET", path: `${path}${below}`, query }));
  const bulk = bulkVerbs({
    clock: http.clock,
    start: (action, filter, { idempotencyKey }) =>
      http.ask({ method: "POST", path: `${path}/bulk`, body: bulkBody(action, filter), idempotencyKey }),
    match: (action, filter) => http.ask({ method: "POST", path: `${path}/bulk`, body: bulkBody(action, filter, true) }),
    get: async (id) => http.ask({ method: "GET", path: `/v1/bulk/${segment(id, "bulk_not_found")}` }),
  });
  return Object.assign(new HttpHandle(http, name), looks, bulk, httpEvents(name, http)) as unknown as DomainHandle<Name, Types>;
}

class HttpHandle {
  readonly name: string;
  readonly #http: Http;
  readonly #path: string;

  constructor(http: Http, name: string) {
    this.name = name;
    this.#http = http;
    this.#path = `/v1/domains/${segment(name, "unknown_domain")}`;
  }

  async submit(type: string, payload: unknown, options: SubmitOptions & CallOptions = {}): Promise<Submitted> {
    const { idempotencyKey, ...own } = options;
    const body = taskBody(type, payload, own);
    const outcome = await this.#http.ask<Outcome>({ method: "POST", path: `${this.#path}/tasks`, body, idempotencyKey });
    return { ...outcomeOf(outcome), type, domain: this.name };
  }

  async submitAll(items: readonly ({ type: string; payload: unknown } & SubmitOptions)[], options: CallOptions = {}): Promise<Submitted[]> {
    if (items.length === 0) return [];
    const body = `{"tasks":[${items.map(({ type, payload, ...own }) => taskBody(type, payload, own)).join(",")}]}`;
    const call: Call = { method: "POST", path: `${this.#path}/tasks/batch`, body, idempotencyKey: options.idempotencyKey };
    const { outcomes } = await this.#http.ask<{ outcomes: Outcome[] }>(call);
    return outcomes.map((outcome, index) => ({ ...outcomeOf(outcome), type: items[index]!.type, domain: this.name }));
  }

  task(first: unknown, second?: unknown): TaskHandle {
    const { type, id } = taskArguments(this.name, first, second);
    return new HttpTask(this.#http, type, id);
  }

  with({ signal }: { signal: AbortSignal }): DomainHandle {
    return httpHandle(this.#http.with(signal), this.name);
  }

  list(query: ListQuery = {}): Listing<Task> {
    return this.#list("tasks", query);
  }

  async count(query: ListQuery = {}): Promise<number> {
    return (await this.#http.ask<{ count: number }>({ method: "GET", path: `${this.#path}/tasks/count`, query: search(query) })).count;
  }

  deadLetters(query: ListQuery = {}): Listing<Task> {
    return this.list({ ...query, status: "dead_letter" });
  }

  schedule(first: object | string): ScheduleHandle | Promise<Schedule> {
    if (typeof first === "string") {
      checkScheduleId(this.name, first);
      return scheduleHandle(this.#http, first);
    }
    const { type, payload, ...own } = first as { type: string; payload: unknown } & SubmitOptions;
    return this.#http.ask<Schedule>({ method: "POST", path: `${this.#path}/schedules`, body: taskBody(type, payload, own) });
  }

  schedules(query: { limit?: number; cursor?: string } = {}): Listing<Schedule> {
    return this.#list("schedules", query);
  }

  claim(options: ClaimOptions): Promise<ClaimedTask[]> {
    return claimOverHttp(this.#http, this.#path, options);
  }

  pause(): Promise<DomainSnapshot> {
    return this.#http.ask({ method: "POST", path: `${this.#path}/pause` });
  }

  async drain(options?: { timeout?: Duration }): Promise<DomainSnapshot & Drained> {
    const ask = (timeout: number) =>
      this.#http.ask<DomainSnapshot & Drained>({ method: "POST", path: `${this.#path}/drain`, body: JSON.stringify({ timeout }) });
    return drainWith(ask, options, this.#http.clock);
  }

  resume(): Promise<DomainSnapshot> {
    return this.#http.ask({ method: "POST", path: `${this.#path}/resume` });
  }

  setMaxConcurrency(maxConcurrency: number | null): Promise<DomainSnapshot> {
    return this.#http.ask({ method: "PATCH", path: this.#path, body: JSON.stringify({ maxConcurrency }) });
  }

  setRate(type: string, rate: RateOptions | null): Promise<DomainSnapshot> {
    return this.#http.ask({ method: "PATCH", path: this.#path, body: JSON.stringify({ rates: { [type]: rate } }) });
  }

  snapshot(): Promise<DomainSnapshot> {
    return this.#http.ask({ method: "GET", path: this.#path });
  }

  #list<Item>(what: string, query: ListQuery): Listing<Item> {
    return listing(async (cursor = query.cursor) =>
      this.#http.ask({ method: "GET", path: `${this.#path}/${what}`, query: search({ ...query, cursor }) }),
    );
  }
}

class HttpTask implements TaskHandle {
  readonly id: string;
  readonly type: string;
  readonly #http: Http;
  readonly #path: string;

  constructor(http: Http, type: string, id: string) {
    this.id = id;
    this.type = type;
    this.#http = http;
    this.#path = `/v1/tasks/${encodeURIComponent(id)}`;
  }

  get(): Promise<Task> {
    return this.#ask("GET");
  }

  result({ timeout, signal }: WaitOptions = {}): Promise<unknown> {
    const options = { timeout, signal: eitherOf(signal, this.#http.signal) };
    return awaitResult(this.id, (waitMs, until) => this.#poll(waitMs, until), options, this.#http.clock);
  }

  cancel(): Promise<Task> {
    return this.#ask("POST", "/cancel");
  }

  retry({ payload }: { payload?: unknown } = {}): Promise<Task> {
    return this.#ask(
      "POST",
      "/retry",
      payload === undefined ? undefined : `{"payload":${toJson(payload, `The payload of ${this.type}`).text}}`,
    );
  }

  backfill(): Promise<Task> {
    return this.#ask("POST", "/backfill");
  }

  runNow(): Promise<Task> {
    return this.#ask("POST", "/run-now");
  }

  graph(): Promise<Graph> {
    return this.#ask("GET", "/graph");
  }

  why(): Promise<Why> {
    return this.#ask("GET", "/why");
  }

  /** One long poll; `awaitResult` repeats it. */
  async #poll(waitMs: number, signal: AbortSignal | undefined): Promise<ResultAnswer> {
    // A connection that died silently must not hold the wait for ever.
    const lost = new AbortController();
    const stop = this.#http.clock.after(waitMs + POLL_GRACE_MS, () =>
      lost.abort(fail("domain_unreachable", "The long poll got no answer in time.")),
    );
    try {
      const answer = await this.#http.ask<{ status: Task["status"]; result?: Task["result"] }>({
        method: "GET",
        path: `${this.#path}/result`,
        query: new URLSearchParams({ wait: `${waitMs}ms` }),
        signal: eitherOf(signal, lost.signal),
        retries: 0,
      });
      if (answer.status === "completed") return { status: "completed", result: answer.result ?? null };
      return { status: answer.status, error: null, ended: false };
    } catch (error) {
      return ended(error);
    } finally {
      stop();
    }
  }

  #ask<Answer>(method: Method, verb = "", body?: string): Promise<Answer> {
    return this.#http.ask<Answer>({ method, path: `${this.#path}${verb}`, ...(body === undefined ? {} : { body }) });
  }
}

/** 409 with a status says how the task ended; everything else goes on as it is. */
function ended(error: unknown): ResultAnswer {
  if (!MillraceError.is(error, "invalid_state") || typeof error.facts.status !== "string") throw error;
  return { status: error.facts.status as Task["status"], error: (error.facts.error ?? null) as Task["error"], ended: true };
}

function scheduleHandle(http: Http, id: string): ScheduleHandle {
  const path = `/v1/schedules/${encodeURIComponent(id)}`;
  const act =
    (method: Method, verb = "") =>
    () =>
      http.ask<Schedule>({ method, path: `${path}${verb}` });
  const update = (change: ScheduleChange) => http.ask<Schedule>({ method: "PATCH", path, body: changeBody(change) });
  return {
    id,
    get: act("GET"),
    update,
    pause: act("POST", "/pause"),
    resume: act("POST", "/resume"),
    trigger: act("POST", "/trigger"),
    delete: act("DELETE"),
  };
}

function bulkBody(action: BulkAction, { since, until, ...filter }: BulkFilter, dryRun?: true): string {
  const times = Object.entries({ since, until }).flatMap(([name, at]) => (at === undefined ? [] : [[name, instantText(at)] as const]));
  return JSON.stringify({ action, filter: { ...filter, ...Object.fromEntries(times) }, dryRun });
}

function changeBody({ payload, retry, ...change }: ScheduleChange): string {
  const rest = JSON.stringify({ ...change, ...(retry === undefined ? {} : { retry: policyBody(retry) }) });
  if (payload === undefined) return rest;
  return `${rest.slice(0, -1)}${rest === "{}" ? "" : ","}"payload":${toJson(payload, "The payload of a schedule").text}}`;
}

/** A task as JSON: the payload checked, a retry policy in the words of the API. */
function taskBody(type: string, payload: unknown, { retry, ...options }: SubmitOptions): string {
  const rest = { type, ...options, ...(retry === undefined ? {} : { retry: policyBody(retry) }) };
  return `${JSON.stringify(rest).slice(0, -1)},"payload":${toJson(payload, `The payload of ${type}`).text}}`;
}

function policyBody({ kind, attempts, initialMs, maxMs, jitter }: RetryPolicy): object {
  return { kind, attempts, initial: initialMs, jitter, ...(kind === "constant" ? {} : { max: maxMs }) };
}

/** Of an answer to a submit what the handle promises, without the task. */
function outcomeOf(answer: Outcome): Outcome {
  const { outcome, id } = answer;
  return answer.outcome === "superseded" ? { outcome: "superseded", id, replacedId: answer.replacedId } : ({ outcome, id } as Outcome);
}
