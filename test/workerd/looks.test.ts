import { createExecutionContext } from "cloudflare:test";
import { beforeAll, describe, expect, test } from "vitest";
import { createClient } from "../../src/client/index.ts";
import { clock } from "../worker/clock.ts";
import { mill, workQ } from "../worker/index.ts";
import { until } from "../worker/reach.ts";

const OPEN = { MILLRACE_AUTH: "open" } as unknown as Cloudflare.Env;
const client = createClient<typeof mill>({
  url: "http://mill",
  fetch: (request) => Promise.resolve(mill.fetch(request, OPEN, createExecutionContext())),
});
const both = [
  ["in the Worker", workQ],
  ["over HTTP", client.domain("work")],
] as const;

const TAGS: Record<string, string>[] = [
  { "billing.plan": "gold", "billing.seat": "1" },
  { "billing.plan": "gold" },
  { "billing.plan": "lead", "bill%": "x" },
  { bill_: "y", team: "own" },
  { billing: "none" },
];
let made: string[] = [];

beforeAll(async () => {
  const items = TAGS.map((tags, n) => ({ type: "plain", payload: { n }, delay: "1h", tags }));
  made = ((await workQ.submitAll(items as never)) as { id: string }[]).map(({ id }) => id);
  for (const name of ["17", "18", "x"]) await workQ.submit("play", { do: "permanent", name });
  await workQ.submit("play", { do: "fail", name: "dead" });
  await until(
    () => workQ.count({ status: ["failed", "dead_letter"] }),
    (ended) => ended === 4,
  );
});

describe.each(both)("%s", (_transport, handle) => {
  const found = async (query: object) => (await handle.list({ type: "plain", ...query })).items.map(({ id }) => made.indexOf(id));

  test("[tags] tasks by the beginning of a key, in which % and _ are themselves", async () => {
    expect(await found({ tagPrefix: "billing." })).toEqual([2, 1, 0]);
    expect(await found({ tagPrefix: "bill" })).toEqual([4, 3, 2, 1, 0]);
    expect(await found({ tagPrefix: "bill%" })).toEqual([2]);
    expect(await found({ tagPrefix: "bill_" })).toEqual([3]);
    expect(await found({ tagPrefix: "billing.", tags: { "billing.plan": "gold" } })).toEqual([1, 0]);
    expect(await found({ tagPrefix: "nothing" })).toEqual([]);
    // Default tags have no rows; every task has them.
    expect(await found({ tagPrefix: "_dom" })).toEqual([4, 3, 2, 1, 0]);
    expect(await found({ tagPrefix: "tea" })).toEqual([4, 3, 2, 1, 0]);
    expect(await handle.count({ tagPrefix: "billing." })).toBe(3);
  });

  test("[tags] keys and values, counted; default tags are everybody's who has no other", async () => {
    const all = await handle.count();
    expect(await handle.tags()).toEqual({
      keys: [
        { key: "_domain", count: all },
        { key: "bill%", count: 1 },
        { key: "bill_", count: 1 },
        { key: "billing", count: 1 },
        { key: "billing.plan", count: 3 },
        { key: "billing.seat", count: 1 },
        { key: "team", count: all },
      ],
      exact: true,
    });
    expect((await handle.tags({ prefix: "billing." })).keys.map(({ key }) => key)).toEqual(["billing.plan", "billing.seat"]);
    expect((await handle.tags({ prefix: "bill_" })).keys).toEqual([{ key: "bill_", count: 1 }]);
    expect(await handle.tagValues("billing.plan")).toEqual({
      values: [
        { value: "gold", count: 2 },
        { value: "lead", count: 1 },
      ],
      exact: true,
    });
    expect((await handle.tagValues("team")).values).toEqual([
      { value: "test", count: all - 1 },
      { value: "own", count: 1 },
    ]);
    expect((await handle.tagValues("_domain")).values).toEqual([{ value: "work", count: all }]);
    expect(await handle.tagValues("none/of%it")).toEqual({ values: [], exact: true });
    await expect(handle.tags({ prefix: "" })).rejects.toMatchObject({ code: "invalid_request" });
  });

  test("[dead letters] failures by what they have in common", async () => {
    const { items, exact } = await handle.failures();
    expect(exact).toBe(true);
    expect(items).toMatchObject([
      { pattern: "NonRetryableError: never {n}", count: 2, message: "never 18" },
      { pattern: "failed dead", count: 1 },
      { pattern: "NonRetryableError: never x", count: 1 },
    ]);
    expect((await handle.list({ status: "failed", error: "never 18" })).items.map(({ id }) => id)).toEqual([items[0]!.example]);
    expect(Date.parse(items[0]!.first)).toBeLessThanOrEqual(Date.parse(items[0]!.last));
    expect(await handle.failures({ limit: 1 })).toMatchObject({ items: [{ count: 2 }], exact: false });
    expect((await handle.failures({ type: "plain" })).items).toEqual([]);
    expect((await handle.failures({ since: clock.now() + 1 })).items).toEqual([]);
  });

  test("[dead letters] newest first, with errors, attempts and origin", async () => {
    const { items } = await handle.deadLetters();
    expect(items).toMatchObject([
      { domain: "work", type: "play", attempt: 3, parent: null, schedule: null, error: { message: "failed dead" } },
    ]);
    expect(items[0]!.errors.map(({ attempt, message }) => [attempt, message])).toEqual([1, 2, 3].map((n) => [n, "failed dead"]));
  });

  test("the last hour, minute by minute", async () => {
    const { stepMs, metrics, from } = await handle.series();
    expect(stepMs).toBe(60_000);
    expect(Date.parse(from)).toBe(Math.floor(clock.now() / 60_000) * 60_000 - 59 * 60_000);
    const sum = (values: (number | null)[]) => values.reduce<number>((total, value) => total + (value ?? 0), 0);
    const { totals } = await handle.snapshot();
    expect([metrics.submitted!, metrics.failed!, metrics.dead_letter!, metrics.retried!].map(sum)).toEqual([totals.submitted, 3, 1, 2]);
    expect(metrics.scheduled!.at(-1)).toBeGreaterThanOrEqual(5);
    const coarse = await handle.series({ metrics: ["submitted", "running"], step: "30m" });
    expect(Object.keys(coarse.metrics)).toEqual(["submitted", "running"]);
    expect(coarse.metrics.submitted).toHaveLength(2);
    expect(sum(coarse.metrics.submitted!)).toBe(totals.submitted);
    expect(Math.max(...coarse.metrics.running!.map(Number))).toBeGreaterThanOrEqual(1);
  });
});
