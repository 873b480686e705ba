import type { ClaimedTask, DomainHandle, MillEvent, MillHandle } from "millrace";
import type { TypesOf } from "../../../src/domains/ref.ts";
import type { other, work } from "../../worker/domains.ts";
import { gate } from "../../worker/script.ts";

type Work = DomainHandle<"work", TypesOf<typeof work>>;
type Other = DomainHandle<"other", TypesOf<typeof other>>;

/** The mill over one of its transports; `stranger` is a domain that it does not have. */
export interface Way {
  mill: MillHandle;
  work: Work;
  other: Other;
  stranger: () => DomainHandle;
}

/** What earlier steps leave to later ones. */
export interface Kept {
  id: string;
  schedule: string;
  claim: ClaimedTask;
}

/** One call and what it gives, whatever the transport. `refused` is the error's code. */
export interface Step {
  /** Of which handle. */
  of: "domain" | "task" | "schedule" | "claim" | "mill" | "group";
  verb: string;
  does: string;
  run: (way: Way, kept: Kept) => unknown;
  gives: unknown;
}

const refused = (code: string, facts: object = {}) => ({ refused: code, facts });
const play = (name: string, what: "ok" | "fail" | "permanent" | "hold" = "ok") => ({ do: what, name }) as const;
// What a caller without types may send.
const any = (value: unknown): never => value as never;

type Run = Step["run"];
const all = (of: Step["of"], verb: string, rows: readonly [string, Run, unknown][]): Step[] =>
  rows.map(([does, run, gives]) => ({ of, verb, does, run, gives }));
const each = (of: Step["of"], rows: readonly [string, string, Run, unknown][]): Step[] =>
  rows.map(([verb, does, run, gives]) => ({ of, verb, does, run, gives }));
const mixed = (rows: readonly [Step["of"], string, string, Run, unknown][]): Step[] =>
  rows.map(([of, verb, does, run, gives]) => ({ of, verb, does, run, gives }));

const submits: Step[] = all("domain", "submit", [
  ["a new task", (w) => w.work.submit("play", play("a")), { outcome: "inserted", id: "work_1", type: "play", domain: "work" }],
  [
    "every option at once",
    (w) =>
      w.work.submit("play", play("options"), {
        key: "k",
        label: "all",
        priority: "high",
        delay: "1h",
        ttl: "2h",
        ttlFrom: "firstAttempt",
        timeout: "1m",
        deadline: "1d",
        tags: { a: "1" },
        retry: { kind: "constant", attempts: 1, initialMs: 5, maxMs: 5, jitter: "none" },
        onDuplicate: "reject",
        group: "g",
        failFast: false,
      }),
    { outcome: "inserted", id: "work_2" },
  ],
  [
    "a key that is held",
    (w) => w.work.submit("play", play("options"), { key: "k", onDuplicate: "reject" }),
    refused("rejected_duplicate", { id: "work_2" }),
  ],
  ["a duplicate", (w) => w.work.submit("play", play("options"), { key: "k" }), { outcome: "duplicate", id: "work_2" }],
  [
    "a successor",
    (w) => w.work.submit("play", play("other"), { key: "k", delay: "1h", onDuplicate: "supersede" }),
    { outcome: "superseded", id: "work_2", replacedId: "work_3" },
  ],
  [
    "with an idempotency key",
    (w) => w.work.submit("plain", { n: 1 }, { delay: "1h", idempotencyKey: "once" }),
    { outcome: "inserted", id: "work_4" },
  ],
  [
    "the same again",
    (w) => w.work.submit("plain", { n: 1 }, { delay: "1h", idempotencyKey: "once" }),
    { outcome: "inserted", id: "work_4" },
  ],
  [
    "another one under that key",
    (w) => w.work.submit("plain", { n: 2 }, { delay: "1h", idempotencyKey: "once" }),
    refused("idempotency_conflict"),
  ],
  ["an idempotency key that is none", (w) => w.work.submit("plain", { n: 1 }, { idempotencyKey: "é" }), refused("invalid_request")],
  ["a misspelt type", (w) => w.work.submit(any("pley"), play("a")), refused("unknown_type", { didYouMean: "play" })],
  ["a bad payload", (w) => w.work.submit("plain", any({ n: "1" })), refused("invalid_payload", { issues: [{ path: "n" }] })],
  ["a payload that is no JSON", (w) => w.work.submit("plain", any({ n: 1n })), refused("invalid_payload")],
  ["a payload that is too large", (w) => w.work.submit("play", { name: "x".repeat(1 << 20) }), refused("payload_too_large")],
  [
    "an unknown option",
    (w) => w.work.submit("plain", { n: 1 }, any({ prority: 3 })),
    refused("invalid_request", { didYouMean: "priority" }),
  ],
  ["a bad duration", (w) => w.work.submit("plain", { n: 1 }, { delay: any("soon") }), refused("invalid_request")],
  ["a bad tag", (w) => w.work.submit("plain", { n: 1 }, { tags: { "": "x" } }), refused("invalid_tag")],
  [
    "a dependency that does not exist",
    (w) => w.work.submit("plain", { n: 1 }, { dependsOn: ["work_999"] }),
    refused("invalid_dependency", { id: "work_999" }),
  ],
  ["a parent that has ended", (w) => w.work.submit("plain", { n: 1 }, { parent: "work_1" }), refused("invalid_state")],
  ["to a domain that is none", async (w) => w.stranger().submit(any("x"), any({})), refused("unknown_domain", { didYouMean: "other" })],
]);

const batches: Step[] = all("domain", "submitAll", [
  ["nothing", (w) => w.work.submitAll([]), []],
  [
    "two, one after the other",
    (w) =>
      w.work.submitAll([
        { type: "plain", payload: { n: 1 }, delay: "1h" },
        { type: "play", payload: play("b"), delay: "1h", dependsOn: [{ index: 0 }], onDependencyFailure: "ignore" },
      ]),
    [
      { id: "work_5", type: "plain" },
      { id: "work_6", type: "play" },
    ],
  ],
  [
    "one that is bad, so none",
    (w) =>
      w.work.submitAll([
        { type: "plain", payload: { n: 1 } },
        { type: "plain", payload: any({}) },
      ]),
    refused("invalid_payload", { failed: [{ index: 1 }] }),
  ],
  [
    "more than fit",
    (w) => w.work.submitAll(Array.from({ length: 10_001 }, () => ({ type: "plain", payload: { n: 1 } }))),
    refused("payload_too_large"),
  ],
]);

const tasks: Step[] = each("task", [
  ["result", "of one that completes", (w) => w.work.task("play", "work_1").result(), { name: "a", attempt: 1 }],
  [
    "result",
    "not in time",
    (w) => w.work.task("plain", "work_4").result({ timeout: 0 }),
    refused("invalid_state", { ended: false, status: "scheduled" }),
  ],
  ["result", "of none", (w) => w.work.task("plain", "work_999").result(), refused("task_not_found")],
  ["result", "given up", (w) => w.work.task("plain", "work_4").result({ signal: AbortSignal.abort("enough") }), { thrown: "enough" }],
  ["get", "the whole record", (w) => w.work.task("play", "work_1").get(), { id: "work_1", status: "completed", payload: { name: "a" } }],
  ["get", "none", (w) => w.work.task("play", "work_999").get(), refused("task_not_found", { id: "work_999" })],
  ["get", "the id of another domain", async (w) => w.work.task("play", "other_1").get(), refused("task_not_found")],
  ["why", "of a delayed one", (w) => w.work.task("plain", "work_4").why(), { runnable: false, gates: [{ gate: "scheduled" }] }],
  ["why", "of none", (w) => w.work.task("plain", "work_999").why(), refused("task_not_found")],
  ["graph", "of two", (w) => w.work.task("plain", "work_5").graph(), { edges: [{ from: "work_5", to: "work_6", kind: "depends" }] }],
  ["graph", "of none", (w) => w.work.task("plain", "work_999").graph(), refused("task_not_found")],
  ["runNow", "a delayed one", (w) => w.work.task("plain", "work_4").runNow(), { id: "work_4" }],
  ["result", "of the one brought forward", (w) => w.work.task("plain", "work_4").result(), 1],
  ["runNow", "one that has ended", (w) => w.work.task("plain", "work_4").runNow(), refused("invalid_state")],
  ["cancel", "a delayed one", (w) => w.work.task("play", "work_2").cancel(), { id: "work_2", status: "cancelled" }],
  ["cancel", "one that has ended", (w) => w.work.task("play", "work_1").cancel(), refused("invalid_state")],
  ["cancel", "none", (w) => w.work.task("play", "work_999").cancel(), refused("task_not_found")],
  [
    "result",
    "of a cancelled one",
    (w) => w.work.task("play", "work_2").result(),
    refused("invalid_state", { status: "cancelled", ended: true }),
  ],
  ["retry", "with another payload", (w) => w.work.task("play", "work_1").retry({ payload: play("again") }), { id: "work_1" }],
  ["result", "of the retry", (w) => w.work.task("play", "work_1").result(), { name: "again" }],
  ["retry", "with a bad payload", (w) => w.work.task("play", "work_1").retry({ payload: any({ do: 7 }) }), refused("invalid_payload")],
  ["retry", "as it was", (w) => w.work.task("play", "work_1").retry(), { id: "work_1" }],
  ["result", "of that", (w) => w.work.task("play", "work_1").result(), { name: "again" }],
  ["retry", "one that is active", (w) => w.work.task("plain", "work_5").retry(), refused("invalid_state")],
  ["backfill", "one that is active", (w) => w.work.task("plain", "work_5").backfill(), refused("invalid_state")],
  ["backfill", "one that has ended", (w) => w.work.task("play", "work_1").backfill(), { id: "work_1" }],
  ["result", "of the backfill", (w) => w.work.task("play", "work_1").result(), { name: "again" }],
]);

/** Every item that a walk through the whole list meets. */
async function walked(list: AsyncIterable<{ id?: string }>): Promise<unknown[]> {
  const ids = [];
  for await (const item of list) ids.push(item.id);
  return ids;
}

const ALL = ["work_6", "work_5", "work_4", "work_3", "work_2", "work_1"];
const lists: Step[] = each("domain", [
  ["list", "one page", (w) => w.work.list({ limit: 2 }), { items: [{ id: "work_6" }, { id: "work_5" }] }],
  ["list", "all of it", (w) => walked(w.work.list({ limit: 2 })), ALL],
  [
    "list",
    "from where a page ended",
    async (w) => walked(w.work.list({ limit: 2, cursor: (await w.work.list({ limit: 2 })).next! })),
    ALL.slice(2),
  ],
  [
    "list",
    "by every filter",
    (w) => walked(w.work.list({ status: ["cancelled"], type: "play", key: "k", since: 0, until: new Date("2100-01-01"), q: "LAY OTHER" })),
    ["work_2"],
  ],
  ["list", "by tag and group", (w) => walked(w.work.list({ tags: { a: "1" }, group: "g", priority: "high" })), ["work_3"]],
  ["list", "with an unknown field", (w) => w.work.list(any({ state: "failed" })), refused("invalid_request")],
  ["list", "with an unknown status", (w) => w.work.list({ status: any("done") }), refused("invalid_request")],
  ["list", "since a date that is none", (w) => w.work.list({ since: new Date(Number.NaN) }), refused("invalid_request")],
  ["list", "since a text that is none", (w) => w.work.list({ since: "yesterday" }), refused("invalid_request")],
  ["list", "with a bad limit", (w) => walked(w.work.list({ limit: 501 })), refused("invalid_request")],
  ["list", "with a made-up cursor", (w) => w.work.list({ cursor: "nonsense!" }), refused("invalid_request")],
  ["count", "some", (w) => w.work.count({ type: "play" }), 4],
  ["count", "by a bad filter", (w) => w.work.count({ status: any("done") }), refused("invalid_request")],
  ["tags", "by prefix", (w) => w.work.tags({ prefix: "a" }), { keys: [{ key: "a", count: 1 }] }],
  ["tagValues", "of one key", (w) => w.work.tagValues("a"), { values: [{ value: "1", count: 1 }] }],
  ["tagValues", "of a key that is none", (w) => w.work.tagValues(""), refused("invalid_request")],
  ["failures", "none yet", (w) => w.work.failures(), { items: [] }],
  ["failures", "too many", (w) => w.work.failures({ limit: 501 }), refused("invalid_request")],
  [
    "series",
    "of one figure",
    async (w) => Object.keys((await w.work.series({ metrics: ["submitted"], step: "5m" })).metrics),
    ["submitted"],
  ],
  ["cancelWhere", "how many", (w) => w.work.cancelWhere({ type: "slow" }, { dryRun: true }), { matched: 0, exact: true }],
  ["cancelWhere", "of what has ended", (w) => w.work.cancelWhere({ status: "completed" }), refused("invalid_request")],
  ["cancelWhere", "with a page", (w) => w.work.cancelWhere(any({ limit: 5 })), refused("invalid_request")],
  ["retryWhere", "all of a type", (w) => w.work.retryWhere({ type: "slow" }, { idempotencyKey: "again" }), { id: "work_b1" }],
  ["retryWhere", "once", (w) => w.work.retryWhere({ type: "slow" }, { idempotencyKey: "again" }), { id: "work_b1" }],
  [
    "retryWhere",
    "something else under the same key",
    (w) => w.work.retryWhere({ type: "play" }, { idempotencyKey: "again" }),
    refused("idempotency_conflict"),
  ],
  ["deleteWhere", "what lives", (w) => w.work.deleteWhere({ status: "pending" }), refused("invalid_request")],
  // How far it is, only time tells.
  ["bulk", "by its id", async (w) => (await w.work.bulk("work_b1").get()).action, "retry"],
  ["bulk", "of no job", (w) => w.work.bulk("work_b9").get(), refused("bulk_not_found")],
  ["bulk", "of no id", (w) => w.work.bulk("..").get(), refused("bulk_not_found")],
  ["series", "of none", (w) => w.work.series({ metrics: any(["nothing"]) }), refused("invalid_request")],
  ["deadLetters", "none yet", (w) => w.work.deadLetters(), { items: [], next: null }],
]);

const nightly = { name: "nightly", type: "plain", payload: { n: 1 }, cron: "30 2 * * *", timezone: "Europe/Berlin" } as const;
const at = (w: Way, { schedule }: Kept) => w.work.schedule(schedule);
const schedules: Step[] = mixed([
  [
    "domain",
    "schedule",
    "a new one",
    async (w, kept) => {
      const made = await w.work.schedule(nightly);
      kept.schedule = made.id;
      return made;
    },
    { name: "nightly", type: "plain", cron: "30 2 * * *", nextRuns: { length: 5 } },
  ],
  ["domain", "schedule", "a bad cron", (w) => w.work.schedule({ ...nightly, cron: "99 * * * *" }), refused("invalid_request")],
  ["domain", "schedule", "a bad payload", (w) => w.work.schedule({ ...nightly, payload: any({}) }), refused("invalid_payload")],
  ["domain", "schedule", "the id of another domain", async (w) => w.work.schedule("other_s1").get(), refused("schedule_not_found")],
  ["domain", "schedules", "all", (w) => w.work.schedules({ limit: 1 }), { items: [{ name: "nightly" }], next: null }],
  ["domain", "schedules", "a bad limit", (w) => w.work.schedules({ limit: 0 }), refused("invalid_request")],
  ["schedule", "get", "it", (w, k) => at(w, k).get(), { name: "nightly", paused: false }],
  ["schedule", "get", "none", (w) => w.work.schedule("work_s999").get(), refused("schedule_not_found")],
  ["schedule", "update", "it", (w, k) => at(w, k).update({ payload: { n: 2 }, maxRuns: 3 }), { payload: { n: 2 }, maxRuns: 3 }],
  ["schedule", "update", "with a bad payload", (w, k) => at(w, k).update({ payload: any({}) }), refused("invalid_payload")],
  ["schedule", "pause", "it", (w, k) => at(w, k).pause(), { paused: true }],
  ["schedule", "resume", "it", (w, k) => at(w, k).resume(), { paused: false }],
  ["schedule", "trigger", "it", (w, k) => at(w, k).trigger(), { runs: 1 }],
  ["task", "result", "of its instance", (w) => w.work.task("plain", "work_7").result(), 2],
  ["schedule", "delete", "it", (w, k) => at(w, k).delete(), { name: "nightly" }],
  ["schedule", "pause", "what is gone", (w, k) => at(w, k).pause(), refused("schedule_not_found")],
]);

async function claimed(w: Way, kept: Kept, name: string): Promise<ClaimedTask> {
  await w.work.submit("pulled", play(name));
  const [claim] = await w.work.claim({ worker: "w", types: ["pulled"], wait: "5s" });
  kept.claim = claim as ClaimedTask;
  return kept.claim;
}
const leases: Step[] = mixed([
  ["domain", "claim", "nothing", (w) => w.work.claim({ worker: "w", types: ["pulled"] }), []],
  ["domain", "claim", "a type that is not pulled", (w) => w.work.claim({ worker: "w", types: ["plain"] }), refused("invalid_request")],
  ["domain", "claim", "an unknown type", (w) => w.work.claim({ worker: "w", types: any(["puled"]) }), refused("unknown_type")],
  ["domain", "claim", "a lease that is too long", (w) => w.work.claim({ worker: "w", lease: "13h" }), refused("invalid_request")],
  ["domain", "claim", "one", async (w, k) => (await claimed(w, k, "p1")).task, { id: "work_8", type: "pulled", status: "running" }],
  ["claim", "renew", "it", (_w, k) => k.claim.renew({ progress: { fraction: 0.5, message: "half" } }), { cancelled: false }],
  [
    "claim",
    "renew",
    "with a bad message",
    (_w, k) => k.claim.renew({ progress: { fraction: 1, message: any(7) } }),
    refused("invalid_request"),
  ],
  ["claim", "complete", "it", (_w, k) => k.claim.complete({ done: true }), { id: "work_8", status: "completed", result: { done: true } }],
  ["claim", "complete", "too late", (_w, k) => k.claim.complete(1), refused("lease_lost")],
  ["claim", "renew", "too late", (_w, k) => k.claim.renew(), refused("lease_lost")],
  ["claim", "release", "one", async (w, k) => (await claimed(w, k, "p2")).release(), { id: "work_9", status: "pending" }],
  [
    "claim",
    "fail",
    "it for good",
    async (w) => (await w.work.claim({ worker: "w", types: ["pulled"], wait: "5s" }))[0]!.fail(new Error("broken"), { retryable: false }),
    { id: "work_9", status: "failed", error: { message: "broken" } },
  ],
  ["claim", "release", "too late", (_w, k) => k.claim.release(), refused("lease_lost")],
  ["claim", "fail", "too late", (_w, k) => k.claim.fail("x"), refused("lease_lost")],
]);

const control: Step[] = each("domain", [
  ["snapshot", "of it", (w) => brief(w.work.snapshot()), { name: "work", paused: false, counts: { running: 0 } }],
  ["snapshot", "of none", async (w) => w.stranger().snapshot(), refused("unknown_domain")],
  ["pause", "it", (w) => brief(w.work.pause()), { paused: true }],
  ["resume", "it", (w) => brief(w.work.resume()), { paused: false }],
  ["drain", "it", (w) => brief(w.work.drain({ timeout: "1s" })), { paused: true, drained: true }],
  ["drain", "for too long", (w) => w.work.drain({ timeout: "25h" }), refused("invalid_request")],
  ["resume", "after the drain", (w) => brief(w.work.resume()), { paused: false }],
  ["setMaxConcurrency", "two", (w) => brief(w.work.setMaxConcurrency(2)), { maxConcurrency: 2 }],
  ["setMaxConcurrency", "none of its own", (w) => brief(w.work.setMaxConcurrency(null)), { maxConcurrency: null }],
  ["setMaxConcurrency", "zero", (w) => w.work.setMaxConcurrency(0), refused("invalid_request")],
  ["setRate", "of a type", async (w) => (await w.work.setRate("plain", { permits: 3, per: "1h" })).rates, { plain: { permits: 3 } }],
  ["setRate", "a bad one", (w) => w.work.setRate("plain", { permits: 0, per: "1s" }), refused("invalid_request")],
  ["setRate", "of no type", (w) => w.work.setRate(any("plian"), { permits: 1, per: "1s" }), refused("unknown_type")],
  ["setRate", "none", async (w) => Object.keys(await w.work.setRate("plain", null)).length > 0, true],
  [
    "with",
    "a signal that has aborted",
    (w) => w.work.with({ signal: AbortSignal.abort("gone") }).submit("plain", { n: 1 }),
    { thrown: "gone" },
  ],
  ["with", "one that aborts a walk", (w) => walked(w.work.with({ signal: AbortSignal.abort("gone") }).list()), { thrown: "gone" }],
  [
    "with",
    "one that aborts a wait",
    async (w) => {
      const { id } = await w.work.submit("play", play("held", "hold"));
      const stop = new AbortController();
      const waiting = w.work.with({ signal: stop.signal }).task("play", id).result();
      stop.abort("too long");
      const given = await waiting.catch((reason: unknown) => reason);
      gate("held").open();
      return [given, await w.work.task("play", id).result()];
    },
    ["too long", { name: "held" }],
  ],
  ["with", "one that does not abort", (w) => brief(w.work.with({ signal: new AbortController().signal }).snapshot()), { name: "work" }],
]);

/** Of a snapshot what does not depend on how it was asked for. */
async function brief(asked: Promise<object>): Promise<unknown> {
  const { cost: _cost, rates: _rates, holders: _holders, ...rest } = (await asked) as Record<string, unknown>;
  return rest;
}

/** Whatever became of the call, it must not have reached the mill itself. */
async function after({ mill }: Way, call: (mill: MillHandle) => Promise<unknown>): Promise<string> {
  await call(mill).catch(() => undefined);
  return (await mill.snapshot()).paused ? "the mill is paused" : "the mill goes on";
}

const mills: Step[] = mixed([
  ["mill", "snapshot", "of it", (w) => brief(w.mill.snapshot()), { maxConcurrency: 8 }],
  ["mill", "pause", "it", (w) => brief(w.mill.pause()), { paused: true }],
  ["mill", "resume", "it", (w) => brief(w.mill.resume()), { paused: false }],
  ["mill", "settings", "as they are", (w) => w.mill.settings(), { maxConcurrency: 8, aging: null }],
  ["mill", "settings", "another cap", (w) => w.mill.settings({ maxConcurrency: 9 }), { maxConcurrency: 9 }],
  ["mill", "settings", "a bad one", (w) => w.mill.settings({ maxConcurrency: 0 }), refused("invalid_request")],
  ["mill", "pressure", "some", (w) => w.mill.pressure("api", 0.5, "1m"), { composite: 0.5, sources: { api: { value: 0.5 } } }],
  ["mill", "pressure", "too much", (w) => w.mill.pressure("api", 2, "1m"), refused("invalid_request")],
  ["group", "set", "a cap", (w) => w.mill.group("g").set({ maxConcurrency: 3 }), { maxConcurrency: 3 }],
  ["group", "set", "a bad one", (w) => w.mill.group("g").set({ weight: -1 }), refused("invalid_request")],
  ["group", "pause", "a name that is a way up", async (w) => after(w, async (mill) => mill.group("..").pause()), "the mill goes on"],
  ["mill", "pressure", "of a bad name", (w) => w.mill.pressure("..", 0.5, "1m"), refused("invalid_request")],
  ["mill", "group", "a bad name", async (w) => w.mill.group("").resume(), refused("invalid_request")],
  [
    "group",
    "pause",
    "it",
    (w) => w.mill.group("g").pause({ until: "2100-01-01T00:00:00Z" }),
    { paused: true, pausedUntil: "2100-01-01T00:00:00.000Z" },
  ],
  ["group", "pause", "until the past", (w) => w.mill.group("g").pause({ until: 1 }), refused("invalid_request")],
  ["group", "resume", "it", (w) => w.mill.group("g").resume(), {}],
  ["mill", "groups", "all", async (w) => (await w.mill.groups()).map(({ name }) => name), ["g"]],
  [
    "mill",
    "list",
    "over all domains",
    async (w) => {
      await w.other.submit("play", play("o"), { delay: "1h" });
      return (await walked(w.mill.list({ limit: 3, status: "scheduled" }))).sort();
    },
    ["other_1", "work_5"],
  ],
  ["mill", "list", "a bad limit", (w) => w.mill.list({ limit: 0 }), refused("invalid_request")],
  ["mill", "list", "a made-up cursor", (w) => w.mill.list({ cursor: "made up" }), refused("invalid_request")],
  ["mill", "audit", "a made-up cursor", (w) => w.mill.audit({ cursor: "made up" }), refused("invalid_request")],
]);

/** The first so many events, and that the loop can be left. */
async function heard(events: AsyncIterable<MillEvent>, count: number): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const { seq: _seq, at: _at, ...event } of events) if (found.push(event) >= count) break;
  return found;
}

const events: Step[] = mixed([
  [
    "domain",
    "events",
    "since the beginning, of one name",
    (w) => heard(w.work.events({ since: 0, events: ["domain.paused", "domain.resumed"] }), 2),
    [{ event: "domain.paused", domain: "work" }, { event: "domain.resumed" }],
  ],
  [
    "domain",
    "events",
    "of a task, as they come",
    async (w) => {
      const { id } = await w.work.submit("play", play("seen"), { delay: "1h", tags: { seen: "1" } });
      const [event] = await heard(w.work.events({ since: 0, task: id, type: "play", tags: { seen: "1" } }), 1);
      return event;
    },
    { event: "task.submitted", type: "play", label: "play seen", tags: { seen: "1" } },
  ],
  ["domain", "events", "of another domain's task", (w) => heard(w.work.events({ task: "other_1" }), 1), refused("invalid_request")],
  ["domain", "events", "a bad name", (w) => heard(w.work.events({ events: [any("task.complete")] }), 1), refused("invalid_request")],
  ["domain", "events", "a bad since", (w) => heard(w.work.events({ since: -1 }), 1), refused("invalid_request")],
  ["domain", "events", "until a signal", (w) => heard(w.work.events({ signal: AbortSignal.abort("enough") }), 1), { thrown: "enough" }],
  [
    "mill",
    "events",
    "of the whole mill",
    async (w) => {
      const [event] = await pausing(w, heard(w.mill.events({ events: ["mill.paused"] }), 1));
      return event;
    },
    { event: "mill.paused", domain: null },
  ],
]);

/** Pauses of the mill, until somebody who has just begun to listen has heard of one, however long his connection took. */
async function pausing<T>({ mill }: Way, heard: Promise<T>): Promise<T> {
  const silence = Symbol("silence");
  for (;;) {
    await mill.pause();
    await mill.resume();
    const first = await Promise.race([heard, scheduler.wait(20).then(() => silence)]);
    if (first !== silence) return first as T;
  }
}

/** The whole story, in order: later steps build on earlier ones. */
export const STEPS: readonly Step[] = [
  ...submits,
  ...batches,
  ...tasks,
  ...lists,
  ...schedules,
  ...leases,
  ...control,
  ...mills,
  ...events,
];
