import { defineDomain, RetryAfterError } from "millrace";
import { runTask, type RunTaskError } from "millrace/testing";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type AcmeCdnConfig, acmeApi, acmeCdn, type CdnApi } from "../src/index.ts";

/** A CDN in memory: what was asked of it, and what it has left. */
function fakeCdn(left = 900) {
  const asked: string[] = [];
  const api: CdnApi = {
    purge: async (urls) => {
      asked.push(`purge ${urls.join(" ")}`);
      return { ticket: `t${asked.length}` };
    },
    warm: async (url) => {
      asked.push(`warm ${url}`);
      return { status: url.endsWith("/gone") ? 410 : 200, bytes: 10 };
    },
    quota: async () => ({ left, of: 1_000 }),
  };
  return { api, asked };
}

function setup(options: Partial<AcmeCdnConfig> & { left?: number } = {}) {
  const { left, ...config } = options;
  const { api, asked } = fakeCdn(left);
  return { asked, cdn: acmeCdn({ zone: "https://www.example.com/ignored", api: () => api, ...config }) };
}

/** As a host has one. */
const analytics = defineDomain("analytics").task("track", {
  payload: z.object({ event: z.string(), facts: z.record(z.string(), z.json()) }),
  execute: () => null,
});

describe("purge", () => {
  test("asks the CDN for whole URLs", async () => {
    const { cdn, asked } = setup();
    const { result } = await runTask(cdn, "purge", { paths: ["/a", "/b?c=1"] });
    expect(result).toEqual({ ticket: "t1" });
    expect(asked).toEqual(["purge https://www.example.com/a https://www.example.com/b?c=1"]);
  });

  test.each([[[]], [["no-slash"]], [Array.from({ length: 31 }, (_, at) => `/${at}`)]])("refuses the paths %j", async (paths) => {
    await expect(runTask(setup().cdn, "purge", { paths })).rejects.toMatchObject({ code: "invalid_payload" });
  });

  test("[optional domain] tells the host's analytics where it has some, under the task's id, and does without where it has none", async () => {
    const { cdn } = setup();
    expect((await runTask(cdn, "purge", { paths: ["/a"] })).submitted).toEqual([]);
    const { submitted } = await runTask(cdn, "purge", { paths: ["/a"] }, { domains: [analytics] });
    expect(submitted).toMatchObject([{ domain: "analytics", type: "track", payload: { event: "cdn.purged", facts: { paths: ["/a"] } } }]);
  });
});

describe("refresh", () => {
  test("purges, then warms each page", async () => {
    const { cdn } = setup();
    const { result, spawned } = await runTask(cdn, "refresh", { paths: ["/a", "/b"] });
    expect(spawned).toMatchObject([
      { type: "purge", payload: { paths: ["/a", "/b"] }, priority: 64 },
      { type: "warm", payload: { path: "/a" }, priority: 192 },
      { type: "warm", payload: { path: "/b" } },
    ]);
    expect(result).toEqual({ purged: 2, warm: 2 });
  });

  test("a broken page is not counted; without the purge it has failed for good", async () => {
    const { cdn } = setup();
    const end = (type: string) => ({
      children: (child: { type: string }) => (child.type === type ? { status: "failed" as const } : {}),
    });
    expect((await runTask(cdn, "refresh", { paths: ["/a"] }, end("warm"))).result).toEqual({ purged: 1, warm: 0 });
    await expect(runTask(cdn, "refresh", { paths: ["/a"] }, end("purge"))).rejects.toMatchObject({ code: "not_purged", retryable: false });
  });

  test("warming a page that answers 410 is not tried again", async () => {
    await expect(runTask(setup().cdn, "warm", { path: "/gone" })).rejects.toMatchObject({ code: "page_broken", retryable: false });
    expect((await runTask(setup().cdn, "warm", { path: "/a" })).result).toEqual({ status: 200, bytes: 10 });
  });
});

describe("quota", () => {
  const watch = async (left: number, alertBelow?: number) => {
    const told: unknown[] = [];
    const { cdn } = setup({ left, ...(alertBelow === undefined ? {} : { alertBelow }) });
    const app = { onCall: { tell: (message: string, facts: unknown) => told.push([message, facts]) } };
    const { result } = await runTask(cdn, "quota", null, { app });
    return { told, result };
  };

  test("[late-bound state] tells who is on call when it runs low", async () => {
    expect(await watch(99)).toEqual({
      result: { left: 99, of: 1_000 },
      told: [["https://www.example.com has 99 purges left this month", { left: 99, of: 1_000 }]],
    });
    expect((await watch(100)).told).toEqual([]);
    expect((await watch(100, 0.5)).told).toHaveLength(1);
  });
});

describe("the definition", () => {
  test("with entry pages: a schedule and a startup job, by the host's clock", () => {
    const { schedules, startup } = setup({ entryPages: ["/"], nightly: { cron: "0 4 * * *", timezone: "Asia/Tokyo" } }).cdn;
    expect(schedules).toMatchObject([
      { name: "nightly", type: "refresh", payload: { paths: ["/"] }, spec: { cron: "0 4 * * *", timezone: "Asia/Tokyo" } },
    ]);
    const jobs: unknown[][] = [];
    const run = (mode: string) => startup!({ submit: (...given: unknown[]) => jobs.push(given) } as never, mode as never);
    run("local");
    expect(jobs).toEqual([]);
    run("production");
    expect(jobs).toEqual([["refresh", { paths: ["/"] }, { key: "after-deploy", priority: "background" }]]);
  });

  test("purges start as often as Acme allows, unless the host says otherwise", () => {
    const rateOf = (config: Partial<AcmeCdnConfig>) => setup(config).cdn.types.get("purge")!.rate;
    expect(rateOf({})).toEqual({ permits: 5, per: "1s" });
    expect(rateOf({ purgeRate: { permits: 1, per: "1m" } })).toEqual({ permits: 1, per: "1m" });
  });

  test("without: neither; a zone that is no origin is refused at once", () => {
    const { schedules, startup } = setup().cdn;
    expect([schedules, startup]).toEqual([[], undefined]);
    expect(() => setup({ zone: "www.example.com" })).toThrow(TypeError);
  });
});

describe("acmeApi", () => {
  const api = (status: number, body: string, headers: Record<string, string> = {}) => {
    const sent: [string, RequestInit][] = [];
    const fetch = async (url: string, init: RequestInit) => {
      sent.push([url, init]);
      return new Response(body, { status, headers });
    };
    return { sent, api: acmeApi({ endpoint: "https://acme.test/v2", token: "secret", fetch }) };
  };
  const { signal } = new AbortController();

  test("sends token and body", async () => {
    const { sent, api: acme } = api(200, '{"ticket":"t"}');
    expect(await acme.purge(["https://a.test/"], signal)).toEqual({ ticket: "t" });
    expect(sent).toMatchObject([
      [
        "https://acme.test/v2/purge",
        { method: "POST", headers: { authorization: "Bearer secret" }, body: '{"urls":["https://a.test/"]}', signal },
      ],
    ]);
  });

  test("429 waits as long as it says; 404 is for good; 500, and a 429 that says nothing, go by the policy", async () => {
    const error = (status: number, headers?: Record<string, string>) =>
      api(status, "no", headers)
        .api.quota(signal)
        .catch((thrown: RunTaskError) => thrown);
    const busy = await error(429, { "retry-after": "7" });
    expect(busy).toBeInstanceOf(RetryAfterError);
    expect(busy).toMatchObject({ retryAfterMs: 7_000 });
    expect(await error(404)).toMatchObject({ name: "NonRetryableError", code: "acme_404" });
    for (const plain of [await error(500), await error(429)]) expect(plain).toMatchObject({ name: "Error" });
  });
});
