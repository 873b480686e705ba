import { createExecutionContext } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { reachDomain } from "../../src/durable/reach.ts";
import { clock } from "../worker/clock.ts";
import { crash } from "../worker/drive.ts";
import { mill, workQ } from "../worker/index.ts";
import { books } from "../worker/laws.ts";
import { until } from "../worker/reach.ts";

const OPEN = { MILLRACE_AUTH: "open" } as unknown as Cloudflare.Env;

async function scrape(): Promise<string> {
  const response = await mill.fetch(new Request("http://mill/metrics"), OPEN, createExecutionContext());
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  return response.text();
}

/** The value of a sample; undefined where there is none. */
function valueOf(text: string, sample: string): number | undefined {
  const line = text.split("\n").find((one) => one.startsWith(`${sample} `));
  return line === undefined ? undefined : Number(line.slice(sample.length + 1));
}
const sumOf = (text: string, name: string): number =>
  text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
const done = (...ids: string[]) =>
  until(
    () => workQ.list({ limit: 500 }),
    ({ items }) => items.every(({ id, finishedAt }: { id: string; finishedAt: string | null }) => !ids.includes(id) || finishedAt !== null),
  );

describe("[metrics] GET /metrics", () => {
  test("a mill that nobody has used: its own figures", async () => {
    const text = await scrape();
    expect(valueOf(text, "millrace_max_concurrency")).toBe(8);
    expect(text).not.toContain('domain="work"');
  });

  test("counts every transition; inserted = live + finished + purged", async () => {
    const ok = await workQ.submit("play", { do: "ok", name: "m1" });
    const dead = await workQ.submit("play", { do: "fail", name: "m2" });
    const bad = await workQ.submit("play", { do: "permanent", name: "m3" });
    const batch = await workQ.submitAll(Array.from({ length: 20 }, (_, n) => ({ type: "plain", payload: { n } }) as const));
    const late = await workQ.submit("play", { do: "ok", name: "m4" }, { delay: "1h" });
    const gone = await workQ.submit("play", { do: "ok", name: "m5" }, { delay: "1h" });
    await workQ.submit("play", { do: "ok", name: "m4" });
    await workQ.task(gone).cancel();
    await workQ.submit("forgotten", { n: 1 });
    await workQ.submit("play", { do: "ok", name: "m4 again" }, { key: "s", delay: "1h" });
    await workQ.submit("play", { do: "ok", name: "m4 anew" }, { key: "s", delay: "1h", onDuplicate: "supersede" });
    await done(ok.id, dead.id, bad.id, ...batch.map(({ id }) => id));
    await workQ.task(ok).retry();
    await done(ok.id);
    await reachDomain("work").poke();
    const text = await scrape();
    const play = (name: string, more = "") => valueOf(text, `millrace_${name}{domain="work",type="play"${more}}`);
    expect(play("tasks_completed_total")).toBe(2);
    expect(play("tasks_reopened_total")).toBe(1);
    expect(play("tasks_retried_total")).toBe(2);
    expect(play("tasks_failed_total", ',retryable="true"')).toBe(2);
    expect(play("tasks_failed_total", ',retryable="false"')).toBe(1);
    expect(play("tasks_dead_lettered_total")).toBe(1);
    expect(play("tasks_cancelled_total")).toBe(1);
    expect(play("tasks_superseded_total")).toBe(1);
    expect(play("tasks_dispatched_total")).toBe(2 + 3 + 1);
    expect(valueOf(text, 'millrace_tasks_submitted_total{domain="work",type="plain"}')).toBe(20);
    expect(valueOf(text, 'millrace_tasks_completed_total{domain="work",type="forgotten"}')).toBe(1);
    expect(valueOf(text, 'millrace_batches_submitted_total{domain="work"}')).toBe(1);
    expect(valueOf(text, 'millrace_batch_size_sum{domain="work"}')).toBe(20);
    expect(valueOf(text, 'millrace_task_queue_wait_seconds_count{domain="work",type="plain"}')).toBe(20);
    expect(valueOf(text, 'millrace_task_duration_seconds_count{domain="work",type="plain",status="completed"}')).toBe(20);
    expect(valueOf(text, 'millrace_task_duration_seconds_count{domain="work",type="play",status="dead_letter"}')).toBe(1);
    expect(valueOf(text, 'millrace_tasks_scheduled{domain="work"}')).toBe(2);
    expect(late.outcome).toBe("inserted");
    // The law, by the text alone, and against the rows.
    const live = ["pending", "scheduled", "running", "blocked", "paused", "waiting"].map((name) => sumOf(text, `millrace_tasks_${name}`));
    const kept =
      live.reduce((sum, count) => sum + count, 0) + sumOf(text, "millrace_tasks_finished") + sumOf(text, "millrace_tasks_purged_total");
    expect(sumOf(text, "millrace_tasks_submitted_total")).toBe(kept);
    const { state } = await books("work");
    expect(sumOf(text, "millrace_tasks_submitted_total")).toBe(state.totals.inserted);
    expect(sumOf(text, "millrace_tasks_completed_total")).toBe(state.totals.completed);
  });

  test("a scrape asks no domain; figures outlive the coordinator", async () => {
    await workQ.submit("plain", { n: 1 }, { delay: "1h" });
    await reachDomain("work").poke();
    const before = await scrape();
    await crash("mill");
    const requests = async () => (await workQ.snapshot()).cost.requests;
    const asked = await requests();
    const after = await scrape();
    expect(await requests()).toBe(asked + 1);
    const figures = (text: string) => text.split("\n").filter((line) => line.includes('domain="work"') && !line.includes("slots_"));
    expect(figures(after)).toEqual(figures(before));
    expect(figures(after).length).toBeGreaterThan(20);
  });

  test("a counter that was shown never goes back, whatever dies", async () => {
    /** Every counter and every part of a histogram, but those that begin with the coordinator's life. */
    const counters = (text: string) =>
      new Map(
        text
          .split("\n")
          .filter((line) => /^millrace_\w+(_total|_bucket|_sum|_count)\{/.test(line) && line.includes('domain="'))
          .map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
      );
    const goneBack = (before: string, after: string) => {
      const now = counters(after);
      return [...counters(before)].filter(([name, value]) => (now.get(name) ?? -1) < value).map(([name]) => name);
    };
    await workQ.submit("plain", { n: 1 }, { delay: "1h" });
    // Told, and stored with that.
    await reachDomain("work").poke();
    // Told on a sync, so soon after that it is not stored by itself.
    clock.advance(31_000);
    const { id } = await workQ.submit("plain", { n: 2 });
    await done(id);
    clock.advance(6_000);
    const other = await workQ.submit("plain", { n: 3 });
    await done(other.id);
    const first = await scrape();
    await crash("mill");
    const second = await scrape();
    expect(goneBack(first, second)).toEqual([]);
    // Requests that write nothing are counted in memory alone.
    for (let n = 0; n < 50; n += 1) await workQ.task("plain", id).get();
    await workQ.submit("plain", { n: 4 }, { delay: "1h" });
    for (let n = 0; n < 50; n += 1) await workQ.task("plain", id).get();
    await reachDomain("work").poke();
    const third = await scrape();
    await crash("work");
    await workQ.submit("plain", { n: 5 }, { delay: "1h" });
    await reachDomain("work").poke();
    const fourth = await scrape();
    expect(goneBack(third, fourth)).toEqual([]);
    const submitted = 'millrace_tasks_submitted_total{domain="work",type="plain"}';
    expect(valueOf(fourth, submitted)).toBe(valueOf(third, submitted)! + 1);
  });

  test("they ride on syncs, every few seconds at most: no call is made for them", async () => {
    const calls = async () => (await workQ.snapshot()).cost.coordinatorCalls;
    clock.advance(60_000);
    const before = await calls();
    const { id } = await workQ.submit("plain", { n: 9 });
    await done(id);
    const made = (await calls()) - before;
    const text = await scrape();
    expect(made).toBeGreaterThan(0);
    expect(made).toBeLessThanOrEqual(2);
    const told = valueOf(text, 'millrace_domain_figures_timestamp_seconds{domain="work"}')!;
    expect(clock.now() / 1_000 - told).toBeLessThan(30);
  });

  test("what of a group and of pressure the coordinator knows", async () => {
    await mill.group('tenant "x"\\').pause();
    await mill.pressure("queue", 0.25, "1m");
    const text = await scrape();
    expect(valueOf(text, 'millrace_group_pauses_total{group="tenant \\"x\\"\\\\"}')).toBe(1);
    expect(valueOf(text, "millrace_groups_paused")).toBe(1);
    expect(valueOf(text, 'millrace_pressure_source{source="queue"}')).toBe(0.25);
    await mill.group('tenant "x"\\').resume();
  });

  test("a token for one domain sees that one's", async () => {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode("t")));
    const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const bindings = {
      MILLRACE_TOKENS: JSON.stringify([{ name: "p", sha256, role: "viewer", domains: ["other"] }]),
    } as unknown as Cloudflare.Env;
    const ask = async (path: string) =>
      (
        await mill.fetch(new Request(`http://mill${path}`, { headers: { authorization: "Bearer t" } }), bindings, createExecutionContext())
      ).text();
    await mill.group("of others").pause();
    const text = await ask("/metrics");
    expect(text).toContain("millrace_max_concurrency 8");
    expect(text).toContain("millrace_groups_paused 1");
    expect(text).not.toContain('domain="work"');
    expect(await scrape()).toContain('millrace_group_pauses_total{group="of others"} 1');
    expect(text).not.toContain("of others");
    expect(await ask("/v1/snapshot")).not.toContain("of others");
    await mill.group("of others").resume();
  });
});
