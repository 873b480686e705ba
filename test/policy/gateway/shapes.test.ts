import { type as arktype } from "arktype";
import * as valibot from "valibot";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import * as mini from "zod/mini";
import { defineDomain } from "../../../src/domains/define.ts";
import { fail } from "../../../src/policy/errors.ts";
import { createGateway } from "../../../src/worker/gateway.ts";
import { OPEN, read, registry, setup, sha256 } from "./setup.ts";

const TASKS = "/v1/domains/media/tasks";
const resize = { type: "resize", payload: { object: "cat", width: 1 } };

describe("submit", () => {
  test("201 with the task, then 200 with the one that stands", async () => {
    const { send } = setup();
    const first = await send("POST", TASKS, { ...resize, priority: "high", tags: { a: "b" }, label: "Ä" });
    expect(first).toMatchObject({
      status: 201,
      body: {
        outcome: "inserted",
        id: "media_1",
        task: { id: "media_1", payload: resize.payload, priority: 64, tags: { a: "b" }, label: "Ä" },
      },
    });
    expect(new URL(first.headers.get("location")!, `http://mill${TASKS}`).pathname).toBe("/v1/tasks/media_1");
    expect(await send("POST", TASKS, { payload: { width: 1, object: "cat" }, type: "resize" })).toMatchObject({
      status: 200,
      body: { outcome: "duplicate", id: "media_1", task: { id: "media_1" } },
    });
    expect(await send("GET", "/v1/tasks/media_1")).toMatchObject({ status: 200, body: { id: "media_1", domain: "media" } });
  });

  test("what the object is asked is what the body says, checked and in its units", async () => {
    const { send, domains } = setup();
    await send("POST", TASKS, {
      ...resize,
      key: "k",
      delay: "5s",
      ttl: "1m",
      timeout: 1500,
      deadline: "1h",
      retry: { kind: "constant", attempts: 2, initial: "1s" },
      onDuplicate: "skip",
    });
    expect(domains.media.requests).toMatchObject([
      {
        view: true,
        items: [
          {
            type: "resize",
            payload: '{"object":"cat","width":1}',
            key: "k",
            delayMs: 5_000,
            ttlMs: 60_000,
            timeoutMs: 1_500,
            deadlineMs: 3_600_000,
            retry: { kind: "constant", attempts: 2 },
          },
        ],
      },
    ]);
  });

  test("[awaiting] ?wait= holds the answer until the end, and the answer shows it", async () => {
    const { send, domains } = setup();
    const answer = send("POST", `${TASKS}?wait=60s`, resize);
    await expect.poll(() => domains.media.isAwaited).toBe(true);
    domains.media.end("media_1", { status: "completed", result: { bytes: 7 } });
    expect(await answer).toMatchObject({ status: 201, body: { outcome: "inserted", task: { status: "completed", result: { bytes: 7 } } } });
  });

  test("a wait that fails does not fail the submit", async () => {
    const { send, domains } = setup();
    const { media } = domains;
    media.result = () => Promise.reject(fail("too_many_requests", "Too many wait."));
    expect(await send("POST", `${TASKS}?wait=1s`, resize)).toMatchObject({
      status: 201,
      body: { outcome: "inserted", task: { status: "pending" } },
    });
  });

  test("a task that its type does not keep is shown as it ended", async () => {
    const { send, domains } = setup();
    const { media } = domains;
    media.result = async () => ({ status: "completed", result: 5 });
    media.get = () => Promise.reject(fail("task_not_found", "Gone."));
    expect(await send("POST", `${TASKS}?wait=1s`, resize)).toMatchObject({
      status: 201,
      body: { task: { status: "completed", result: 5 } },
    });
  });
});

describe("Idempotency-Key", () => {
  const key = { "idempotency-key": "once" };

  test("[idempotency key] a repeat gets the first outcome, whatever the order of its members; another body is a conflict", async () => {
    const { send, domains } = setup();
    const plain = { type: "plain", payload: { a: 1, b: 2 } };
    const first = await send("POST", TASKS, plain, key);
    const again = await send("POST", TASKS, '{ "payload": {"b":2,"a":1}, "type": "plain" }', key);
    expect(again).toMatchObject({ status: 201, body: { outcome: "inserted", id: first.body.id, task: { id: first.body.id } } });
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(first.headers.get("idempotent-replayed")).toBeNull();
    expect(await send("POST", TASKS, { ...plain, payload: 2 }, key)).toMatchObject({ status: 409, body: { code: "idempotency_conflict" } });
    expect(domains.media.tasks).toHaveLength(1);
  });

  test("[idempotency key] each token has keys of its own", async () => {
    const tokens = ["a", "b"].map((name) => ({ name, sha256: sha256(name), role: "producer" }));
    const { send, domains } = setup({ MILLRACE_TOKENS: JSON.stringify(tokens) });
    for (const name of ["a", "b", "a"])
      await send("POST", TASKS, { type: "plain", payload: 1 }, { ...key, authorization: `Bearer ${name}` });
    expect(domains.media.tasks).toHaveLength(2);
  });

  test("[idempotency key] holds for batches, too", async () => {
    const { send, domains } = setup();
    const tasks = [1, 2].map((payload) => ({ type: "plain", payload }));
    const first = await send("POST", `${TASKS}/batch`, { tasks }, key);
    expect((await send("POST", `${TASKS}/batch`, { tasks }, key)).body).toEqual(first.body);
    expect(domains.media.tasks).toHaveLength(2);
  });
});

test("[batch] batch: outcomes in order, counts, defaults for those that do not say otherwise", async () => {
  const { send, domains } = setup();
  const tasks = [resize, resize, { payload: 1, priority: 3, type: "plain" }];
  const answer = await send("POST", `${TASKS}/batch`, { tasks, defaults: { priority: "idle" } });
  expect(answer).toMatchObject({
    status: 200,
    body: {
      counts: { inserted: 2, duplicate: 1 },
      outcomes: [
        { outcome: "inserted", id: "media_1" },
        { outcome: "duplicate", id: "media_1" },
        { outcome: "inserted", id: "media_2" },
      ],
    },
  });
  expect(domains.media.requests[0]!.items.map(({ priority }) => priority)).toEqual([255, 255, 3]);
  expect(domains.media.calls).toEqual(["submit"]);
  expect(await send("POST", `${TASKS}/batch`, { tasks: [] })).toMatchObject({ status: 200, body: { outcomes: [], counts: {} } });
});

describe("results", () => {
  test("[awaiting] 200 when completed, 202 while active, 409 with status and error when it ended otherwise", async () => {
    const { send, domains } = setup();
    for (const payload of [1, 2, 3]) await send("POST", TASKS, { type: "plain", payload });
    domains.media.end("media_1", { status: "completed", result: { bytes: 1 } });
    domains.media.end("media_2", { status: "failed", error: { name: "Error", message: "no such cat" } });
    expect(await send("GET", "/v1/tasks/media_1/result")).toMatchObject({
      status: 200,
      body: { status: "completed", result: { bytes: 1 } },
    });
    expect(await send("GET", "/v1/tasks/media_3/result")).toMatchObject({ status: 202, body: { status: "pending" } });
    expect(await send("GET", "/v1/tasks/media_2/result?wait=30s")).toMatchObject({
      status: 409,
      body: {
        code: "invalid_state",
        status: 409,
        taskStatus: "failed",
        error: { message: "no such cat" },
        detail: expect.stringContaining("no such cat"),
      },
    });
  });

  test("[awaiting] a wait goes on with the next incarnation when the object goes away", async () => {
    const { send, domains } = setup();
    await send("POST", TASKS, resize);
    const { media } = domains;
    const whole = media.result.bind(media);
    let failures = 2;
    media.result = (id, waitMs) =>
      failures-- > 0 ? Promise.reject(Object.assign(new Error("Network connection lost."), { retryable: true })) : whole(id, waitMs);
    const answer = send("GET", "/v1/tasks/media_1/result?wait=60s");
    await expect.poll(() => media.isAwaited).toBe(true);
    media.end("media_1", { status: "completed", result: null });
    expect(await answer).toMatchObject({ status: 200, body: { status: "completed", result: null } });
  });
});

describe("lists", () => {
  async function filled() {
    const mill = setup();
    for (let n = 1; n <= 5; n += 1) {
      await mill.send("POST", TASKS, { type: "plain", payload: n, tags: { n: String(n % 2) } });
      if (n % 2 === 0) await mill.send("POST", "/v1/domains/mail/tasks", { type: "send", payload: { to: `u${n}` } });
    }
    return mill;
  }
  type Send = Awaited<ReturnType<typeof filled>>["send"];

  async function walk(send: Send, path: string) {
    const ids: string[] = [];
    let next: string | null = "";
    while (next !== null) {
      const { status, body } = await send("GET", `${path}${next === "" ? "" : `&cursor=${next}`}`);
      expect(status).toBe(200);
      ids.push(...body.items.map(({ id }: { id: string }) => id));
      next = body.next;
    }
    return ids;
  }

  test("one domain, newest first, page by page", async () => {
    const { send } = await filled();
    expect(await walk(send, `${TASKS}?limit=2`)).toEqual(["media_5", "media_4", "media_3", "media_2", "media_1"]);
  });

  test("all domains, merged by creation", async () => {
    const { send } = await filled();
    const all = ["media_5", "mail_2", "media_4", "media_3", "mail_1", "media_2", "media_1"];
    for (const limit of [1, 2, 3, 10]) expect(await walk(send, `/v1/tasks?limit=${limit}`)).toEqual(all);
  });

  test("new tasks between two pages are not slipped in", async () => {
    const { send } = await filled();
    const { body } = await send("GET", "/v1/tasks?limit=2");
    await send("POST", TASKS, { type: "plain", payload: 9 });
    await send("POST", "/v1/domains/mail/tasks", { type: "send", payload: { to: "late" } });
    expect((await send("GET", `/v1/tasks?limit=50&cursor=${body.next}`)).body.items.map(({ id }: { id: string }) => id)).toEqual([
      "media_4",
      "media_3",
      "mail_1",
      "media_2",
      "media_1",
    ]);
  });

  test("filters reach the object: statuses and tags repeat, dead letters are a status", async () => {
    const { send, domains } = await filled();
    domains.media.end("media_3", { status: "dead_letter" });
    domains.media.end("media_4", { status: "failed" });
    expect(await walk(send, `${TASKS}?limit=9&status=failed&status=dead_letter`)).toEqual(["media_4", "media_3"]);
    expect(await walk(send, `${TASKS}?limit=9&tag=n:1&type=plain&priority=normal`)).toEqual(["media_5", "media_3", "media_1"]);
    expect(await walk(send, "/v1/tasks?limit=9&status=dead_letter")).toEqual(["media_3"]);
    expect((await send("GET", `${TASKS}/count?tag=n:0`)).body).toEqual({ count: 2 });
    expect(await walk(send, "/v1/tasks?limit=9&schedule=mail_s1")).toEqual(["mail_2", "mail_1"]);
  });
});

describe("control of a task", () => {
  test("cancel, then retry with another payload and the key that goes with it", async () => {
    const { send } = setup();
    await send("POST", "/v1/domains/mail/tasks", { type: "send", payload: { to: "ann" } });
    expect(await send("POST", "/v1/tasks/mail_1/cancel")).toMatchObject({ status: 200, body: { status: "cancelled" } });
    expect(await send("POST", "/v1/tasks/mail_1/cancel")).toMatchObject({
      status: 409,
      body: { code: "invalid_state", taskStatus: "cancelled" },
    });
    expect(await send("POST", "/v1/tasks/mail_1/retry", { payload: { to: 5 } })).toMatchObject({
      status: 400,
      body: { code: "invalid_payload" },
    });
    expect(await send("POST", "/v1/tasks/mail_1/retry", { payload: { to: "bob" } })).toMatchObject({
      status: 200,
      body: { status: "pending", payload: { to: "bob" }, key: "bob" },
    });
    expect(await send("POST", "/v1/tasks/mail_1/run-now")).toMatchObject({ status: 200, body: { id: "mail_1" } });
  });

  test("retry without a body", async () => {
    const { send, domains } = setup();
    await send("POST", TASKS, resize);
    domains.media.end("media_1", { status: "dead_letter" });
    expect(await send("POST", "/v1/tasks/media_1/retry")).toMatchObject({
      status: 200,
      body: { status: "pending", payload: resize.payload },
    });
  });
});

describe("domains and the mill", () => {
  test("snapshots, pause, resume, cap", async () => {
    const { send } = setup();
    expect((await send("GET", "/v1/domains")).body).toMatchObject({
      items: [{ name: "media", paused: false }, { name: "mail" }],
      next: null,
    });
    expect(await send("POST", "/v1/domains/media/pause")).toMatchObject({ status: 200, body: { paused: true, pausedBy: ["domain"] } });
    expect(await send("POST", "/v1/domains/media/resume")).toMatchObject({ status: 200, body: { paused: false } });
    expect(await send("PATCH", "/v1/domains/media", { maxConcurrency: 3 })).toMatchObject({ status: 200, body: { maxConcurrency: 3 } });
    expect(await send("PATCH", "/v1/domains/media", { maxConcurrency: null })).toMatchObject({
      status: 200,
      body: { maxConcurrency: null },
    });
    for (const maxConcurrency of [0, -1, 1.5, 10_001, "3", true]) {
      expect(await send("PATCH", "/v1/domains/media", { maxConcurrency })).toMatchObject({
        status: 400,
        body: { code: "invalid_request" },
      });
    }
    expect(await send("PATCH", "/v1/domains/media", {})).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    expect(await send("PATCH", "/v1/domains/media", { rates: {} })).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    expect(await send("PATCH", "/v1/domains/media", { rates: { resize: { permits: 5, per: "1s" } } })).toMatchObject({
      status: 200,
      body: { rates: { resize: { permits: 5, perMs: 1_000, burst: 5 } } },
    });
    for (const rate of [5, { permits: 0, per: "1s" }, { permits: 1 }, { permits: 1, per: "soon" }, { permits: 1, per: "1s", each: 2 }]) {
      const refused = await send("PATCH", "/v1/domains/media", { rates: { resize: rate } });
      expect(refused, JSON.stringify(rate)).toMatchObject({ status: 400, body: { code: "invalid_request" } });
      expect(JSON.stringify(refused.body)).toContain("rates");
    }
  });

  test("the global cap", async () => {
    const { send } = setup();
    expect(await send("GET", "/v1/snapshot")).toMatchObject({
      status: 200,
      body: { maxConcurrency: 16, holders: [{ domain: "media" }, { domain: "mail" }] },
    });
    expect(await send("PATCH", "/v1/settings", { maxConcurrency: 4 })).toMatchObject({ status: 200, body: { maxConcurrency: 4 } });
    expect(await send("PATCH", "/v1/settings", { maxConcurrency: null })).toMatchObject({ status: 400 });
  });

  test("live settings: all that is wrong at once; nothing to change is refused", async () => {
    const { send } = setup();
    const change = { defaultGroupMaxConcurrency: 2, aging: { grace: 0, interval: "30s", ceiling: "high" } };
    expect(await send("PATCH", "/v1/settings", change)).toMatchObject({
      status: 200,
      body: { maxConcurrency: 16, defaultGroupMaxConcurrency: 2, aging: { graceMs: 0, intervalMs: 30_000, step: 1, ceiling: 64 } },
    });
    const off = { defaultGroupMaxConcurrency: null, aging: null };
    expect(await send("PATCH", "/v1/settings", off)).toMatchObject({ status: 200, body: off });
    const wrong = await send("PATCH", "/v1/settings", { aging: { grace: "soon", interval: 0, ceiling: "urgent", step: 1.5 } });
    expect(wrong).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    expect((wrong.body.issues as { path: string }[]).map(({ path }) => path).sort()).toEqual([
      "aging.ceiling",
      "aging.grace",
      "aging.interval",
      "aging.step",
    ]);
    expect(await send("PATCH", "/v1/settings", {})).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    expect(await send("PATCH", "/v1/settings", { ageing: {} })).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  });

  test("the mill's pause, and a group's", async () => {
    const { send } = setup();
    expect(await send("POST", "/v1/pause")).toMatchObject({ status: 200, body: { paused: true } });
    expect(await send("POST", "/v1/resume")).toMatchObject({ status: 200, body: { paused: false, pausedAt: null } });
    const until = "2030-01-01T00:00:00.000Z";
    const group = { name: "acme/eu", paused: true, pausedUntil: until };
    expect(await send("POST", "/v1/groups/acme%2Feu/pause", { until })).toMatchObject({ status: 200, body: group });
    expect(await send("GET", "/v1/snapshot")).toMatchObject({ body: { pausedGroups: [group] } });
    expect(await send("POST", "/v1/groups/acme%2Feu/resume")).toMatchObject({ status: 200, body: { name: "acme/eu", paused: false } });
    for (const body of [{ until: "tomorrow" }, { until: 5 }, { untill: until }])
      expect(await send("POST", "/v1/groups/acme/pause", body)).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    expect(await send("POST", "/v1/groups/%20/pause")).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  });

  test("pressure", async () => {
    const { send } = setup();
    expect(await send("PUT", "/v1/pressure/api-quota", { value: 0.804, ttl: "30s" })).toMatchObject({
      status: 200,
      body: { composite: 0.8, sources: { "api-quota": { value: 0.8, remainingMs: 30_000 } } },
    });
    const wrong = await send("PUT", "/v1/pressure/9", { value: 1.5, ttl: "2d" });
    expect(wrong).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    expect((wrong.body.issues as { path: string }[]).map(({ path }) => path)).toEqual(["name", "value", "ttl"]);
    expect(await send("PUT", "/v1/pressure/api-quota", { value: 1 })).toMatchObject({ status: 400 });
  });

  test("the registry shows what each type takes", async () => {
    const { body } = await setup().send("GET", "/v1/registry");
    expect(body.domains[0]).toMatchObject({ name: "media", maxConcurrency: 4, defaults: { ttlMs: 3_600_000 } });
    expect(body.domains[0].types[0]).toMatchObject({
      name: "resize",
      submittable: true,
      singleton: false,
      pull: false,
      payloadSchema: {
        type: "object",
        properties: { object: { type: "string" }, width: { type: "integer" } },
        required: ["object", "width"],
      },
      resultSchema: { type: "object", properties: { bytes: { type: "number" } } },
      defaults: { priority: 128, timeoutMs: 300_000, ttlMs: 3_600_000, ttlFrom: "submit", retry: { kind: "exponential", attempts: 3 } },
    });
    expect(body.domains[0].types[2]).toMatchObject({ name: "inner", submittable: false, resultSchema: null });
  });

  test("the registry asks each schema library in its own way, and says null where it cannot tell", async () => {
    const execute = () => undefined;
    const libraries = defineDomain("libraries")
      .task("mini", { payload: mini.object({ a: mini.string() }), execute })
      .task("arktype", { payload: arktype({ a: "string" }), execute })
      .task("valibot", { payload: valibot.object({ a: valibot.string() }), execute })
      .task("open", {
        payload: z.object({ a: z.string(), at: z.string().transform((text) => new Date(text)) }),
        result: z.object({ at: z.date() }),
        execute: () => ({ at: new Date(0) }),
      });
    const app = createGateway(
      { ...registry, domains: new Map([["libraries", libraries]]) },
      { domain: () => setup().domains.media, coordinator: () => setup().coordinator },
    );
    const { types } = (await read(await app.request("/v1/registry", {}, OPEN))).body.domains[0];
    const shape = { type: "object", properties: { a: { type: "string" } }, required: ["a"] };
    expect(types.map(({ payloadSchema }: { payloadSchema: unknown }) => payloadSchema)).toMatchObject([
      shape,
      shape,
      null,
      { properties: { a: { type: "string" } }, required: ["a", "at"] },
    ]);
    expect(types[3].resultSchema).toMatchObject({ type: "object", required: ["at"] });
  });

  test("healthz says what is not bound", async () => {
    expect((await setup().send("GET", "/healthz")).body).toMatchObject({
      ok: true,
      version: null,
      missing: [{ binding: "CF_VERSION_METADATA" }],
    });
    expect(
      (await setup({ ...OPEN, CF_VERSION_METADATA: { id: "v7", tag: "", timestamp: "" } }).send("GET", "/healthz")).body,
    ).toMatchObject({ version: "v7", missing: [] });
  });
});

describe("schedules", () => {
  const plan = { name: "nightly", ...resize, cron: "30 2 * * *", timezone: "Europe/Berlin", tags: { a: "b" }, priority: "high" };

  test("[control] 201 when new, 200 when the name existed; read, list, act, delete", async () => {
    const { send } = setup();
    const made = await send("POST", "/v1/domains/media/schedules", plan);
    expect(made).toMatchObject({
      status: 201,
      body: { id: "media_s1", name: "nightly", type: "resize", payload: resize.payload, cron: "30 2 * * *", timezone: "Europe/Berlin" },
    });
    const at = new URL(made.headers.get("location")!, "https://mill.test/queue/v1/domains/media/schedules");
    expect(at.pathname).toBe("/queue/v1/schedules/media_s1");
    expect(await send("POST", "/v1/domains/media/schedules", { name: "nightly", ...resize, every: "1h", overlap: "skip" })).toMatchObject({
      status: 200,
      body: { id: "media_s1", every: 3_600_000 },
    });
    expect(await send("GET", "/v1/schedules/media_s1")).toMatchObject({ status: 200, body: { id: "media_s1" } });
    for (const n of [2, 3]) await send("POST", "/v1/domains/media/schedules", { ...resize, every: `${n}h` });
    const page = await send("GET", "/v1/domains/media/schedules?limit=2");
    expect(page.body.items.map(({ id }: { id: string }) => id)).toEqual(["media_s3", "media_s2"]);
    expect((await send("GET", `/v1/domains/media/schedules?cursor=${page.body.next}`)).body).toMatchObject({
      items: [{ id: "media_s1" }],
      next: null,
    });
    expect((await send("POST", "/v1/schedules/media_s1/pause")).body.paused).toBe(true);
    expect((await send("POST", "/v1/schedules/media_s1/resume")).body.paused).toBe(false);
    expect((await send("POST", "/v1/schedules/media_s1/trigger")).body.runs).toBe(1);
    expect(await send("DELETE", "/v1/schedules/media_s1")).toMatchObject({ status: 200, body: { id: "media_s1" } });
    expect(await send("GET", "/v1/schedules/media_s1")).toMatchObject({ status: 404, body: { code: "schedule_not_found" } });
  });

  test("PATCH changes what it names and keeps the rest", async () => {
    const { send, domains } = setup();
    await send("POST", "/v1/domains/media/schedules", plan);
    await send("PATCH", "/v1/schedules/media_s1", { cron: "0 3 * * *" });
    await send("PATCH", "/v1/schedules/media_s1", { payload: { object: "dog", width: 2 } });
    await send("PATCH", "/v1/schedules/media_s1", { every: "2h", initialDelay: "1m" });
    const [first, second, third] = domains.media.updates;
    expect(first).toEqual({ cron: "0 3 * * *", timezone: "Europe/Berlin" });
    expect(second).toEqual({ item: expect.objectContaining({ payload: '{"object":"dog","width":2}', tags: { a: "b" }, priority: 64 }) });
    expect(third).toEqual({ everyMs: 7_200_000, initialDelayMs: 60_000 });
    await send("PATCH", "/v1/schedules/media_s1", { overlap: "cancelOther", catchUp: "2h", jitter: "30s", maxRuns: 5 });
    await send("PATCH", "/v1/schedules/media_s1", { maxRuns: null });
    await send("PATCH", "/v1/schedules/media_s1", { ttl: "1h", ttlFrom: "firstAttempt", deadline: "2h", delay: "1m" });
    await send("PATCH", "/v1/schedules/media_s1", { timeout: "9s" });
    const [fourth, fifth, sixth, seventh] = domains.media.updates.slice(3);
    expect(fourth).toEqual({ overlap: "cancelOther", catchUpMs: 7_200_000, jitterMs: 30_000, maxRuns: 5 });
    expect(fifth).toEqual({ maxRuns: null });
    const given = { ttlMs: 3_600_000, ttlFrom: "firstAttempt", deadlineMs: 7_200_000, delayMs: 60_000, tags: { a: "b" }, priority: 64 };
    expect(sixth).toEqual({ item: expect.objectContaining(given) });
    expect(seventh).toEqual({ item: expect.objectContaining({ ...given, timeoutMs: 9_000 }) });
  });

  test.each<[object, string, string]>([
    [{}, "invalid_request", "changes nothing"],
    [{ every: "1h", cron: "* * * * *" }, "invalid_request", "not both"],
    [{ every: "1h", timezone: "UTC" }, "invalid_request", "timezone"],
    [{ initialDelay: "1m" }, "invalid_request", "initialDelay"],
    [{ payload: { object: 1 } }, "invalid_payload", "payload"],
    [{ type: "inner", payload: {} }, "not_submittable", "submittable"],
    [{ name: "other" }, "invalid_request", "unknown field"],
    [{ maxRuns: 0 }, "invalid_request", "maxRuns"],
    [{ jitter: "2d" }, "invalid_request", "jitter"],
    [{ group: "g\n" }, "invalid_request", "group"],
  ])("PATCH %j is refused", async (body, code, hint) => {
    const { send, domains } = setup();
    await send("POST", "/v1/domains/media/schedules", plan);
    expect(await send("PATCH", "/v1/schedules/media_s1", body)).toMatchObject({
      status: 400,
      body: { code, detail: expect.stringContaining(hint) },
    });
    expect(domains.media.updates).toEqual([]);
  });

  test.each<[object, string]>([
    [{ ...resize }, "invalid_request"],
    [{ ...resize, every: "1h", cron: "* * * * *" }, "invalid_request"],
    [{ ...resize, every: "1ms" }, "invalid_request"],
    [{ ...resize, every: "1h", maxRuns: 1.5 }, "invalid_request"],
    [{ ...resize, every: "1h", catchUp: "400d" }, "invalid_request"],
    [{ ...resize, every: "1h", jitter: -1 }, "invalid_request"],
    [{ ...resize, every: "1h", delay: "1s", runAt: "2030-01-01T00:00:00Z" }, "invalid_request"],
    [{ ...resize, every: "1h", overlap: "sometimes" }, "invalid_request"],
    [{ ...resize, every: "1h", key: "x" }, "invalid_request"],
    [{ type: "inner", payload: {}, every: "1h" }, "not_submittable"],
    // Scenario 38: dates that do not exist, and hostile text.
    ...[
      "0 0 30 2 *",
      "0 0 31 4,6,9,11 *",
      "@never",
      "@reboot",
      "@every 1s",
      "* * * *",
      "* * * * * * *",
      "60 * * * *",
      "0 0 * * 8",
      "*/0 * * * *",
      "5-1 * * * *",
      "0 0 + 2 *",
      `${"1,".repeat(5_000)}1 * * * *`,
      "1".repeat(200_000),
      "\u0000 * * * *",
      "* * * * *; DROP TABLE tasks",
      "0-59/1,0-59/1 * * * * *".repeat(9),
      "\u0663 * * * *",
    ].map((cron): [object, string] => [{ ...resize, cron }, "invalid_request"]),
    [{ ...resize, cron: ["* * * * *"] }, "invalid_request"],
    [{ ...resize, cron: "* * * * *", timezone: "../../etc/passwd" }, "invalid_request"],
  ])("POST %j is refused", async (body, code) => {
    const { send, domains } = setup();
    expect(await send("POST", "/v1/domains/media/schedules", body)).toMatchObject({ status: 400, body: { code } });
    expect(domains.media.calls).toEqual([]);
  });
});

describe("what goes wrong inside", () => {
  test("an unexpected error is logged under an id, and shows nothing", async () => {
    const { send, domains, log } = setup();
    domains.media.broken = new TypeError("secret internals at /srv/app.ts:1");
    const answer = await send("GET", "/v1/tasks/media_1");
    expect(answer).toMatchObject({ status: 500, body: { code: "internal", request: expect.any(String) } });
    expect(JSON.stringify(answer.body)).not.toContain("secret");
    expect(log).toMatchObject([
      { request: answer.body.request, method: "GET", path: "/v1/tasks/media_1", error: expect.stringContaining("secret internals") },
    ]);
  });

  test("an invariant that broke is logged, too", async () => {
    const { send, domains, log } = setup();
    domains.media.broken = fail("internal", "Invariant broken: 1 = 2");
    expect(await send("GET", "/v1/tasks/media_1")).toMatchObject({
      status: 500,
      body: { code: "internal", detail: expect.not.stringContaining("1 = 2") },
    });
    expect(log).toHaveLength(1);
  });

  test.each<[string, unknown, number, string, string]>([
    ["overloaded", Object.assign(new Error("x"), { overloaded: true, retryable: true }), 503, "overloaded", "1"],
    ["retryable", Object.assign(new Error("x"), { retryable: true }), 503, "domain_unreachable", "1"],
    ["a reset object", Object.assign(new Error("x"), { durableObjectReset: true }), 503, "domain_unreachable", "1"],
    ["a lost connection", new Error("Network connection lost."), 503, "domain_unreachable", "1"],
    ["ours, with its own time", fail("too_many_requests", "x", { retryAfterMs: 2_500 }), 429, "too_many_requests", "3"],
    [
      "ours, after it crossed RPC",
      Object.assign(new Error("full"), { name: "MillraceError", code: "storage_full", facts: {} }),
      503,
      "storage_full",
      "60",
    ],
  ])("%s", async (_name, broken, status, code, retryAfter) => {
    const { send, domains, log } = setup();
    domains.media.broken = broken;
    const answer = await send("GET", "/v1/tasks/media_1");
    expect(answer).toMatchObject({ status, body: { code } });
    expect(answer.headers.get("retry-after")).toBe(retryAfter);
    expect(log).toEqual([]);
  });

  test("an invalid_request has issues, also where nobody said which", async () => {
    const { send, domains } = setup();
    domains.media.broken = fail("invalid_request", "Too much of it.");
    expect((await send("GET", "/v1/tasks/media_1")).body.issues).toEqual([{ path: "", message: "Too much of it." }]);
    domains.media.broken = fail("invalid_request", "x", { issues: [{ path: "a", message: "b" }] });
    expect((await send("GET", "/v1/tasks/media_1")).body.issues).toEqual([{ path: "a", message: "b" }]);
  });

  test("without a log of its own it writes one line of JSON", async () => {
    const lines: unknown[] = [];
    const original = console.error;
    console.error = (line: unknown) => lines.push(line);
    try {
      const app = createGateway(registry, {
        domain: () => {
          throw new Error("boom");
        },
        coordinator: () => {
          throw new Error("boom");
        },
      });
      expect(await read(await app.request("/v1/snapshot", {}, OPEN))).toMatchObject({ status: 500 });
    } finally {
      console.error = original;
    }
    expect(lines).toHaveLength(1);
    expect(JSON.parse(String(lines[0]))).toMatchObject({ level: "error", path: "/v1/snapshot" });
  });
});

test("every answer carries the headers that keep it from being cached, sniffed or framed", async () => {
  const { send } = setup();
  for (const path of ["/healthz", "/v1/registry", "/v1/nothing", "/v1/tasks/media_9"]) {
    const { headers } = await send("GET", path);
    expect(Object.fromEntries(headers)).toMatchObject({
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
    });
  }
});
