import { createExecutionContext, env, reset } from "cloudflare:test";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { mill } from "../worker/index.ts";

// Any JSON; each test reads what it asserts.
type Body = any;

const OPEN = { ...env, MILLRACE_AUTH: "open" };
const WORK = "/v1/domains/work/tasks";

async function send(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
  bindings: object = OPEN,
): Promise<{ status: number; headers: Headers; body: Body }> {
  const json = body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json", ...headers } };
  const request = new Request(`http://mill${path}`, { method, headers, ...json });
  const response = await mill.fetch(request, bindings as Cloudflare.Env, createExecutionContext());
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === "" ? undefined : JSON.parse(text) };
}

let logged: string[] = [];
beforeEach(() => {
  logged = [];
  vi.spyOn(console, "error").mockImplementation((line) => void logged.push(String(line)));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await reset();
  // Nothing of what a test asks may end as an unexpected error.
  expect(logged).toEqual([]);
});

test("submit, wait, read, list, count, registry and snapshots, over real objects", async () => {
  const done = await send("POST", `${WORK}?wait=30s`, { type: "plain", payload: { n: 7 } });
  expect(done).toMatchObject({
    status: 201,
    body: { outcome: "inserted", id: "work_1", task: { status: "completed", result: 7, tags: { team: "test" } } },
  });
  expect(await send("GET", "/v1/tasks/work_1")).toMatchObject({ status: 200, body: { id: "work_1", status: "completed" } });
  expect(await send("GET", "/v1/tasks/work_1/result?wait=1s")).toMatchObject({ status: 200, body: { status: "completed", result: 7 } });
  const batch = await send("POST", `${WORK}/batch`, {
    tasks: [{ payload: { n: 1 } }, { payload: { n: 2 } }],
    defaults: { type: "plain", delay: "1h" },
  });
  expect(batch).toMatchObject({ status: 200, body: { counts: { inserted: 2 }, outcomes: [{ id: "work_2" }, { id: "work_3" }] } });
  await send("POST", "/v1/domains/other/tasks", { type: "play", payload: { do: "ok", name: "x" }, delay: "1h" });
  const first = await send("GET", "/v1/tasks?limit=2&status=scheduled");
  const second = await send("GET", `/v1/tasks?limit=2&status=scheduled&cursor=${first.body.next}`);
  expect([...first.body.items, ...second.body.items].map(({ id }: Body) => id)).toEqual(["other_1", "work_3", "work_2"]);
  expect((await send("GET", `${WORK}/count?status=scheduled`)).body).toEqual({ count: 2 });
  expect(await send("POST", "/v1/tasks/work_2/run-now")).toMatchObject({ status: 200, body: { id: "work_2" } });
  expect(await send("GET", "/v1/tasks/work_2/result?wait=30s")).toMatchObject({ status: 200, body: { result: 1 } });
  expect(await send("POST", "/v1/tasks/work_3/cancel")).toMatchObject({ status: 200, body: { status: "cancelled" } });
  expect(await send("GET", "/v1/tasks/work_3/result")).toMatchObject({
    status: 409,
    body: { code: "invalid_state", taskStatus: "cancelled" },
  });
  expect(await send("GET", "/v1/domains/work")).toMatchObject({
    status: 200,
    body: { name: "work", maxConcurrency: 8, counts: { completed: 2, cancelled: 1 } },
  });
  expect((await send("GET", "/v1/domains")).body.items.map(({ name }: Body) => name)).toEqual([
    "work",
    "other",
    "rounds",
    "strict",
    "hooked",
    "http",
  ]);
  expect((await send("GET", "/v1/registry")).body.domains[0].types[1]).toMatchObject({
    name: "plain",
    payloadSchema: { properties: { n: { type: "number" } } },
  });
  expect(await send("GET", "/v1/snapshot")).toMatchObject({ status: 200, body: { maxConcurrency: 8 } });
});

test("pause, cap and resume a domain; the mill's cap", async () => {
  expect(await send("POST", "/v1/domains/work/pause")).toMatchObject({ status: 200, body: { paused: true } });
  const { body } = await send("POST", WORK, { type: "plain", payload: { n: 1 } });
  expect(body.task).toMatchObject({ status: "paused", pausedBy: ["domain"] });
  expect(await send("GET", `/v1/tasks/${body.id}/result`)).toMatchObject({ status: 202, body: { status: "paused" } });
  expect(await send("PATCH", "/v1/domains/work", { maxConcurrency: 2 })).toMatchObject({
    status: 200,
    body: { maxConcurrency: 2, paused: true },
  });
  expect(await send("POST", "/v1/domains/work/resume")).toMatchObject({ status: 200, body: { paused: false } });
  expect(await send("GET", `/v1/tasks/${body.id}/result?wait=30s`)).toMatchObject({ status: 200, body: { result: 1 } });
  expect(await send("PATCH", "/v1/settings", { maxConcurrency: 5 })).toMatchObject({ status: 200, body: { maxConcurrency: 5 } });
});

test("[control] schedules: made, updated, patched, triggered, deleted", async () => {
  const plan = { name: "hourly", type: "plain", payload: { n: 3 }, every: "1h", priority: "high", tags: { a: "b" } };
  const made = await send("POST", "/v1/domains/work/schedules", plan);
  expect(made).toMatchObject({ status: 201, body: { name: "hourly", every: 3_600_000, payload: { n: 3 } } });
  const at = `/v1/schedules/${made.body.id}`;
  expect(await send("POST", "/v1/domains/work/schedules", { ...plan, every: "2h" })).toMatchObject({
    status: 200,
    body: { id: made.body.id, every: 7_200_000 },
  });
  expect((await send("PATCH", at, { cron: "30 2 * * *", timezone: "Europe/Berlin" })).body).toMatchObject({
    cron: "30 2 * * *",
    timezone: "Europe/Berlin",
    payload: { n: 3 },
  });
  expect((await send("PATCH", at, { payload: { n: 4 } })).body).toMatchObject({
    cron: "30 2 * * *",
    payload: { n: 4 },
    options: { priority: 64, tags: { a: "b" } },
  });
  expect(await send("PATCH", at, { cron: "61 2 * * *" })).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  expect(await send("PATCH", at, { timezone: "Mars/Olympus" })).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  const { lastTask } = (await send("POST", `${at}/trigger`)).body;
  expect(await send("GET", `/v1/tasks/${lastTask}/result?wait=30s`)).toMatchObject({ status: 200, body: { result: 4 } });
  expect((await send("GET", `${WORK}?schedule=${made.body.id}`)).body.items).toMatchObject([{ id: lastTask, schedule: made.body.id }]);
  expect((await send("GET", "/v1/domains/work/schedules")).body.items).toMatchObject([{ id: made.body.id }]);
  expect(await send("DELETE", at)).toMatchObject({ status: 200 });
  expect(await send("GET", at)).toMatchObject({ status: 404, body: { code: "schedule_not_found" } });
});

test("[idempotency key] #1 one task, also for repeats at the same time", async () => {
  const key = { "idempotency-key": "once" };
  const answers = await Promise.all([1, 2, 3].map(() => send("POST", WORK, { type: "plain", payload: { n: 1 }, delay: "1h" }, key)));
  expect(answers.map(({ status, body }) => [status, body.outcome, body.id])).toEqual(
    Array.from({ length: 3 }, () => [201, "inserted", "work_1"]),
  );
  expect(answers.filter(({ headers }) => headers.get("idempotent-replayed") === "true")).toHaveLength(2);
  expect(await send("POST", WORK, { type: "plain", payload: { n: 2 }, delay: "1h" }, key)).toMatchObject({
    status: 409,
    body: { code: "idempotency_conflict" },
  });
});

test("errors of the objects come as problems", async () => {
  expect(await send("GET", "/v1/tasks/work_99")).toMatchObject({ status: 404, body: { code: "task_not_found" } });
  expect(await send("POST", "/v1/tasks/work_99/cancel")).toMatchObject({ status: 404, body: { code: "task_not_found" } });
  expect(await send("GET", "/v1/tasks/ghost_1")).toMatchObject({ status: 404, body: { code: "unknown_domain" } });
  expect(await send("POST", WORK, { type: "hidden", payload: { secret: "x" } })).toMatchObject({
    status: 400,
    body: { code: "not_submittable" },
  });
  await send("POST", `${WORK}?wait=30s`, { type: "plain", payload: { n: 1 } });
  expect(await send("POST", "/v1/tasks/work_1/cancel")).toMatchObject({ status: 409, body: { code: "invalid_state" } });
});

test("#52 a lone surrogate in a payload goes through storage unchanged; half a pair in a key is refused", async () => {
  const { body } = await send("POST", `${WORK}?wait=30s`, { type: "play", payload: { do: "ok", name: "a\ud800b" }, key: null });
  expect(body.task.payload.name).toBe("a\ud800b");
  expect((await send("GET", `/v1/tasks/${body.id}`)).body.payload.name).toBe("a\ud800b");
  expect(await send("POST", WORK, { type: "plain", payload: { n: 1 }, key: "\ud800" })).toMatchObject({
    status: 400,
    body: { code: "invalid_request" },
  });
});

test("tokens are compared by the platform's own constant-time comparison", async () => {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode("s3cret")));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const bindings = {
    MILLRACE_TOKENS: JSON.stringify([
      { name: "a", sha256: "0".repeat(64), role: "admin" },
      { name: "b", sha256, role: "viewer", domains: ["work"] },
    ]),
  };
  const compare = vi.spyOn(crypto.subtle, "timingSafeEqual");
  expect(await send("GET", "/v1/me", undefined, { authorization: "Bearer s3cret" }, bindings)).toMatchObject({
    status: 200,
    body: { name: "b", role: "viewer", domains: ["work"] },
  });
  expect(compare).toHaveBeenCalledTimes(2);
  expect(await send("GET", "/v1/me", undefined, { authorization: "Bearer wrong" }, bindings)).toMatchObject({ status: 401 });
  expect(await send("GET", "/v1/me", undefined, {}, env)).toMatchObject({
    status: 401,
    body: { detail: expect.stringContaining("MILLRACE_TOKENS") },
  });
  expect(await send("GET", "/healthz", undefined, {}, env)).toMatchObject({ status: 200, body: { auth: "unconfigured" } });
});

test("a streamed body above 8 MiB is cut off while it comes in", async () => {
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 262_144;
      if (sent > 64 * 1_048_576) controller.close();
      else controller.enqueue(new Uint8Array(262_144).fill(0x20));
    },
  });
  const response = await mill.fetch(
    new Request(`http://mill${WORK}`, { method: "POST", body }),
    OPEN as unknown as Cloudflare.Env,
    createExecutionContext(),
  );
  expect(response.status).toBe(413);
  expect(await response.json()).toMatchObject({ code: "payload_too_large" });
  expect(sent).toBeLessThan(16 * 1_048_576);
});
