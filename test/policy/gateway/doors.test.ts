import { expect, test } from "vitest";
import { OPEN, setup, sha256 } from "./setup.ts";

const TOKENS = { MILLRACE_TOKENS: JSON.stringify([{ name: "v", sha256: sha256("v"), role: "viewer" }]) };
const bearer = { authorization: "Bearer v" };
const SITE = "https://ops.example.com";

test("other sites' pages: nothing unless they are configured, and then without opening anything to others", async () => {
  const preflight = { origin: SITE, "access-control-request-method": "POST" };
  const closed = setup(TOKENS).app;
  const ask = (env: object, init: RequestInit, path = "/v1/tasks") => closed.request(path, init, env);
  expect((await ask(TOKENS, { headers: { ...bearer, origin: SITE } })).headers.get("access-control-allow-origin")).toBeNull();
  expect((await ask(TOKENS, { method: "OPTIONS", headers: preflight })).status).toBe(401);
  const shared = { ...TOKENS, MILLRACE_CORS: `https://a.example, ${SITE}` };
  const read = await ask(shared, { headers: { ...bearer, origin: SITE } });
  expect([read.status, read.headers.get("access-control-allow-origin"), read.headers.get("vary")]).toEqual([200, SITE, "Origin"]);
  // A problem is readable, too; and a token is needed as ever.
  const denied = await ask(shared, { headers: { origin: SITE } });
  expect([denied.status, denied.headers.get("access-control-allow-origin")]).toEqual([401, SITE]);
  for (const path of ["/v1/nonsense", "/nonsense"])
    expect((await ask(shared, { headers: { ...bearer, origin: SITE } }, path)).headers.get("access-control-allow-origin")).toBe(SITE);
  const asked = await ask(shared, { method: "OPTIONS", headers: preflight }, "/v1/domains/media/tasks");
  expect([asked.status, asked.headers.get("access-control-allow-methods")]).toEqual([204, "POST, GET, HEAD"]);
  // A page reads events by fetch, since EventSource sends no token: it says itself after which one it goes on.
  for (const name of ["authorization", "idempotency-key", "last-event-id"])
    expect(asked.headers.get("access-control-allow-headers")).toContain(name);
  expect(asked.headers.get("access-control-allow-credentials")).toBeNull();
  for (const origin of ["https://ops.example.com.evil.example", "http://ops.example.com", "null", "https://other.example"]) {
    const other = await ask(shared, { headers: { ...bearer, origin } });
    expect([origin, other.headers.get("access-control-allow-origin")]).toEqual([origin, null]);
    expect((await ask(shared, { method: "OPTIONS", headers: { ...preflight, origin } })).status).toBe(401);
  }
  expect(
    (await ask({ ...TOKENS, MILLRACE_CORS: "*" }, { headers: { ...bearer, origin: SITE } })).headers.get("access-control-allow-origin"),
  ).toBeNull();
});

test("a token over the limit of the platform's binding is told to wait, by its name; a wrong one never gets that far", async () => {
  const keys: string[] = [];
  let left = 2;
  const limit = async ({ key }: { key: string }) => {
    keys.push(key);
    left -= 1;
    return { success: left >= 0 };
  };
  const { send, domains } = setup({ ...TOKENS, MILLRACE_RATE_LIMIT: { limit } });
  expect(await send("GET", "/v1/tasks", undefined, { authorization: "Bearer wrong" })).toMatchObject({ status: 401 });
  for (const status of [200, 200, 429]) expect((await send("GET", "/v1/tasks", undefined, bearer)).status).toBe(status);
  const answer = await send("GET", "/v1/tasks", undefined, bearer);
  expect(answer).toMatchObject({ status: 429, body: { code: "too_many_requests" } });
  expect(answer.headers.get("retry-after")).toBe("10");
  expect(keys).toEqual(Array.from({ length: 4 }, () => "token/v"));
  expect(domains.media.calls).toEqual(["list", "list"]);
});

test("/docs: a page that runs its own script alone and asks no other host; without a token it is 401, and asks for one", async () => {
  const { app } = setup(TOKENS);
  const html = { accept: "text/html,*/*" };
  const pages = [
    await app.request("/docs", { headers: { ...html, ...bearer } }, TOKENS),
    await app.request("/docs", { headers: html }, TOKENS),
  ];
  expect(pages.map(({ status }) => status)).toEqual([200, 401]);
  const nonces = new Set<string>();
  for (const answer of pages) {
    const policy = answer.headers.get("content-security-policy")!;
    const text = await answer.text();
    const nonce = /'nonce-([0-9a-f]{32})'/.exec(policy)![1]!;
    nonces.add(nonce);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval|script-src[^;]*unsafe-inline/);
    expect(text.match(/<script/g)).toHaveLength(1);
    expect(text).toContain(`<script nonce="${nonce}">`);
    expect(text).not.toMatch(/https?:\/\//);
    // As text, never as markup: what a description says cannot become part of the page.
    expect(text).not.toMatch(/innerHTML|insertAdjacentHTML|document\.write/);
  }
  expect(nonces.size).toBe(2);
  // Programs get a problem, and a mill without tokens tells everybody how to configure one.
  const plain = await app.request("/docs", {}, TOKENS);
  expect([plain.status, plain.headers.get("content-type")]).toEqual([401, "application/problem+json"]);
  const unconfigured = await setup({}).app.request("/docs", { headers: html }, {});
  expect([unconfigured.status, unconfigured.headers.get("content-type")]).toEqual([401, "application/problem+json"]);
});

test("the page's script is valid JavaScript", async () => {
  const text = await (await setup().app.request("/docs", {}, OPEN)).text();
  const script = /<script nonce="[0-9a-f]+">([\s\S]*)<\/script>/.exec(text)![1]!;
  // oxlint-disable-next-line no-new-func -- compiled, not run
  expect(() => new Function(script)).not.toThrow();
});

test("every answer has the headers that keep it from being cached, sniffed, framed or run", async () => {
  const { app } = setup(TOKENS);
  for (const [path, headers] of [
    ["/healthz", {}],
    ["/v1/tasks", bearer],
    ["/v1/tasks", {}],
    ["/v1/none", bearer],
    ["/docs", bearer],
    ["/openapi.json", bearer],
  ] as const) {
    const answer = await app.request(path, { headers }, TOKENS);
    for (const name of ["cache-control", "x-content-type-options", "x-frame-options", "referrer-policy", "content-security-policy"])
      expect([path, name, answer.headers.get(name)]).toEqual([path, name, expect.any(String)]);
  }
});
