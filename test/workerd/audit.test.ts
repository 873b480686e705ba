import { createExecutionContext, env, reset } from "cloudflare:test";
import { afterEach, describe, expect, test } from "vitest";
import { AUDIT, type AuditNote } from "../../src/policy/audit.ts";
import { reachCoordinator, reachDomain } from "../../src/durable/reach.ts";
import { systemClock } from "../../src/clock.ts";
import { ROUTES } from "../../src/worker/gateway.ts";
import { mill } from "../worker/index.ts";
import { rows, stub } from "../worker/reach.ts";

const hash = async (secret: string) =>
  Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret))), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");

async function tokens() {
  const list = [
    { name: "boss", role: "admin" },
    { name: "ops", role: "operator" },
    { name: "half", role: "operator", domains: ["other"] },
    { name: "app", role: "producer" },
  ];
  const all = await Promise.all(list.map(async (token) => ({ ...token, sha256: await hash(token.name) })));
  return { ...env, MILLRACE_TOKENS: JSON.stringify(all) } as unknown as Cloudflare.Env;
}

async function send(who: string, method: string, path: string, body?: unknown): Promise<{ status: number; body: any }> {
  const json = body === undefined ? {} : { body: JSON.stringify(body) };
  const headers = { authorization: `Bearer ${who}`, "content-type": "application/json" };
  const response = await mill.fetch(
    new Request(`http://mill${path}`, { method, headers, ...json }),
    await tokens(),
    createExecutionContext(),
  );
  return { status: response.status, body: await response.json() };
}
const log = async (who = "boss", query = "") => (await send(who, "GET", `/v1/audit${query}`)).body;

afterEach(() => reset());

const NOTE: AuditNote = { name: "ops", role: "operator", action: "POST /v1/x", target: null, change: null };

describe("the audit log", () => {
  test("who, what, target and when, over all domains and the mill, newest first; payloads are left out", async () => {
    await send("app", "POST", "/v1/domains/work/tasks", { type: "plain", payload: { n: 1 }, delay: "1h" });
    const from = Date.now();
    expect(await send("ops", "PATCH", "/v1/domains/work", { maxConcurrency: 3 })).toMatchObject({ status: 200 });
    expect(await send("boss", "PATCH", "/v1/settings", { maxConcurrency: 5 })).toMatchObject({ status: 200 });
    expect(await send("half", "POST", "/v1/domains/other/pause")).toMatchObject({ status: 200 });
    expect(await send("ops", "POST", "/v1/tasks/work_1/cancel")).toMatchObject({ status: 200 });
    expect(await send("ops", "POST", "/v1/tasks/work_1/retry", { payload: { n: 4217 } })).toMatchObject({ status: 200 });
    const { items, next } = await log();
    expect(next).toBeNull();
    expect(items).toEqual(
      [
        {
          name: "ops",
          role: "operator",
          action: "POST /v1/tasks/{task}/retry",
          target: "work_1",
          domain: "work",
          change: { payload: "[payload]" },
        },
        { name: "ops", role: "operator", action: "POST /v1/tasks/{task}/cancel", target: "work_1", domain: "work", change: null },
        { name: "half", role: "operator", action: "POST /v1/domains/{domain}/pause", target: "other", domain: "other", change: null },
        { name: "boss", role: "admin", action: "PATCH /v1/settings", target: null, domain: null, change: { maxConcurrency: 5 } },
        {
          name: "ops",
          role: "operator",
          action: "PATCH /v1/domains/{domain}",
          target: "work",
          domain: "work",
          change: { maxConcurrency: 3 },
        },
      ].map((entry) => ({ ...entry, at: expect.any(String) })),
    );
    for (const { at } of items) {
      expect(Date.parse(at)).toBeGreaterThanOrEqual(from);
      expect(Date.parse(at)).toBeLessThanOrEqual(Date.now());
    }
  });

  test("page by page with a cursor; a token for some domains sees those alone; producers see none", async () => {
    for (const who of ["ops", "boss", "ops"]) {
      await send(who, "PATCH", "/v1/domains/work", { maxConcurrency: 3 });
      await send(who, "PATCH", "/v1/settings", { maxConcurrency: 5 });
      await send(who, "PATCH", "/v1/domains/other", { maxConcurrency: 2 });
    }
    const seen: string[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const page: { items: any[]; next: string | null } = await log("boss", `?limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`);
      expect(page.items.length).toBeLessThanOrEqual(2);
      seen.push(...page.items.map(({ domain, name }) => `${name} ${domain}`));
      cursor = page.next;
    }
    const round = (who: string) => [`${who} other`, `${who} null`, `${who} work`];
    expect(seen).toEqual([...round("ops"), ...round("boss"), ...round("ops")]);
    const scoped = await log("half");
    expect(scoped.items.map(({ domain }: { domain: string }) => domain)).toEqual(["other", "other", "other"]);
    expect(await send("app", "GET", "/v1/audit")).toMatchObject({ status: 403 });
    expect(await send("boss", "GET", "/v1/audit?cursor=made-up")).toMatchObject({ status: 400 });
  });

  test("what was refused, read, submitted or claimed is not in it", async () => {
    await send("boss", "POST", "/v1/domains/work/tasks", { type: "plain", payload: { n: 1 }, delay: "1h" });
    await send("boss", "POST", "/v1/domains/work/claims", { worker: "w" });
    await send("boss", "GET", "/v1/domains/work");
    expect(await send("app", "POST", "/v1/tasks/work_1/cancel")).toMatchObject({ status: 403 });
    expect(await send("ops", "POST", "/v1/tasks/work_99/cancel")).toMatchObject({ status: 404 });
    expect(await send("ops", "POST", "/v1/tasks/work_1/retry")).toMatchObject({ status: 409 });
    expect(await send("ops", "PATCH", "/v1/domains/work", { maxConcurrency: 0 })).toMatchObject({ status: 400 });
    expect(await log()).toEqual({ items: [], next: null });
  });

  test("an entry is one row, written in the transaction of its change: where that fails there is none", async () => {
    const { id } = (await send("app", "POST", "/v1/domains/work/tasks", { type: "plain", payload: { n: 1 }, delay: "1h" })).body;
    const count = async () => (await rows<{ n: number }>("work", "SELECT count(*) AS n FROM audit"))[0]!.n;
    await rows("work", "CREATE TRIGGER broken BEFORE UPDATE ON tasks BEGIN SELECT RAISE(ABORT, 'broken'); END");
    await expect(reachDomain("work", systemClock, NOTE).cancel(id)).rejects.toThrow(/broken/);
    await rows("work", "DROP TRIGGER broken");
    expect(await count()).toBe(0);
    await reachDomain("work", systemClock, NOTE).cancel(id);
    expect(await count()).toBe(1);
    const { cost } = await reachDomain("work").snapshot();
    expect(cost.statements["insert audit"]).toMatchObject({ calls: 1, rowsWritten: 1 });
    // The next call of anybody else leaves no trace of this one.
    await reachDomain("work").pause();
    expect(await count()).toBe(1);
  });

  test("it is bounded: the last 10,000 of an object, none older than a year", async () => {
    await reachDomain("work").snapshot();
    const fill = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
      INSERT INTO audit (id, at, name, role, action) SELECT i, CASE WHEN i % 2 THEN ? ELSE ? END, 'old', 'admin', 'x' FROM n`;
    const now = Date.now();
    const last = AUDIT.keep + AUDIT.purgeEvery * 3 - 1;
    await rows("work", fill, last, now - 1_000, now - AUDIT.keepMs - 60_000);
    await reachDomain("work", systemClock, NOTE).configure({ maxConcurrency: 3 });
    const [left] = await rows<{ n: number; least: number; aged: number }>(
      "work",
      "SELECT count(*) AS n, min(id) AS least, sum(at < ?) AS aged FROM audit",
      now - AUDIT.keepMs,
    );
    // By number all that is too much, by age what is old among the 500 oldest.
    expect(left).toEqual({
      n: AUDIT.keep - AUDIT.purgeSlice / 2,
      least: last + 1 - AUDIT.keep + 1,
      aged: AUDIT.keep / 2 - AUDIT.purgeSlice / 2 - 1,
    });
    expect(await stub("work").auditLog({ limit: 1 })).toMatchObject({ items: [{ name: "ops" }] });
  });

  test("every route that takes an operator and changes something leaves its entry", async () => {
    const asked: Record<string, object> = {
      "PATCH /v1/domains/:domain": { maxConcurrency: 2 },
      "PATCH /v1/settings": { maxConcurrency: 4 },
      "POST /v1/domains/:domain/bulk": { action: "cancel", filter: { type: "plain" } },
      "PATCH /v1/groups/:group": { maxConcurrency: 2 },
      "POST /v1/domains/:domain/schedules": { name: "s", type: "plain", payload: { n: 1 }, every: "1h" },
      "PATCH /v1/schedules/:schedule": { every: "2h" },
      "PUT /v1/pressure/:name": { value: 0.5, ttl: "1m" },
    };
    const work = ROUTES.filter(({ method, role }) => method !== "GET" && role === "operator");
    expect(work.length).toBeGreaterThan(9);
    const missing: string[] = [];
    for (const { method, path } of work) {
      const fresh = await send("app", "POST", "/v1/domains/work/tasks", { type: "plain", payload: { n: 1 }, delay: "1h" });
      if (path.endsWith("/retry") || path.endsWith("/backfill")) await reachDomain("work").cancel(fresh.body.id);
      if (path.endsWith("/resume")) await Promise.all([reachDomain("work").pause(), reachCoordinator().pause()]);
      if (path.includes(":schedule"))
        await send("boss", "POST", "/v1/domains/work/schedules", { ...asked["POST /v1/domains/:domain/schedules"] });
      const plans = (await send("boss", "GET", "/v1/domains/work/schedules")).body.items;
      if (path.includes(":schedule/resume")) await reachDomain("work").scheduleAction(plans[0].id, "pause");
      const names: Record<string, string> = { domain: "work", task: fresh.body.id, schedule: plans[0]?.id ?? "", group: "g", name: "n" };
      const at = path.replaceAll(/:(\w+)/g, (_all, name: string) => names[name]!);
      const answer = await send("ops", method, at, asked[`${method} ${path}`]);
      expect([method, at, answer.status, answer.body], "give it a body in `asked`").toEqual([
        method,
        at,
        expect.toSatisfy((status: number) => status < 300),
        answer.body,
      ]);
      const [newest] = (await log("boss", "?limit=1")).items;
      if (newest?.action !== `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`) missing.push(`${method} ${path}`);
    }
    expect(missing).toEqual([]);
  });
});
