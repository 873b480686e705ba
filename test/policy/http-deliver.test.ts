import { describe, expect, test } from "vitest";
import { deliver, type Delivery, type DeliveryRules } from "../../src/domains/http/deliver.ts";
import { deliveryPayload } from "../../src/domains/http/payload.ts";
import { verifySignature } from "../../src/domains/http/sign.ts";

const KEY = "signing-key-0123456789";
const NOW = Date.UTC(2026, 10, 20, 12);
const rules: DeliveryRules = { keys: [KEY], allowPrivate: false, trustedOrigins: [], retryAfterMaxMs: 3_600_000 };

interface Seen {
  url: string;
  method: string | undefined;
  headers: Record<string, string>;
  body: unknown;
}

/** A net of canned answers by URL; every request is noted. */
function net(answers: Record<string, () => Response | Error>) {
  const seen: Seen[] = [];
  const fetch = async (url: string, init: RequestInit) => {
    seen.push({ url, method: init.method, headers: init.headers as Record<string, string>, body: init.body });
    expect(init.redirect).toBe("manual");
    const answer = answers[url]?.() ?? new Error(`no route to ${url}`);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { seen, fetch };
}

const clock = { now: () => NOW, after: () => () => {} };
const to = (status: number, location: string) => () => new Response("moved", { status, headers: { location } });
const ok = () => new Response("thanks", { status: 200 });

function send(
  fetch: ReturnType<typeof net>["fetch"],
  change: { delivery?: Partial<Delivery>; rules?: Partial<DeliveryRules>; signal?: AbortSignal } = {},
) {
  const delivery = {
    url: "https://a.example/hook?token=x",
    body: { n: 1 },
    headers: { Authorization: "Bearer secret" },
    ...change.delivery,
  };
  const context = { task: { id: "http_7" }, attempt: 2, signal: change.signal ?? new AbortController().signal };
  return deliver(delivery, { ...rules, ...change.rules }, context, { fetch, clock });
}

describe("one request", () => {
  test("is a signed JSON POST that names task and attempt", async () => {
    const { seen, fetch } = net({ "https://a.example/hook?token=x": ok });
    expect(await send(fetch)).toEqual({ status: 200, url: "https://a.example/hook", redirects: 0, answer: "thanks", truncated: false });
    const [request] = seen;
    expect(request).toMatchObject({ method: "POST", body: '{"n":1}' });
    expect(request!.headers).toMatchObject({
      "content-type": "application/json",
      authorization: "Bearer secret",
      "millrace-delivery": "http_7",
      "millrace-attempt": "2",
    });
    expect(await verifySignature({ body: '{"n":1}', header: request!.headers["millrace-signature"], keys: KEY, now: NOW })).toBe(true);
  });

  test("goes unsigned only when told so; a missing key is permanent and nothing is sent", async () => {
    const { seen, fetch } = net({ "https://a.example/hook?token=x": ok });
    await send(fetch, { rules: { keys: "unsigned" } });
    expect(seen[0]!.headers).not.toHaveProperty("millrace-signature");
    await expect(send(fetch, { rules: { keys: [undefined] } })).rejects.toMatchObject({
      name: "NonRetryableError",
      code: "signing_key_invalid",
    });
    expect(seen).toHaveLength(1);
  });

  test("a refused address is never asked", async () => {
    const { seen, fetch } = net({});
    await expect(send(fetch, { delivery: { url: "http://[::ffff:7f00:1]:80/" } })).rejects.toMatchObject({
      name: "NonRetryableError",
      code: "address_refused",
      message: expect.stringContaining("127.0.0.1"),
    });
    expect(seen).toHaveLength(0);
    await expect(
      send(net({ "http://127.0.0.1/": ok }).fetch, { delivery: { url: "http://127.1" }, rules: { allowPrivate: true } }),
    ).resolves.toMatchObject({ status: 200 });
  });

  test("a failed connection is retried, an abort keeps its reason", async () => {
    const failing = net({ "https://a.example/hook?token=x": () => new Error("connection reset") });
    await expect(send(failing.fetch)).rejects.toMatchObject({
      name: "Error",
      message: "POST https://a.example/hook failed: connection reset",
    });
    const reason = new Error("timeout");
    await expect(send(failing.fetch, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(failing.seen).toHaveLength(1);
    const controller = new AbortController();
    const aborting = net({ "https://a.example/hook?token=x": () => (controller.abort(reason), new Error("The operation was aborted")) });
    await expect(send(aborting.fetch, { signal: controller.signal })).rejects.toBe(reason);
  });
});

describe("what an answer means", () => {
  const answer = (status: number, headers: Record<string, string> = {}, body: BodyInit | null = "said") =>
    send(
      net({ "https://a.example/hook?token=x": () => new Response(status === 204 || status === 304 ? null : body, { status, headers }) })
        .fetch,
    ).then(
      (result) => ({ outcome: "delivered", result }),
      (error) => ({ outcome: error.name as string, error }),
    );

  test.each([200, 201, 202, 204, 299])("%i is delivered", async (status) => {
    expect(await answer(status)).toMatchObject({ outcome: "delivered", result: { status } });
  });
  test.each([300, 304, 400, 401, 403, 404, 405, 409, 410, 413, 418, 422, 431, 451])("%i is permanent", async (status) => {
    expect(await answer(status)).toMatchObject({ outcome: "NonRetryableError", error: { code: `http_${status}` } });
  });
  test.each([408, 425, 429, 500, 501, 502, 503, 504, 521, 599])("%i is retried", async (status) => {
    const { outcome, error } = (await answer(status)) as { outcome: string; error: Error };
    expect(outcome).toBe("Error");
    expect(error.message).toBe(`https://a.example/hook answered ${status}: said`);
  });
  test.each([
    [503, "120", 120_000],
    [429, "Fri, 20 Nov 2026 12:00:30 GMT", 30_000],
    [500, "86400", 3_600_000],
  ])("%i with Retry-After %s waits %i ms", async (status, retryAfter, retryAfterMs) => {
    expect(await answer(status, { "retry-after": retryAfter })).toMatchObject({ outcome: "RetryAfterError", error: { retryAfterMs } });
  });
  test.each(["0", "soon", "Fri, 20 Nov 2020 12:00:30 GMT"])("503 with Retry-After %s keeps the type's own backoff", async (retryAfter) => {
    expect(await answer(503, { "retry-after": retryAfter })).toMatchObject({ outcome: "Error" });
  });
  test("Retry-After does not make a permanent answer retryable", async () => {
    expect(await answer(404, { "retry-after": "5" })).toMatchObject({ outcome: "NonRetryableError" });
  });

  test("2 KB of the answer are kept, cut between characters", async () => {
    expect(await answer(200, {}, "x".repeat(2_048))).toMatchObject({ result: { answer: "x".repeat(2_048), truncated: false } });
    expect(await answer(200, {}, "x".repeat(2_049))).toMatchObject({ result: { answer: "x".repeat(2_048), truncated: true } });
    expect(await answer(200, {}, `x${"ü".repeat(2_000)}`)).toMatchObject({ result: { answer: `x${"ü".repeat(1_023)}`, truncated: true } });
    expect(await answer(400, {}, "y".repeat(5_000))).toMatchObject({
      error: { message: `https://a.example/hook answered 400: ${"y".repeat(2_048)}…` },
    });
    expect(await answer(500, {}, null)).toMatchObject({ error: { message: "https://a.example/hook answered 500: with an empty body" } });
  });

  test("a body that breaks or drips does not undo a delivery", async () => {
    const chunk = new TextEncoder().encode("begun");
    let pulls = 0;
    const broken = new ReadableStream({
      pull: (controller) => (pulls++ === 0 ? controller.enqueue(chunk) : controller.error(new Error("reset"))),
    });
    expect(await answer(200, {}, broken)).toMatchObject({ result: { answer: "begun", truncated: true } });
    const dripping = new ReadableStream({ start: (controller) => controller.enqueue(chunk) });
    const { fetch } = net({ "https://a.example/hook?token=x": () => new Response(dripping) });
    const lateClock = { now: () => NOW, after: (_ms: number, action: () => void) => (setTimeout(action, 0), () => {}) };
    const context = { task: { id: "http_7" }, attempt: 1, signal: new AbortController().signal };
    const delivered = await deliver({ url: "https://a.example/hook?token=x", body: null }, rules, context, { fetch, clock: lateClock });
    expect(delivered).toMatchObject({ status: 200, answer: "begun", truncated: true });
  });
});

describe("redirects", () => {
  test.each([301, 302, 307, 308])("%i repeats the POST with its body, signed again at the same origin", async (status) => {
    const { seen, fetch } = net({ "https://a.example/hook?token=x": to(status, "/new"), "https://a.example/new": ok });
    expect(await send(fetch)).toMatchObject({ status: 200, url: "https://a.example/new", redirects: 1 });
    expect(seen[1]).toMatchObject({ method: "POST", body: '{"n":1}', headers: { authorization: "Bearer secret" } });
    expect(await verifySignature({ body: '{"n":1}', header: seen[1]!.headers["millrace-signature"], keys: KEY, now: NOW })).toBe(true);
  });

  test("303 goes on with a GET: no body, no signature", async () => {
    const { seen, fetch } = net({ "https://a.example/hook?token=x": to(303, "/done"), "https://a.example/done": ok });
    expect(await send(fetch)).toMatchObject({ redirects: 1 });
    expect(seen[1]).toMatchObject({ method: "GET", body: undefined });
    expect(seen[1]!.headers).not.toHaveProperty("millrace-signature");
    expect(seen[1]!.headers).not.toHaveProperty("content-type");
  });

  test.each(["https://b.example/in", "https://a.example:8443/in", "https://sub.a.example/in"])(
    "another origin (%s) sees neither signature nor the task's headers, nor does the first after it",
    async (elsewhere) => {
      const { seen, fetch } = net({
        "https://a.example/hook?token=x": to(307, elsewhere),
        [elsewhere]: to(307, "https://a.example/back"),
        "https://a.example/back": ok,
      });
      await send(fetch);
      expect(seen.map((request) => request.url)).toEqual(["https://a.example/hook?token=x", elsewhere, "https://a.example/back"]);
      for (const request of seen.slice(1)) {
        expect(request).toMatchObject({ method: "POST", body: '{"n":1}' });
        expect(Object.keys(request.headers).toSorted()).toEqual(["content-type", "millrace-attempt", "millrace-delivery", "user-agent"]);
      }
    },
  );

  test("a trusted origin is signed for", async () => {
    const { seen, fetch } = net({ "https://a.example/hook?token=x": to(308, "https://b.example/in"), "https://b.example/in": ok });
    await send(fetch, { rules: { trustedOrigins: ["https://b.example"] } });
    expect(await verifySignature({ body: '{"n":1}', header: seen[1]!.headers["millrace-signature"], keys: KEY, now: NOW })).toBe(true);
  });

  test.each([
    "http://127.0.0.1/",
    "http://2130706433/",
    "http://[::1]/",
    "//localhost/x",
    "http://169.254.169.254/latest",
    "https://db.internal/",
    "file:///etc/passwd",
    "https://u:p@b.example/",
    "http://[broken",
  ])("to %s is refused, nothing is sent there", async (location) => {
    const { seen, fetch } = net({ "https://a.example/hook?token=x": to(307, location) });
    await expect(send(fetch)).rejects.toMatchObject({ name: "NonRetryableError", code: "address_refused" });
    expect(seen).toHaveLength(1);
  });

  test("from https to http is refused", async () => {
    const { fetch } = net({ "https://a.example/hook?token=x": to(307, "http://a.example/") });
    await expect(send(fetch)).rejects.toMatchObject({ name: "NonRetryableError", code: "redirect_refused" });
  });

  test("five are followed, a sixth is not", async () => {
    const hops = (count: number) => ({
      ...Object.fromEntries(Array.from({ length: count }, (_, n) => [`https://a.example/${n}`, to(307, `/${n + 1}`)])),
      [`https://a.example/${count}`]: ok,
    });
    expect(await send(net(hops(5)).fetch, { delivery: { url: "https://a.example/0" } })).toMatchObject({ redirects: 5 });
    const { seen, fetch } = net(hops(6));
    await expect(send(fetch, { delivery: { url: "https://a.example/0" } })).rejects.toMatchObject({ code: "too_many_redirects" });
    expect(seen).toHaveLength(6);
  });

  test("a message never shows the query, where tokens are", async () => {
    const { fetch } = net({ "https://a.example/hook?token=x": to(307, "http://10.0.0.1/?secret=1") });
    await expect(send(fetch)).rejects.toMatchObject({ message: expect.not.stringMatching(/token|secret/) });
  });
});

describe("the payload", () => {
  const valid = (change: object) => deliveryPayload.safeParse({ url: "https://a.example/", body: {}, ...change }).success;
  test.each([
    [{}, true],
    [{ body: null }, true],
    [{ body: [1, "a", { b: true }] }, true],
    [{ headers: { "X-Tenant": "7" } }, true],
    [{ url: "/relative" }, false],
    [{ url: "ftp://a.example/" }, false],
    [{ url: "https://u:p@a.example/" }, false],
    [{ url: `https://a.example/${"x".repeat(2_048)}` }, false],
    [{ body: undefined }, false],
    [{ method: "PUT" }, false],
    [{ headers: { Host: "b.example" } }, false],
    [{ headers: { "Millrace-Signature": "t=1" } }, false],
    [{ headers: { "Content-Length": "1" } }, false],
    [{ headers: { "a b": "1" } }, false],
    [{ headers: { a: "1\r\nb: 2" } }, false],
    [{ headers: { a: "x".repeat(4_097) } }, false],
    [{ headers: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`h${n}`, "1"])) }, false],
  ])("%j: %s", (change, expected) => {
    expect(valid(change)).toBe(expected);
  });
});
