import { describe, expect, test } from "vitest";
import { z } from "zod";
import { createClient } from "../../src/client/index.ts";
import { localHandle } from "../../src/client/local.ts";
import { defineDomain } from "../../src/domains/define.ts";
import type { DomainHandle } from "../../src/domains/handle.ts";
import type { TypesOf } from "../../src/domains/ref.ts";
import type { ResultAnswer } from "../../src/domains/task.ts";
import type { DomainApi, SubmitRequest } from "../../src/durable/protocol.ts";
import type { CoordinatorApi } from "../../src/policy/coordination/protocol.ts";
import { fail, MillraceError } from "../../src/policy/errors.ts";
import { exponential } from "../../src/policy/retry.ts";
import { buildRegistry } from "../../src/registry.ts";
import { createGateway } from "../../src/worker/gateway.ts";
import { FakeClock, settled } from "./runner-fakes.ts";

const media = defineDomain("media")
  .task("resize", { payload: z.object({ object: z.string() }), result: z.object({ bytes: z.number() }), execute: () => ({ bytes: 1 }) })
  .task("plain", { payload: z.unknown(), key: () => null, execute: () => null });
const registry = buildRegistry({ domains: [media] });
type MediaTypes = TypesOf<typeof media>;
interface MediaMill {
  "~domains"?: { media: MediaTypes };
}

/** An object that notes what it is asked and answers what the test says. */
function fakeObject() {
  const asked: [method: string, ...args: unknown[]][] = [];
  const results: (ResultAnswer | MillraceError)[] = [];
  const answers: Record<string, unknown> = {
    get: { id: "media_1", type: "resize" },
    list: { items: [{ id: "media_1" }], next: 41 },
    count: 7,
    schedules: { items: [], next: null },
    createSchedule: { schedule: { id: "media_s1" }, created: true },
  };
  const api = new Proxy({} as DomainApi, {
    get:
      (_target, method: string) =>
      async (...args: unknown[]) => {
        asked.push([method, ...args]);
        if (method === "submit")
          return { outcomes: (args[0] as SubmitRequest).items.map((_item, index) => ({ outcome: "inserted", id: `media_${index + 1}` })) };
        if (method !== "result") return answers[method] ?? { id: "media_1", type: "resize", domain: "media" };
        const next = results.length > 1 ? results.shift() : results[0];
        if (next instanceof MillraceError) throw next;
        return next;
      },
  });
  return { api, asked, results };
}

type Made = { handle: DomainHandle<"media", MediaTypes>; clock: FakeClock } & ReturnType<typeof fakeObject>;

function local(): Made {
  const object = fakeObject();
  const clock = new FakeClock();
  return { handle: localHandle<"media", MediaTypes>(registry, media, { reach: () => object.api, clock }), clock, ...object };
}

/** The client before the real gateway, in this process. */
function overHttp(): Made {
  const object = fakeObject();
  const clock = new FakeClock();
  const gateway = createGateway(registry, {
    domain: () => object.api,
    coordinator: () => ({}) as CoordinatorApi,
    clock,
    log: () => undefined,
  });
  const fetch = async (request: Request) => gateway.fetch(request, { MILLRACE_AUTH: "open" });
  return { handle: createClient<MediaMill>({ url: "https://jobs.test/", fetch, clock }).domain("media"), clock, ...object };
}

describe.each([
  ["in the Worker", local],
  ["over HTTP, through the real gateway", overHttp],
])("a handle %s", (_name, make) => {
  test("submit prepares the task and answers with outcome, id, type and domain", async () => {
    const { handle, asked } = make();
    const options = {
      priority: "high",
      retry: exponential(2, "1s", "1m"),
      delay: "5s",
      runAt: undefined,
      deadline: new Date(2_000_000),
    } as const;
    expect(await handle.submit("resize", { object: "cat" }, options)).toEqual({
      outcome: "inserted",
      id: "media_1",
      type: "resize",
      domain: "media",
    });
    const [method, request] = asked[0] as ["submit", SubmitRequest];
    expect(method).toBe("submit");
    expect(request.idempotency).toBeUndefined();
    expect(request.items).toMatchObject([
      {
        type: "resize",
        payload: '{"object":"cat"}',
        priority: 64,
        delayMs: 5_000,
        deadlineAt: 2_000_000,
        retry: { kind: "exponential", attempts: 2, initialMs: 1_000, maxMs: 60_000 },
      },
    ]);
  });

  test("an idempotency key travels, and the same call has the same body", async () => {
    const { handle, asked } = make();
    for (const object of ["cat", "cat", "dog"]) await handle.submit("resize", { object }, { idempotencyKey: "once" });
    const keys = asked.filter(([method]) => method === "submit").map(([, request]) => (request as SubmitRequest).idempotency!);
    expect(keys[0]!.key).toContain("once");
    expect(keys[1]).toEqual(keys[0]);
    expect(keys[2]!.key).toBe(keys[0]!.key);
    expect(keys[2]!.body).not.toBe(keys[0]!.body);
  });

  test("submitAll is one call, in order; an empty one is none", async () => {
    const { handle, asked } = make();
    const answer = await handle.submitAll([
      { type: "plain", payload: 1, priority: "idle" },
      { type: "resize", payload: { object: "x" } },
    ]);
    expect(answer).toEqual([
      { outcome: "inserted", id: "media_1", type: "plain", domain: "media" },
      { outcome: "inserted", id: "media_2", type: "resize", domain: "media" },
    ]);
    expect((asked[0]![1] as SubmitRequest).items).toMatchObject([{ type: "plain", payload: "1", priority: 255 }, { type: "resize" }]);
    expect(await handle.submitAll([])).toEqual([]);
    expect(asked).toHaveLength(1);
  });

  test("bad payloads, types and options are refused with the same codes, and nothing is asked", async () => {
    const { handle, asked } = make();
    const bad = handle as unknown as DomainHandle<"media", Record<string, { input: unknown; payload: unknown; result: unknown }>>;
    await expect(bad.submit("resize", { object: 7 })).rejects.toMatchObject({
      code: "invalid_payload",
      facts: { issues: [{ path: expect.stringContaining("object") }] },
    });
    await expect(bad.submit("resise", {})).rejects.toMatchObject({ code: "unknown_type", facts: { didYouMean: "resize" } });
    await expect(bad.submit("plain", Number.NaN)).rejects.toMatchObject({ code: "invalid_payload" });
    await expect(bad.submit("plain", 1, { dependsOn: ["nonsense"] })).rejects.toMatchObject({ code: "invalid_dependency" });
    await expect(bad.submit("plain", 1, { priority: 999 })).rejects.toMatchObject({ code: "invalid_request" });
    await expect(
      bad.submitAll([
        { type: "plain", payload: 1 },
        { type: "resize", payload: {} },
      ]),
    ).rejects.toMatchObject({ code: "invalid_payload", facts: { failed: [{ index: 1 }] } });
    expect(() => bad.task("resize", "ingest_1")).toThrow(expect.objectContaining({ code: "task_not_found" }));
    expect(asked).toEqual([]);
  });

  test("a result, at once or after many questions", async () => {
    const { handle, asked, results, clock } = make();
    results.push({ status: "running", error: null, ended: false }, { status: "completed", result: { bytes: 3 } });
    const waiting = handle.task("resize", "media_1").result({ timeout: "5m" });
    await settled();
    await clock.advance(1_000);
    await expect(waiting).resolves.toEqual({ bytes: 3 });
    expect(asked.filter(([method]) => method === "result")).toHaveLength(2);
  });

  test("no result: how it ended, or that it is still active", async () => {
    const { handle, results } = make();
    const error = { name: "Error", message: "no such image" };
    results.push({ status: "dead_letter", error, ended: true });
    await expect(handle.task("resize", "media_1").result()).rejects.toMatchObject({
      code: "invalid_state",
      facts: { id: "media_1", status: "dead_letter", error, ended: true },
    });
    results[0] = { status: "pending", error: null, ended: false };
    await expect(handle.task("resize", "media_1").result({ timeout: 0 })).rejects.toMatchObject({
      code: "invalid_state",
      facts: { status: "pending", ended: false, timeoutMs: 0 },
    });
  });

  test("a wait goes on over an object that goes away, and ends with its own deadline", async () => {
    const { handle, results, clock } = make();
    results.push(fail("domain_unreachable", "gone"), fail("overloaded", "busy"), { status: "completed", result: { bytes: 4 } });
    const waiting = handle.task("resize", "media_1").result({ timeout: "2m" });
    await clock.advance(60_000);
    await expect(waiting).resolves.toEqual({ bytes: 4 });
    results[0] = fail("domain_unreachable", "gone");
    const hopeless = expect(handle.task("resize", "media_1").result({ timeout: "3s" })).rejects.toMatchObject({
      code: "domain_unreachable",
    });
    await clock.advance(120_000);
    await hopeless;
  });

  test("an aborted wait rejects with its reason", async () => {
    const { handle, results } = make();
    results.push({ status: "running", error: null, ended: false });
    const stop = new AbortController();
    const waiting = handle.task("resize", "media_1").result({ signal: stop.signal });
    await settled();
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });

  test("every other verb asks what it says", async () => {
    const { handle, asked } = make();
    const task = handle.task({ id: "media_1", type: "resize", domain: "media" });
    await task.get();
    await task.cancel();
    await task.runNow();
    await task.retry();
    await task.retry({ payload: { object: "dog" } });
    expect(await handle.count({ status: ["failed"], type: "resize" })).toBe(7);
    await handle.pause();
    await handle.resume();
    await handle.setMaxConcurrency(3);
    await handle.setMaxConcurrency(null);
    await handle.setRate("resize", { permits: 10, per: "1s" });
    await handle.setRate("resize", null);
    await expect(handle.setRate("resize", { permits: 0, per: "1s" })).rejects.toMatchObject({ code: "invalid_request" });
    await handle.schedules({ limit: 5 });
    await handle.schedule({ name: "hourly", type: "plain", payload: 1, every: "1h" });
    const schedule = handle.schedule("media_s1");
    await schedule.get();
    await schedule.pause();
    await schedule.update({ every: "2h", overlap: "allow", maxRuns: null });
    await schedule.delete();
    const said = asked.map(([method, ...args]) => [method, ...args]).filter(([method]) => method !== "get");
    expect(said).toMatchObject([
      ["cancel", "media_1"],
      ["runNow", "media_1"],
      ["retry", "media_1"],
      ["retry", "media_1", { payload: '{"object":"dog"}', hash: expect.any(String) }],
      ["count", { status: ["failed"], type: "resize" }],
      ["pause"],
      ["resumeDomain"],
      ["configure", { maxConcurrency: 3 }],
      ["configure", { maxConcurrency: null }],
      ["configure", { rates: { resize: { permits: 10, perMs: 1_000, burst: 10 } } }],
      ["configure", { rates: { resize: null } }],
      ["schedules", { limit: 5 }],
      ["createSchedule", { name: "hourly", everyMs: 3_600_000, item: { type: "plain", payload: "1" } }],
      ["schedule", "media_s1"],
      ["scheduleAction", "media_s1", "pause"],
      ["schedule", "media_s1"],
      ["updateSchedule", "media_s1", { everyMs: 7_200_000, overlap: "allow", maxRuns: null }],
      ["scheduleAction", "media_s1", "delete"],
    ]);
  });

  test("lists carry every filter, and a cursor goes back in", async () => {
    const { handle, asked } = make();
    const query = {
      status: ["failed", "dead_letter"],
      type: "resize",
      priority: "high",
      tags: { "a.b": "c:d" },
      key: "k",
      error: "e",
      q: "q&=",
      since: 1_000,
      until: new Date(2_000),
      limit: 3,
    } as const;
    const page = await handle.list(query);
    expect(page.items).toMatchObject([{ id: "media_1" }]);
    await handle.list({ ...query, cursor: page.next! });
    await handle.deadLetters();
    expect(asked.map(([, given]) => given)).toMatchObject([
      {
        status: ["failed", "dead_letter"],
        type: "resize",
        priority: 64,
        tags: [["a.b", "c:d"]],
        key: "k",
        error: "e",
        q: "q&=",
        since: 1_000,
        until: 2_000,
        limit: 3,
      },
      { before: 41 },
      { status: ["dead_letter"] },
    ]);
    await expect(handle.list({ cursor: "made up" })).rejects.toMatchObject({ code: "invalid_request" });
    await expect(handle.list({ status: "done" as never })).rejects.toMatchObject({ code: "invalid_request" });
  });
});

describe("the HTTP client", () => {
  /** A client before a server that answers one thing after another. */
  function scripted(...answers: (Response | Error)[]) {
    const clock = new FakeClock();
    const seen: Request[] = [];
    const fetch = async (request: Request) => {
      seen.push(request);
      const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
      if (answer instanceof Error) throw answer;
      return answer.clone();
    };
    return {
      handle: createClient<MediaMill>({ url: "https://jobs.test/queue/", token: async () => "secret", fetch, clock }).domain("media"),
      seen,
      clock,
    };
  }
  const busy = (status: number, retryAfter: string) =>
    new Response(JSON.stringify({ code: "overloaded", detail: "busy" }), { status, headers: { "retry-after": retryAfter } });
  const done = () => Response.json({ outcome: "inserted", id: "media_1" });

  test("keeps the path, sends the token", async () => {
    const { handle, seen } = scripted(done());
    await handle.submit("plain", 1);
    expect(seen[0]!.url).toBe("https://jobs.test/queue/v1/domains/media/tasks");
    expect(seen[0]!.headers.get("authorization")).toBe("Bearer secret");
  });

  test("what a submit replaced is told", async () => {
    const superseded = { outcome: "superseded", id: "media_1", replacedId: "media_2" };
    expect(await scripted(Response.json({ ...superseded, task: null })).handle.submit("plain", 1, { onDuplicate: "supersede" })).toEqual({
      ...superseded,
      type: "plain",
      domain: "media",
    });
    const { handle, seen } = scripted(Response.json({ outcomes: [superseded, { outcome: "debounced", id: "media_3" }] }));
    const onDuplicate = { debounce: "5s", maxWait: "1m" } as const;
    expect(
      await handle.submitAll([
        { type: "plain", payload: 1, onDuplicate: "supersede" },
        { type: "plain", payload: 2, onDuplicate },
      ]),
    ).toMatchObject([superseded, { outcome: "debounced", id: "media_3" }]);
    expect(await seen[0]!.json()).toMatchObject({ tasks: [{ onDuplicate: "supersede" }, { onDuplicate }] });
  });

  test("asks again where it is safe, never sooner than Retry-After says", async () => {
    const { handle, seen, clock } = scripted(new TypeError("network"), busy(503, "7"), Response.json({ count: 2 }));
    const counting = handle.count();
    await clock.advance(5_000);
    expect(seen).toHaveLength(2);
    await clock.advance(5_000);
    await expect(counting).resolves.toBe(2);
    expect(seen).toHaveLength(3);
  });

  test("a submit is sent once, but for one with an idempotency key", async () => {
    const once = scripted(busy(503, "1"));
    await expect(once.handle.submit("plain", 1)).rejects.toMatchObject({ code: "overloaded", facts: { retryAfterMs: 1_000 } });
    expect(once.seen).toHaveLength(1);
    const again = scripted(new TypeError("network"), done());
    const submitting = again.handle.submit("plain", 1, { idempotencyKey: "k" });
    await again.clock.advance(60_000);
    await expect(submitting).resolves.toMatchObject({ id: "media_1" });
    expect(again.seen.map((request) => request.headers.get("idempotency-key"))).toEqual(["k", "k"]);
  });

  test("gives up after four attempts, or when it is told to wait too long", async () => {
    const dead = scripted(new TypeError("network"));
    const asking = expect(dead.handle.count()).rejects.toMatchObject({ code: "domain_unreachable" });
    await dead.clock.advance(120_000);
    await asking;
    expect(dead.seen).toHaveLength(4);
    const patient = scripted(busy(429, "3600"));
    await expect(patient.handle.count()).rejects.toMatchObject({ code: "overloaded" });
    expect(patient.seen).toHaveLength(1);
  });

  test("a walk through a list asks for each page when it is reached, and for none after a break", async () => {
    const page = (from: number, next: string | null) =>
      Response.json({ items: [{ id: `media_${from}` }, { id: `media_${from - 1}` }], next });
    const { handle, seen } = scripted(page(6, "a"), Response.json({ items: [], next: "b" }), page(4, "c"), page(2, null));
    const walked: string[] = [];
    for await (const { id } of handle.list({ status: "failed", limit: 2 })) {
      walked.push(id);
      if (id === "media_3") break;
    }
    expect(walked).toEqual(["media_6", "media_5", "media_4", "media_3"]);
    expect(seen.map(({ url }) => new URL(url).search)).toEqual([
      "?status=failed&limit=2",
      "?status=failed&limit=2&cursor=a",
      "?status=failed&limit=2&cursor=b",
    ]);
  });

  test("a signal ends the wait between two attempts, and the call of a server that never answers", async () => {
    const { handle, seen } = scripted(busy(503, "7"));
    const stop = new AbortController();
    const counting = handle.with({ signal: stop.signal }).count();
    await settled();
    stop.abort(new Error("enough"));
    await expect(counting).rejects.toThrow("enough");
    expect(seen).toHaveLength(1);
    const silent = createClient({ url: "https://jobs.test", fetch: () => new Promise(() => {}) });
    const ended = new AbortController();
    const asking = silent.with({ signal: ended.signal }).snapshot();
    await settled();
    ended.abort(new Error("too long"));
    await expect(asking).rejects.toThrow("too long");
    await expect(silent.with({ signal: ended.signal }).domain("media").task("plain", "media_1").result()).rejects.toThrow("too long");
  });

  test("a service binding is asked as it stands, without a token, and is named when it does not answer", async () => {
    const seen: Request[] = [];
    const service = {
      async fetch(request: Request) {
        if (this !== service) throw new TypeError("Illegal invocation");
        seen.push(request);
        if (seen.length > 1) throw new Error("no such entrypoint");
        return Response.json({ count: 4 });
      },
    };
    const clock = new FakeClock();
    const handle = createClient<MediaMill>({ service, clock }).domain("media");
    expect(await handle.count()).toBe(4);
    expect(new URL(seen[0]!.url).pathname).toBe("/v1/domains/media/tasks/count");
    expect(seen[0]!.headers.has("authorization")).toBe(false);
    await expect(handle.pause()).rejects.toMatchObject({
      code: "domain_unreachable",
      message: expect.stringContaining("the service binding: no such"),
    });
  });

  test("names that a URL would take for a way up go nowhere", async () => {
    const { seen } = scripted(done());
    const client = createClient({ url: "https://jobs.test", fetch: async (request) => (seen.push(request), done()) });
    for (const name of ["", ".", ".."]) {
      expect(() => client.domain(name)).toThrow(expect.objectContaining({ code: "unknown_domain" }));
      expect(() => client.group(name)).toThrow(expect.objectContaining({ code: "invalid_request" }));
    }
    expect(seen).toEqual([]);
  });

  test("Retry-After as a date", async () => {
    const { handle, seen, clock } = scripted(busy(503, new Date(new FakeClock().now() + 7_000).toUTCString()), Response.json({ count: 2 }));
    const counting = handle.count();
    await clock.advance(5_000);
    expect(seen).toHaveLength(1);
    await clock.advance(5_000);
    await expect(counting).resolves.toBe(2);
  });

  test("an answer that breaks off is asked for again where that is safe, and is no success where it is not", async () => {
    const broken = () => {
      const start = new TextEncoder().encode('{"count":');
      return new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(start),
          pull: (controller) => controller.error(new TypeError("terminated")),
        }),
      );
    };
    const read = scripted(broken(), Response.json({ count: 2 }));
    const counting = read.handle.count();
    await read.clock.advance(5_000);
    await expect(counting).resolves.toBe(2);
    const changed = scripted(broken());
    await expect(changed.handle.submit("plain", 1)).rejects.toMatchObject({ code: "domain_unreachable" });
    expect(changed.seen).toHaveLength(1);
  });

  test("a redirect is told, not followed: it would lose the token, and make a look out of a submit", async () => {
    const moved = new Response("", { status: 301, headers: { location: "https://new.test/queue/v1/domains/media/tasks" } });
    const { handle, seen } = scripted(moved);
    for (const asking of [handle.submit("plain", 1), handle.count()])
      await expect(asking).rejects.toMatchObject({ code: "invalid_request", message: expect.stringContaining("https://new.test/queue") });
    expect(seen.map(({ redirect }) => redirect)).toEqual(["manual", "manual"]);
  });

  test("what no header takes is refused, without showing the token; nothing is sent", async () => {
    const never = async () => expect.unreachable("nothing is sent");
    const client = (token: string | (() => Promise<string>)) => createClient<MediaMill>({ url: "https://jobs.test", token, fetch: never });
    const refused = client("se\ncret").domain("media").count();
    await expect(refused).rejects.toMatchObject({ code: "invalid_request", message: expect.not.stringContaining("cret") });
    await expect(client("ok").domain("media").submit("plain", 1, { idempotencyKey: "ключ" })).rejects.toMatchObject({
      code: "invalid_request",
    });
    const login = client(() => Promise.reject(new Error("log in again")));
    await expect(login.domain("media").count()).rejects.toThrow(/^log in again$/);
  });

  test("why nothing answered is told as exactly as it is known", async () => {
    const { handle } = scripted(new TypeError("fetch failed", { cause: { code: "ECONNREFUSED" } }));
    await expect(handle.submit("plain", 1)).rejects.toThrow("fetch failed (ECONNREFUSED)");
  });

  test("a bulk job: waiting for it ends with the signal, dryRun: false is none", async () => {
    const stop = new AbortController();
    const silent = createClient<MediaMill>({ url: "https://jobs.test", fetch: () => new Promise(() => {}) });
    const waiting = silent.domain("media").bulk("media_b1").finished({ signal: stop.signal });
    await settled();
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    const { handle, seen } = scripted(Response.json({ id: "media_b1" }));
    expect(await handle.cancelWhere({}, { dryRun: false } as never)).toMatchObject({ id: "media_b1" });
    expect(await seen[0]!.json()).toEqual({ action: "cancel", filter: {} });
  });

  test.each<[number, string, string]>([
    [401, "no", "unauthenticated"],
    [418, '{"code":"constructor"}', "invalid_request"],
    [404, "<html>", "not_found"],
    [500, "", "internal"],
    [418, "{}", "invalid_request"],
    [200, "<html>", "internal"],
  ])("%i %j without a code is %s", async (status, body, code) => {
    await expect(scripted(new Response(body, { status })).handle.count()).rejects.toMatchObject({ code });
  });
});
