import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { includesRole, ROLES } from "../../../src/policy/roles.ts";
import { parseTokens, sameBytes } from "../../../src/worker/auth.ts";
import { ROUTES } from "../../../src/worker/gateway.ts";
import { OPEN, read, setup, sha256 } from "./setup.ts";

const token = (role: string, more: object = {}) => ({ name: `a-${role}`, sha256: sha256(`secret-${role}`), role, ...more });
const TOKENS = {
  MILLRACE_TOKENS: JSON.stringify([
    ...ROLES.map((role) => token(role)),
    token("operator", { name: "scoped", sha256: sha256("scoped"), domains: ["media"] }),
  ]),
};
const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
const fill = (path: string) =>
  path.replace(":domain", "media").replace(":task", "media_1").replace(":schedule", "media_s1").replaceAll(/:\w+/g, "x");

describe("#58 every route and role", () => {
  const cases = ROUTES.flatMap((route) => ROLES.map((role) => ({ ...route, given: role })));
  test.each(cases)("$method $path as $given (needs $role)", async ({ method, path, role, given }) => {
    const { send } = setup(TOKENS);
    const answer = await send(method, fill(path), undefined, bearer(`secret-${given}`));
    const isAllowed = includesRole(given, role);
    expect(answer.status === 403).toBe(!isAllowed);
    expect(answer.status).not.toBe(401);
    expect(answer.status).not.toBe(500);
    if (!isAllowed) expect(answer.body).toMatchObject({ code: "forbidden", needed: role, detail: expect.stringContaining(role) });
  });

  test.each(ROUTES.map(({ method, path }) => ({ method, path })))("$method $path without a token", async ({ method, path }) => {
    const answer = await setup(TOKENS).send(method, fill(path));
    expect(answer).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
    expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="millrace"');
  });
});

describe("every route, and a token that is not for it", () => {
  const routes = ROUTES.map(({ method, path }) => ({ method, path }));
  test.each(routes)("$method $path with a wrong token", async ({ method, path }) => {
    const { send, domains } = setup(TOKENS);
    for (const secret of ["guess", "", sha256("secret-admin"), "secret-admin "]) {
      const answer = await send(method, fill(path), method === "GET" ? undefined : {}, bearer(`${secret}x`));
      expect([secret, answer.status, answer.body.code]).toEqual([secret, 401, "unauthenticated"]);
    }
    expect(domains.media.calls).toEqual([]);
  });

  const owned = routes.filter(({ path }) => /:(domain|task|schedule|lease)\b/.test(path));
  test.each(owned)("$method $path of a domain that the token is not for", async ({ method, path }) => {
    const { send, domains } = setup(TOKENS);
    // Whatever the body says, and whether or not the domain is there.
    for (const domain of ["mail", "ghost"]) {
      const lease = `${domain}_l${"0".repeat(24)}`;
      const at = path
        .replace(":domain", domain)
        .replace(":task", `${domain}_1`)
        .replace(":schedule", `${domain}_s1`)
        .replace(":lease", lease);
      const answer = await send(method, at.replaceAll(/:\w+/g, "x"), method === "GET" ? undefined : {}, bearer("scoped"));
      expect([at, answer.status, answer.body.code]).toEqual([at, 403, "forbidden"]);
    }
    expect(domains.mail.calls).toEqual([]);
  });
});

describe("who is let in", () => {
  test.each([
    ["no tokens", {}, "unconfigured", "MILLRACE_TOKENS"],
    ["an empty list", { MILLRACE_TOKENS: "[]" }, "unconfigured", "MILLRACE_TOKENS"],
    ["text that is not JSON", { MILLRACE_TOKENS: "{oops" }, "broken", "MILLRACE_TOKENS"],
    ["tokens that are broken, though open", { MILLRACE_TOKENS: "{oops", ...OPEN }, "broken", "MILLRACE_TOKENS"],
    ["almost open", { MILLRACE_AUTH: "OPEN" }, "unconfigured", "MILLRACE_AUTH=open"],
  ])("%s: nobody, and it says how", async (_name, env, kind, hint) => {
    const { send, log } = setup(env);
    for (const headers of [{}, bearer("secret-admin"), bearer("undefined")]) {
      for (const path of ["/v1/domains", "/v1/nothing", "/nothing"]) {
        expect(await send("GET", path, undefined, headers)).toMatchObject({ status: 401, body: { detail: expect.stringContaining(hint) } });
      }
    }
    expect(await send("GET", "/healthz")).toMatchObject({ status: 200, body: { ok: true, auth: kind } });
    expect(log.length > 0).toBe(kind === "broken");
  });

  test("a wrong token is told apart from a missing one", async () => {
    const { send } = setup(TOKENS);
    const wrong = await send("GET", "/v1/domains", undefined, bearer("guess"));
    expect(wrong.status).toBe(401);
    expect(wrong.headers.get("www-authenticate")).toContain('error="invalid_token"');
    for (const header of ["Basic abc", "Bearer", "Bearer a b", sha256("secret-admin"), `Bearer ${sha256("secret-admin")}`]) {
      expect(await send("GET", "/v1/domains", undefined, { authorization: header })).toMatchObject({ status: 401 });
    }
    expect(await send("GET", "/v1/me", undefined, { authorization: "bearer  secret-admin" })).toMatchObject({
      status: 200,
      body: { name: "a-admin", role: "admin", domains: null },
    });
  });

  test("tokens that come as a JSON variable", async () => {
    const { send } = setup({ MILLRACE_TOKENS: [token("viewer")] });
    expect(await send("GET", "/v1/me", undefined, bearer("secret-viewer"))).toMatchObject({ status: 200, body: { role: "viewer" } });
  });

  test("open: everybody as admin, but no page of another site", async () => {
    const { send } = setup();
    expect(await send("GET", "/v1/me")).toMatchObject({ status: 200, body: { name: "open", role: "admin" } });
    for (const site of ["cross-site", "same-site"]) {
      expect(await send("POST", "/v1/domains/media/pause", undefined, { "sec-fetch-site": site })).toMatchObject({ status: 403 });
    }
    for (const site of ["same-origin", "none"])
      expect(await send("GET", "/v1/me", undefined, { "sec-fetch-site": site })).toMatchObject({ status: 200 });
  });
});

test("open: no page whose name leads here only since its owner changed where it leads", async () => {
  const { send } = setup();
  const ask = async (host: string, headers: Record<string, string>) =>
    (await send("GET", "/v1/me", undefined, { host, ...headers })).status;
  const browser = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64)" };
  for (const host of ["evil.example:8787", "evil.example.:8787", "127.0.0.1.evil.example", "localhost.evil.example", "x y"])
    for (const headers of [browser, { origin: `http://${host}` }, { "sec-fetch-site": "same-origin" }] as Record<string, string>[])
      expect([host, headers, await ask(host, headers)]).toEqual([host, headers, 403]);
  for (const host of ["localhost:8787", "127.0.0.1:8787", "[::1]:8787", "mill:8787", "my.localhost", "laptop.local", "192.168.1.5"])
    expect([host, await ask(host, browser)]).toEqual([host, 200]);
  // No browser sends that.
  expect(await ask("mill.example", { "user-agent": "curl/8.5.0" })).toBe(200);
});

describe("a token that is limited to some domains", () => {
  const scoped = bearer("scoped");

  test("#58 other domains are forbidden, whether they exist or not, by name and by id", async () => {
    const { send } = setup(TOKENS);
    for (const [method, path] of [
      ["GET", "/v1/domains/mail"],
      ["GET", "/v1/domains/ghost"],
      ["GET", "/v1/domains/mail/tasks"],
      ["POST", "/v1/domains/mail/tasks"],
      ["GET", "/v1/tasks/mail_1"],
      ["GET", "/v1/tasks/ghost_1"],
      ["GET", "/v1/tasks/mail_1/result"],
      ["POST", "/v1/tasks/mail_1/cancel"],
      ["GET", "/v1/schedules/mail_s1"],
      ["DELETE", "/v1/schedules/mail_s1"],
      ["GET", "/v1/tasks?schedule=mail_s1"],
      ["GET", "/v1/domains/mail/failures"],
    ] as const) {
      expect([path, await send(method, path, undefined, scoped)]).toMatchObject([path, { status: 403, body: { code: "forbidden" } }]);
    }
  });

  test("lists show its domains alone, and the whole mill's settings are not its business", async () => {
    const { send, domains } = setup(TOKENS);
    await send("POST", "/v1/domains/mail/tasks", { type: "send", payload: { to: "a" } }, bearer("secret-admin"));
    await send("POST", "/v1/domains/media/tasks", { type: "plain", payload: 1 }, bearer("secret-admin"));
    const all = await send("GET", "/v1/tasks", undefined, scoped);
    expect(all.body.items.map(({ id }: { id: string }) => id)).toEqual(["media_1"]);
    expect((await send("GET", "/v1/domains", undefined, scoped)).body.items).toMatchObject([{ name: "media" }]);
    expect((await send("GET", "/v1/registry", undefined, scoped)).body.domains).toMatchObject([{ name: "media" }]);
    expect((await send("GET", "/v1/snapshot", undefined, scoped)).body.holders).toMatchObject([{ domain: "media" }]);
    expect((await send("GET", "/v1/me", undefined, scoped)).body.domains).toEqual(["media"]);
    expect(await send("PATCH", "/v1/settings", { maxConcurrency: 3 }, scoped)).toMatchObject({ status: 403 });
    expect(domains.mail.calls).toEqual(["submit"]);
  });

  test("paused groups, whose names may be customers', are shown to those alone who may see groups", async () => {
    const { send } = setup(TOKENS);
    await send("POST", "/v1/groups/acme/pause", undefined, bearer("secret-admin"));
    expect((await send("GET", "/v1/snapshot", undefined, bearer("secret-admin"))).body.pausedGroups).toMatchObject([{ name: "acme" }]);
    expect((await send("GET", "/v1/snapshot", undefined, scoped)).body.pausedGroups).toEqual([]);
  });

  test("a dependency on another domain's task, which would tell how that one ends, is forbidden wherever one can be given", async () => {
    const { send, domains } = setup(TOKENS);
    const task = { type: "plain", payload: 1 };
    const afar = { ...task, dependsOn: ["mail_1"] };
    await send("POST", "/v1/domains/media/schedules", { ...task, name: "own", every: "1h" }, scoped);
    for (const [method, path, body] of [
      ["POST", "/v1/domains/media/tasks", afar],
      ["POST", "/v1/domains/media/tasks/batch", { tasks: [task, afar] }],
      ["POST", "/v1/domains/media/tasks/batch", { defaults: afar, tasks: [{ payload: 1 }] }],
      ["POST", "/v1/domains/media/schedules", { ...afar, every: "1h" }],
      ["PATCH", "/v1/schedules/media_s1", { dependsOn: ["mail_1"] }],
    ] as const)
      expect([method, path, await send(method, path, body, scoped)]).toMatchObject([
        method,
        path,
        { status: 403, body: { domain: "mail" } },
      ]);
    expect(domains.media.tasks).toEqual([]);
    const own = { tasks: [task, { ...task, dependsOn: [{ index: 0 }] }] };
    expect(await send("POST", "/v1/domains/media/tasks/batch", own, scoped)).toMatchObject({ status: 200 });
    expect(await send("POST", "/v1/domains/media/tasks", { ...task, dependsOn: ["media_1"] }, scoped)).toMatchObject({ status: 201 });
    expect(await send("POST", "/v1/domains/media/tasks", afar, bearer("secret-admin"))).toMatchObject({ status: 201 });
  });

  test("a backfill that would run tasks of another domain again is forbidden, however far below they are", async () => {
    const { send, domains } = setup(TOKENS);
    await send("POST", "/v1/domains/media/tasks", { type: "plain", payload: 1 }, scoped);
    const edges = [
      { from: "media_1", to: "media_2", kind: "depends" as const },
      { from: "media_2", to: "mail_1", kind: "depends" as const },
      { from: "mail_9", to: "media_1", kind: "depends" as const },
    ];
    domains.media.backfill = (id) => domains.media.get(id);
    const backfill = (who: Record<string, string>) => send("POST", "/v1/tasks/media_1/backfill", undefined, who);
    domains.media.graph = async () => ({ nodes: [], edges });
    expect(await backfill(scoped)).toMatchObject({ status: 403, body: { domain: "mail" } });
    domains.media.graph = async () => ({ nodes: [], edges: [], truncated: true });
    expect(await backfill(scoped)).toMatchObject({ status: 403 });
    expect(domains.media.calls).toEqual(["submit"]);
    domains.media.graph = async () => ({ nodes: [], edges: [edges[0]!, edges[2]!] });
    expect(await backfill(scoped)).toMatchObject({ status: 200 });
    domains.media.graph = async () => expect.unreachable("others need not be asked");
    expect(await backfill(bearer("secret-admin"))).toMatchObject({ status: 200 });
  });
});

test("a list comes to its end although its cursor names a domain that the token may not see, or that a deploy has taken away", async () => {
  const { send } = setup(TOKENS);
  for (const to of ["a", "b"]) await send("POST", "/v1/domains/mail/tasks", { type: "send", payload: { to } }, bearer("secret-admin"));
  for (const payload of [1, 2, 3]) await send("POST", "/v1/domains/media/tasks", { type: "plain", payload }, bearer("secret-admin"));
  let { next } = (await send("GET", "/v1/tasks?limit=1", undefined, bearer("secret-admin"))).body;
  const seen: string[] = [];
  for (let pages = 0; next !== null; pages += 1) {
    expect(pages).toBeLessThan(9);
    const { body } = await send("GET", `/v1/tasks?limit=1&cursor=${next}`, undefined, bearer("scoped"));
    seen.push(...body.items.map(({ id }: { id: string }) => id));
    next = body.next;
  }
  expect(seen).toEqual(["media_2", "media_1"]);
});

test("redacted members are replaced for viewers, everywhere, and for nobody else", async () => {
  const { send, domains } = setup(TOKENS);
  const payload = { object: "private.jpg", width: 3 };
  const admin = bearer("secret-admin");
  await send("POST", "/v1/domains/media/tasks", { type: "resize", payload }, admin);
  await send("POST", "/v1/domains/media/schedules", { type: "resize", payload, every: "1h" }, admin);
  for (const path of [
    "/v1/tasks/media_1",
    "/v1/domains/media/tasks",
    "/v1/tasks",
    "/v1/schedules/media_s1",
    "/v1/domains/media/schedules",
  ]) {
    const shown = (await send("GET", path, undefined, bearer("secret-viewer"))).body;
    expect(JSON.stringify(shown)).not.toContain("private.jpg");
    expect((shown.items?.[0] ?? shown).payload).toEqual({ object: "[redacted]", width: 3 });
    expect(JSON.stringify((await send("GET", path, undefined, bearer("secret-producer"))).body)).toContain("private.jpg");
  }
  // Nobody knows any more what a type that is gone from the code would have hidden.
  domains.media.tasks[0]!.type = "gone";
  expect((await send("GET", "/v1/tasks/media_1", undefined, bearer("secret-viewer"))).body.payload).toBe("[redacted]");
});

describe("MILLRACE_TOKENS", () => {
  const good = token("viewer");
  test.each([
    ["not a list", {}],
    ["a null", [null]],
    ["no name", [{ ...good, name: undefined }]],
    ["an odd name", [{ ...good, name: "a b" }]],
    ["a plain token", [{ ...good, sha256: "secret" }]],
    ["half a hash", [{ ...good, sha256: good.sha256.slice(1) }]],
    ["an unknown role", [{ ...good, role: "root" }]],
    ["a role of Object", [{ ...good, role: "constructor" }]],
    ["domains that are text", [{ ...good, domains: "media" }]],
    ["no domains", [{ ...good, domains: [] }]],
    ["an odd domain", [{ ...good, domains: ["Media"] }]],
    ["a misspelt member", [{ ...good, domain: ["media"] }]],
    ["two of a name", [good, good]],
  ])("%s is refused, without showing the hash", (_name, tokens) => {
    expect(() => parseTokens(JSON.stringify(tokens))).toThrow(/MILLRACE_TOKENS/);
    expect(() => parseTokens(JSON.stringify(tokens))).not.toThrow(good.sha256);
  });

  test("a hash may be written in capitals", () => {
    expect(parseTokens(JSON.stringify([{ ...good, sha256: good.sha256.toUpperCase() }]))).toMatchObject([
      { name: "a-viewer", role: "viewer", domains: null },
    ]);
  });
});

test("sameBytes is equality", () => {
  const bytes = fc.uint8Array({ minLength: 0, maxLength: 4, max: 2 }).map((array) => Uint8Array.from(array));
  fc.assert(fc.property(bytes, bytes, (left, right) => sameBytes(left, right) === (left.join() === right.join())));
});

test("under a host's prefix: the same answers, and the host's own routes are left alone", async () => {
  const { Hono } = await import("hono");
  const { app } = setup(TOKENS);
  const host = new Hono().route("/queue", app as never).get("/v1/own", (context) => context.text("mine"));
  const ask = async (path: string, headers = {}) => read(await host.request(path, { headers }, TOKENS));
  expect(await ask("/queue/healthz")).toMatchObject({ status: 200, body: { ok: true } });
  expect(await ask("/queue/v1/domains")).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
  expect(await ask("/queue/v1/domainz", bearer("secret-viewer"))).toMatchObject({
    status: 404,
    body: { code: "not_found", didYouMean: "/v1/domains" },
  });
  expect((await host.request("/v1/own")).status).toBe(200);
});
