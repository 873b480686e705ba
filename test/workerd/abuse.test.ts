import { createExecutionContext, env, reset } from "cloudflare:test";
import fc from "fast-check";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ERROR_STATUS } from "../../src/policy/errors.ts";
import { ROUTES } from "../../src/worker/gateway.ts";
import { mill } from "../worker/index.ts";
import { expectBalanced } from "../worker/laws.ts";

// What a careless or ill-willed caller sends: refused with a documented code, never an unexpected error, and nothing changed.
const OPEN = { ...env, MILLRACE_AUTH: "open" } as unknown as Cloudflare.Env;
const WORK = "/v1/domains/work/tasks";
const plain = { type: "plain", payload: { n: 1 }, delay: "1h" };

type Asking = Omit<RequestInit, "body"> & { body?: string | ReadableStream | Uint8Array };
async function raw(path: string, init: Asking = {}, bindings = OPEN) {
  const response = await mill.fetch(new Request(`http://mill${path}`, init as RequestInit), bindings, createExecutionContext());
  const { status, headers } = response;
  // A stream of events has no end.
  if (headers.get("content-type")?.startsWith("text/event-stream")) await response.body?.cancel();
  return { status, headers, text: response.bodyUsed ? "" : await response.text() };
}
async function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<{ status: number; body: any }> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const answer = await raw(path, { method: "POST", body: text, headers: { "content-type": "application/json", ...headers } });
  return { status: answer.status, body: JSON.parse(answer.text) };
}
const count = async () => JSON.parse((await raw(`${WORK}/count`)).text).count as number;

let logged: string[] = [];
beforeEach(() => {
  logged = [];
  vi.spyOn(console, "error").mockImplementation((line) => void logged.push(String(line)));
});
afterEach(() => {
  vi.restoreAllMocks();
  expect(logged).toEqual([]);
});
afterAll(() => reset());

describe("bodies", () => {
  test("a Content-Length that lies is not believed: too much is refused before, too little is counted", async () => {
    const declared = await raw(WORK, {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json", "content-length": "99999999" },
    });
    expect([declared.status, JSON.parse(declared.text).code]).toEqual([413, "payload_too_large"]);
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 1_048_576;
        if (sent > 32 * 1_048_576) controller.close();
        else controller.enqueue(new Uint8Array(1_048_576).fill(0x20));
      },
    });
    const lying = await raw(WORK, { method: "POST", body, headers: { "content-type": "application/json", "content-length": "12" } });
    expect([lying.status, JSON.parse(lying.text).code]).toEqual([413, "payload_too_large"]);
    expect(sent).toBeLessThan(16 * 1_048_576);
  });

  test.each([
    ["JSON that is nested 100,000 deep", `{"type":"plain","payload":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, 400],
    ["brackets that never close", `{"a":`.repeat(50_000), 400],
    ["a payload over 1 MiB", JSON.stringify({ type: "plain", payload: { n: 1, big: "x".repeat(1_100_000) } }), 413],
    ["10,000 tags", JSON.stringify({ ...plain, tags: Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`t${n}`, "x"])) }), 400],
    ["a tag of 1 MB", JSON.stringify({ ...plain, tags: { a: "x".repeat(1_000_000) } }), 400],
    ["a key of 1 MB", JSON.stringify({ ...plain, key: "k".repeat(1_000_000) }), 400],
    ["10,001 tasks", JSON.stringify({ tasks: Array.from({ length: 10_001 }, () => plain) }), 413],
    ["dependencies by the hundred thousand", JSON.stringify({ ...plain, dependsOn: Array.from({ length: 100_000 }, () => "work_1") }), 400],
    ["__proto__", `{"type":"plain","payload":{"n":1},"__proto__":{"role":"admin"}}`, 400],
    ["constructor as a type", JSON.stringify({ type: "constructor", payload: {} }), 404],
    ["toString as a tag's key with an object", JSON.stringify({ ...plain, tags: { toString: {} } }), 400],
    ["numbers beyond all", `{"type":"plain","payload":{"n":1e999}}`, 400],
    ["a form", "type=plain&payload=1", 400],
    ["bytes that are no UTF-8", "\uFFFF\u0000", 400],
  ])("%s", async (_name, text, status) => {
    const before = await count();
    const answer = await post(text.includes('"tasks"') ? `${WORK}/batch` : WORK, text);
    expect([answer.status, answer.body.code in ERROR_STATUS]).toEqual([status, true]);
    expect(JSON.stringify(answer.body).length).toBeLessThan(20_000);
    expect(await count()).toBe(before);
  });
});

describe("names, ids and cursors", () => {
  test.each([
    "/v1/domains/work%2Ftasks",
    "/v1/domains/..%2F..%2Fadmin",
    "/v1/domains/work/../../healthz/../v1/domains/%00",
    "/v1/domains/WORK",
    "/v1/domains/w\u043Erk",
    "/v1/domains/constructor",
    "/v1/domains/__proto__/tasks",
    "/v1/tasks/work_1%00",
    "/v1/tasks/work_01",
    "/v1/tasks/work_1e3",
    "/v1/tasks/work_9007199254740993",
    "/v1/tasks/work_-1",
    "/v1/tasks/work_%F0%9F%92%A9",
    `/v1/tasks/work_${"9".repeat(5_000)}`,
    "/v1/tasks/%E0%A4%A",
    "/v1/schedules/work_s0",
    "/v1/tasks/work_1%2Fcancel",
    "/v1//tasks",
  ])("%s leads nowhere, and is repeated in no unsafe way", async (path) => {
    const { status, headers, text } = await raw(path);
    expect([400, 404]).toContain(status);
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(text.length).toBeLessThan(2_000);
  });

  test("cursors: made up, huge, of another list, of another filter, with the sum cut off", async () => {
    for (let n = 0; n < 3; n += 1) await post(WORK, plain);
    const next = JSON.parse((await raw(`${WORK}?limit=1`)).text).next as string;
    expect((await raw(`${WORK}?limit=1&cursor=${next}`)).status).toBe(200);
    const bad = [
      "x",
      "A".repeat(8_000),
      btoa('{"work":1}'),
      next.slice(1),
      next.slice(0, -1),
      `${next}A`,
      "%00",
      "../../x",
      next.toLowerCase(),
    ];
    for (const cursor of bad) expect([cursor, (await raw(`${WORK}?cursor=${encodeURIComponent(cursor)}`)).status]).toEqual([cursor, 400]);
    for (const list of ["/v1/tasks?", `${WORK}?type=plain&`, "/v1/domains/other/tasks?", "/v1/audit?", "/v1/domains/work/schedules?"])
      expect([list, (await raw(`${list}cursor=${next}`)).status]).toEqual([list, 400]);
  });

  test("forged leases settle nothing", async () => {
    const { body } = await post(WORK, { type: "pulled", payload: { do: "ok" } });
    const { lease } = (await post("/v1/domains/work/claims", { worker: "w", wait: "30s" })).body.claims[0];
    const forged = [
      lease.slice(0, -1) + (lease.endsWith("0") ? "1" : "0"),
      lease.toUpperCase(),
      `${lease}0`,
      lease.replace("work", "other"),
      "work_l",
      `work_l${"0".repeat(24)}`,
    ];
    for (const one of forged)
      for (const act of ["renew", "complete", "fail", "release"])
        expect([one, (await post(`/v1/claims/${one}/${act}`, act === "fail" ? { error: "x" } : {})).body.code]).toEqual([
          one,
          "lease_lost",
        ]);
    expect(JSON.parse((await raw(`/v1/tasks/${body.id}`)).text).status).toBe("running");
    expect((await post(`/v1/claims/${lease}/complete`, {})).status).toBe(200);
    expect((await post(`/v1/claims/${lease}/complete`, {})).body.code).toBe("lease_lost");
  });
});

test("line breaks in names and keys make no header; markup in texts stays JSON", async () => {
  const html = `<img src=x onerror="alert(1)">`;
  const made = await post(WORK, { ...plain, label: html, tags: { html }, key: html });
  expect(made).toMatchObject({ status: 201, body: { task: { label: html } } });
  const shown = await raw(`/v1/tasks/${made.body.id}`);
  expect(shown.headers.get("content-type")).toBe("application/json; charset=UTF-8");
  expect(shown.headers.get("x-content-type-options")).toBe("nosniff");
  expect(shown.headers.get("content-security-policy")).toContain("default-src 'none'");
  const refused = await post(WORK, { type: html, payload: {} });
  expect(refused.status).toBe(404);
  const wrong = await raw(`/v1/tasks/work_1%0d%0aset-cookie:%20a=b`);
  expect([wrong.status, wrong.headers.get("set-cookie")]).toEqual([404, null]);
  for (const key of ["a".repeat(256), " "]) expect([key, (await post(WORK, plain, { "idempotency-key": key })).status]).toEqual([key, 400]);
});

const TEXT = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.constantFrom(
    "work",
    "work_1",
    "work_s1",
    "media_1",
    "..",
    "%2F",
    "__proto__",
    "\u202e",
    "0",
    "-1",
    "1e9",
    "true",
    "null",
    "30s",
    "🦀",
  ),
);
const WILD = fc.oneof(TEXT.map(encodeURIComponent), fc.constantFrom("%", "%zz", "work%2f_1", "%E0%A4%A", "work;x=1", "work_1.json"));
/** So many paths to choose from, each as likely as the other. */
const ROUTED_COUNT = ROUTES.length + 3;
const ROUTED = fc.constantFrom(...ROUTES.map(({ path }) => path), "/healthz", "/v1/none/:x", "/");

test("#52 names that every object has are names like others, on every route that takes one", async () => {
  const wrong: string[] = [];
  let answered = 0;
  for (const { method, path } of ROUTES.filter((route) => route.path.includes(":"))) {
    for (const name of Object.getOwnPropertyNames(Object.prototype)) {
      for (const body of [undefined, "{}", '{"weight":1}', JSON.stringify({ value: 1, ttl: "1s" })]) {
        if (method === "GET" && body !== undefined) continue;
        const answer = await raw(path.replaceAll(/:\w+/g, name), {
          method,
          ...(body === undefined ? {} : { body, headers: { "content-type": "application/json" } }),
        });
        if (answer.status < 300) answered += 1;
        if (answer.status >= 500 || answer.text.includes("native code")) wrong.push(`${method} ${path} ${name} ${body}: ${answer.text}`);
      }
    }
  }
  expect(wrong).toEqual([]);
  // A group may be called so.
  expect(answered).toBeGreaterThan(30);
});

test("2,000 requests of any kind for each route: documented codes alone, never a 500, and the counters balance", async () => {
  const asking = fc.record({
    method: fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"),
    path: fc
      .tuple(
        ROUTED,
        fc.array(
          fc.oneof({ arbitrary: fc.constantFrom("work", "work_1", "work_s1", "other"), weight: 2 }, { arbitrary: WILD, weight: 1 }),
          { minLength: 3, maxLength: 3 },
        ),
      )
      .map(([path, names]) => path.replaceAll(/:\w+/g, () => names.pop() ?? "x")),
    query: fc.array(fc.tuple(fc.oneof(fc.constantFrom("limit", "cursor", "status", "tag", "since", "q", "type"), TEXT), TEXT), {
      maxLength: 2,
    }),
    body: fc.oneof(
      fc.constant(undefined),
      fc.json({ maxDepth: 4 }),
      TEXT,
      fc.record({ type: TEXT, payload: fc.jsonValue(), key: fc.jsonValue() }).map((value) => JSON.stringify(value)),
    ),
    headers: fc.constantFrom<Record<string, string>>(
      {},
      { "idempotency-key": "k" },
      { "content-type": "text/xml" },
      { "content-encoding": "gzip" },
      { authorization: "Bearer x" },
      { accept: "text/html" },
    ),
  });
  const codes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(asking, { minLength: 20, maxLength: 20 }), async (batch) => {
      await Promise.all(
        batch.map(async ({ method, path, query, body, headers }) => {
          const search = query
            .filter(([name]) => name !== "wait")
            .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
          const none = method === "GET" || method === "HEAD" || body === undefined;
          const answer = await raw(`${path}?${search.join("&")}`, { method, headers: { ...headers }, ...(none ? {} : { body }) });
          const of = `${method} ${path} answered ${answer.status}: ${answer.text.slice(0, 300)}`;
          expect(answer.status, of).not.toBe(500);
          if (answer.status < 400 || method === "HEAD") return;
          const { code, status } = JSON.parse(answer.text);
          expect([ERROR_STATUS[code as keyof typeof ERROR_STATUS], status], of).toEqual([answer.status, answer.status]);
          codes.add(code);
        }),
      );
    }),
    { numRuns: ROUTED_COUNT * 100 },
  );
  expect(codes.size).toBeGreaterThan(5);
  for (const domain of ["work", "other"]) await expectBalanced(domain);
}, 240_000);
