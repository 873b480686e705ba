import { exports as worker } from "cloudflare:workers";
import type { Task } from "millrace";
import { describe, expect, test, vi } from "vitest";

// What wrangler.toml makes of src/index.ts; `wrangler types` would tell TypeScript.
const { default: app } = worker as unknown as { default: Fetcher };
const host = (path: string, init: RequestInit = {}): Promise<Response> => app.fetch(new Request(`https://www.example.com${path}`, init));
const json = async <Answer>(path: string, init?: RequestInit): Promise<Answer> => (await host(path, init)).json();
/** What the host's `onCall` writes. The app runs in the isolate of its tests. */
const told: string[] = [];
vi.spyOn(console, "warn").mockImplementation((line: string) => void told.push(line));
const EDITOR = { authorization: "Bearer editor" };

/** Publishes, and answers with the task of the app's own domain once it has ended. */
async function publish(slug: string, html: string): Promise<Task<unknown, { path: string; refresh: string }>> {
  const response = await host(`/articles/${slug}`, { method: "PUT", headers: EDITOR, body: html });
  expect(response.status).toBe(202);
  const { task, follow } = await response.json<{ task: string; follow: string }>();
  await json(`/queue/v1/tasks/${task}/result?wait=30s`);
  return json(follow);
}

describe("an app with a mill and a domain from a package", () => {
  test("[optional domain] publishing stores the article and refreshes the CDN; the app's own analytics hears of the purge", async () => {
    const { status, result } = await publish("first", "<h1>First</h1>");
    expect({ status, result }).toEqual({
      status: "completed",
      result: { path: "/articles/first", refresh: expect.stringMatching(/^acme-cdn_/) },
    });
    expect(await (await host("/articles/first")).text()).toBe("<h1>First</h1>");
    const refreshed = await json(`/queue/v1/tasks/${result!.refresh}/result?wait=30s`);
    expect(refreshed).toEqual({ status: "completed", result: { purged: 2, warm: 2 } });
    const tracked = await json<{ items: Task[] }>("/queue/v1/domains/analytics/tasks?tag=event:cdn.purged");
    expect(tracked.items.map(({ payload }) => payload)).toContainEqual({
      event: "cdn.purged",
      facts: { paths: ["/articles/first", "/articles"] },
    });
  });

  test("[singleton] [late-bound state] the module's watch of the quota runs by itself, and tells the host's onCall", async () => {
    // The first request after the start brought it alive; the pretended CDN has little left.
    let done: Task[] = [];
    while (done.length === 0) {
      ({ items: done } = await json<{ items: Task[] }>("/queue/v1/domains/acme-cdn/tasks?type=quota&status=completed"));
      await scheduler.wait(10);
    }
    expect(done[0]).toMatchObject({ result: { left: expect.any(Number), of: 1_000 }, attempt: 1 });
    expect(told).toContainEqual(expect.stringContaining("purges left this month"));
  });

  test("[startup jobs] the module's refresh after a deploy, with its schedule for every night", async () => {
    let refreshes: Task[] = [];
    while (refreshes.length === 0) {
      ({ items: refreshes } = await json<{ items: Task[] }>("/queue/v1/domains/acme-cdn/tasks?type=refresh&key=after-deploy"));
      await scheduler.wait(10);
    }
    expect(refreshes).toMatchObject([{ payload: { paths: ["/", "/articles"] }, priority: 192 }]);
    const { items } = await json<{ items: object[] }>("/queue/v1/domains/acme-cdn/schedules");
    expect(items).toMatchObject([{ name: "nightly", cron: "30 3 * * *", timezone: "Europe/Berlin", paused: false }]);
  });

  test("the app's own door is its own: no token, no article", async () => {
    expect((await host("/articles/second", { method: "PUT", body: "x" })).status).toBe(401);
    expect((await host("/articles/Second!", { method: "PUT", headers: EDITOR, body: "x" })).status).toBe(400);
    expect((await host("/articles/second")).status).toBe(404);
  });
});

describe("the mill under /queue", () => {
  test("answers there, and nowhere else", async () => {
    expect(await json("/queue/healthz")).toMatchObject({ ok: true, missing: [] });
    expect(await json<{ domains: object[] }>("/queue/v1/registry")).toMatchObject({
      domains: [{ name: "site" }, { name: "acme-cdn" }, { name: "analytics" }],
    });
    for (const path of ["/healthz", "/v1/registry", "/docs", "/openapi.json"]) expect((await host(path)).status, path).toBe(404);
  });

  test("its description says where it is; its page asks beside itself", async () => {
    expect(await json("/queue/openapi.json")).toMatchObject({ openapi: expect.stringMatching(/^3\.1\./), servers: [{ url: "/queue" }] });
    const page = await (await host("/queue/docs")).text();
    expect(page).toContain('fetch("openapi.json"');
    // Relative to /queue/docs: nothing is asked of the app's own paths.
    expect(page).not.toMatch(/(src|href)="\//);
  });

  test("its errors are its own, with hints that name its routes; methods it does not have are refused", async () => {
    const unknown = await host("/queue/v1/domainz");
    expect([unknown.status, unknown.headers.get("content-type")]).toEqual([404, "application/problem+json"]);
    expect(await unknown.json()).toMatchObject({ code: "not_found", didYouMean: expect.stringContaining("/v1/domains") });
    const refused = await host("/queue/v1/domains", { method: "DELETE" });
    expect([refused.status, refused.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    expect((await host("/queue/v1/domains", { method: "OPTIONS" })).status).toBe(204);
    expect((await host("/queue/nothing")).status).toBe(404);
  });

  test("submits, batches, schedules and controls work under it", async () => {
    const post = (path: string, body: unknown) =>
      json<Record<string, never>>(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    const task = { type: "track", payload: { event: "test", facts: {} } };
    expect(await post("/queue/v1/domains/analytics/tasks?wait=30s", task)).toMatchObject({
      outcome: "inserted",
      task: { status: "completed" },
    });
    expect(await post("/queue/v1/domains/analytics/tasks/batch", { tasks: [task, task] })).toMatchObject({ counts: { inserted: 2 } });
    expect(await post("/queue/v1/domains/analytics/schedules", { name: "often", ...task, every: "1h" })).toMatchObject({ name: "often" });
    expect(await post("/queue/v1/domains/analytics/pause", {})).toMatchObject({ paused: true });
    expect(await post("/queue/v1/domains/analytics/resume", {})).toMatchObject({ paused: false });
  });

  test("events come under it, too: as a stream and over a WebSocket", async () => {
    const stream = await host("/queue/v1/events?domain=site&since=0");
    expect(stream.headers.get("content-type")).toContain("text/event-stream");
    const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("task.completed")) text += (await reader.read()).value ?? "";
    await reader.cancel();
    expect(text).toContain('"label":"Publish first"');
    const { status, webSocket } = await host("/queue/v1/events", { headers: { upgrade: "websocket" } });
    expect(status).toBe(101);
    webSocket!.accept();
    webSocket!.close();
  });

  test("a bulk job's address follows the prefix", async () => {
    const path = "/queue/v1/domains/analytics/bulk";
    const body = JSON.stringify({ action: "delete", filter: { tags: { event: "nothing" } } });
    const started = await host(path, { method: "POST", headers: { "content-type": "application/json" }, body });
    expect(started.status).toBe(202);
    const { pathname } = new URL(started.headers.get("location")!, `https://www.example.com${path}`);
    const { id } = await started.json<{ id: string }>();
    expect(pathname).toBe(`/queue/v1/bulk/${id}`);
    expect(await json(pathname)).toMatchObject({ id, action: "delete" });
  });
});
