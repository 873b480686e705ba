import type { Duration } from "millrace";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { clock } from "../worker/clock.ts";
import { crash, survive, Time } from "../worker/drive.ts";
import { mill, workQ } from "../worker/index.ts";
import { expectBalanced } from "../worker/laws.ts";
import { platform } from "../worker/lives.ts";
import { gate } from "../worker/script.ts";

const time = new Time(["work"]);
const STEP_MS = 20;
beforeAll(() => {
  clock.takeOver();
  time.stepMs = STEP_MS;
  time.start();
});
afterEach(async () => {
  time.stepMs = 1_000;
  for (const type of ["play", "plain", "pulled", "limited"] as const) await workQ.setRate(type, null);
  for (const { name } of await mill.groups()) await mill.group(name).set({ maxConcurrency: null, rate: null });
  const { items } = await workQ.list({ status: ["pending", "scheduled", "paused"], limit: 500 });
  for (const { id } of items) await workQ.task("plain", id).cancel();
  await time.until("quiet", async () => {
    const { counts } = await workQ.snapshot();
    return counts.pending + counts.running + counts.scheduled === 0;
  });
  time.stepMs = STEP_MS;
  await expectBalanced("work");
});
afterAll(() => time.stop());

type Type = "plain" | "limited" | "pulled" | "play";
const items = (type: Type, count: number, options: object = {}) =>
  Array.from({ length: count }, (_, n) => ({ type, payload: type === "pulled" || type === "play" ? { name: `${n}` } : { n }, ...options }));
const submit = async (type: Type, count: number, options: object = {}): Promise<string[]> =>
  ((await workQ.submitAll(items(type, count, options) as never)) as { id: string }[]).map(({ id }) => id);
const get = (id: string) => workQ.task("plain", id).get();
const has = async (id: string, what: "startedAt" | "finishedAt") => ((await survive(() => get(id)))?.[what] ?? null) !== null;
const ended = async (ids: readonly string[], steps = 4_000): Promise<void> => {
  for (const id of ids) await time.until(`the end of ${id}`, async () => await has(id, "finishedAt"), steps);
};
const startedOf = async (ids: readonly string[]): Promise<number> => {
  let count = 0;
  for (const id of ids) if (await has(id, "startedAt")) count += 1;
  return count;
};
const pass = async (ms: number): Promise<void> => {
  const end = clock.now() + ms;
  await time.until("the passing of time", () => clock.now() >= end);
};
const available = async (type: Type) => (await workQ.snapshot()).rates[type]?.available;

describe("[rate limits] a type's rate", { timeout: 180_000 }, () => {
  test("of the code is kept, through crashes, and holds nobody else up; a snapshot shows it, and why says when", async () => {
    expect((await workQ.snapshot()).rates).toEqual({ limited: { permits: 4, perMs: 10_000, burst: 4, available: 4 } });
    const begun = clock.now();
    const ids = await submit("limited", 8, { priority: "high" });
    const free = await submit("plain", 3);
    await ended([...ids.slice(0, 4), ...free], 200);
    expect(await startedOf(ids)).toBe(4);
    expect(await available("limited")).toBe(0);
    const { gates } = await workQ.task("plain", ids[7]!).why();
    expect(gates.map(({ gate: name }) => name)).toEqual(["type_rate"]);
    expect(gates[0]!.detail).toBe("The rate limit of type limited: no token is left.");
    expect(Date.parse(gates[0]!.until!) - begun).toBeGreaterThan(2_400);
    for (let life = 0; life < 3; life += 1) {
      await crash("work");
      await pass(700);
    }
    await ended(ids);
    const starts: number[] = [];
    for (const id of ids) starts.push(Date.parse((await get(id)).startedAt ?? "") - begun);
    starts.sort((one, other) => one - other);
    starts.forEach((at, n) => expect(at, `start ${n}`).toBeGreaterThanOrEqual(Math.max(0, n - 3) * 2_500));
    expect(starts.at(-1)).toBeLessThan(25_000);
  });

  test("set live is stored; tokens stay where they are; null is none; no type is 404", async () => {
    await expect(workQ.setRate("nothing" as never, { permits: 1, per: "1s" })).rejects.toMatchObject({ code: "unknown_type" });
    await expect(workQ.setRate("plain", { permits: 0, per: "1s" })).rejects.toMatchObject({ code: "invalid_request" });
    expect((await workQ.setRate("plain", { permits: 3, per: "1h" })).rates).toMatchObject({
      plain: { permits: 3, perMs: 3_600_000, available: 3 },
    });
    const ids = await submit("plain", 5);
    await ended(ids.slice(0, 3), 200);
    await survive(() => crash("work"));
    expect(await available("plain")).toBe(0);
    // Another rate brings no token of itself.
    await workQ.setRate("plain", { permits: 100, per: "1h" });
    expect(await available("plain")).toBe(0);
    expect(await startedOf(ids)).toBe(3);
    await workQ.setRate("plain", null);
    await ended(ids, 200);
    expect((await workQ.snapshot()).rates).toEqual({});
  });

  test("and its group's: both are checked, then both are taken", async () => {
    const group = "both";
    await mill.group(group).set({ rate: { permits: 1, per: "1h" } });
    await workQ.setRate("plain", { permits: 2, per: "1h" });
    const grouped = await submit("plain", 3, { group });
    await ended(grouped.slice(0, 1), 200);
    await pass(2_000);
    expect([await startedOf(grouped), await available("plain")], "the group's refusal took none of the type's").toEqual([1, 1]);
    const [free] = await submit("plain", 1);
    await ended([free!], 200);
    expect(await available("plain")).toBe(0);
  });

  test("a claim takes a token, too, and waits for one; other types of its claim go on", async () => {
    await workQ.setRate("pulled", { permits: 2, per: "10s" });
    await submit("pulled", 4);
    const claim = (wait: Duration) => workQ.claim({ worker: "w", types: ["pulled"], max: 4, lease: "60s", wait });
    const first = await claim("2s");
    if (first.length < 2) first.push(...(await claim("2s")));
    expect(first.length).toBe(2);
    const before = clock.now();
    const [third, ...others] = await claim("20s");
    expect(others).toEqual([]);
    expect(clock.now() - before).toBeGreaterThan(2_000);
    expect(clock.now() - before).toBeLessThan(8_000);
    await workQ.setRate("pulled", null);
    for (const held of [...first, third!, ...(await claim("2s"))]) await held.complete("done");
  });

  test("a token an hour away is waited for by the alarm, whoever sleeps meanwhile", async () => {
    await workQ.setRate("plain", { permits: 1, per: "1h" });
    const [one, two] = await submit("plain", 2);
    await ended([one!], 200);
    await pass(1_000);
    await crash("work");
    time.stepMs = 30_000;
    await ended([two!]);
    const [first, second] = [Date.parse((await get(one!)).startedAt!), Date.parse((await get(two!)).startedAt!)];
    expect(second - first).toBeGreaterThanOrEqual(3_600_000);
    expect(second - first).toBeLessThan(3_900_000);
  });

  test("a task that its run gives back unstarted has its token again", async () => {
    for (let most = 0; most < 3;) {
      const before = platform.runs.length;
      clock.freeze();
      await ended(await submit("play", 24, { key: null }));
      clock.thaw();
      most = Math.max(...platform.runs.slice(before).map((run) => run.length));
    }
    await workQ.setMaxConcurrency(1);
    await workQ.setRate("play", { permits: 50, per: "1000d" });
    const before = platform.runs.length;
    const script = (name: string, what: string) => ({ type: "play" as const, payload: { do: what, name }, key: null });
    const ids = (
      (await workQ.submitAll([script("recall", "hold"), ...Array.from({ length: 3 }, (_, n) => script(`r ${n}`, "ok"))] as never)) as {
        id: string;
      }[]
    ).map(({ id }) => id);
    await time.until("the recall", async () => (await available("play")) === 49);
    expect((await get(ids[0]!)).status).toBe("running");
    expect(platform.runs[before]!.length).toBeGreaterThan(1);
    expect(await available("play")).toBe(49);
    gate("recall").open();
    await ended(ids, 500);
    expect(await available("play")).toBe(46);
    await workQ.setMaxConcurrency(8);
  });

  test("5,000 that wait for tokens hide nobody, cost no call of the coordinator, and a token no row", async () => {
    await workQ.setRate("plain", { permits: 1, per: "5s" });
    await ended((await submit("plain", 1)).slice(0, 1));
    const waiting = await submit("plain", 5_000, { priority: "high" });
    await pass(300);
    const before = (await workQ.snapshot()).cost;
    const [free] = await submit("fair" as never, 1, { type: "fair", payload: { tenant: "a", n: 1 } });
    await ended([free!], 50);
    await pass(20_000);
    const { cost } = await workQ.snapshot();
    expect(cost.coordinatorCalls - before.coordinatorCalls).toBeLessThan(25);
    expect(cost.alarmsSet - before.alarmsSet).toBeLessThan(8);
    const started = await startedOf(waiting.slice(0, 10));
    expect(started).toBeGreaterThanOrEqual(3);
    expect(started).toBeLessThanOrEqual(5);
    await workQ.setRate("plain", null);
    await time.until("the end of all", async () => (await workQ.snapshot()).counts.pending === 0);
    // The token is in the state row, which the start writes anyway.
    await workQ.setRate("plain", { permits: 1_000_000, per: "1s" });
    const rowsBefore = (await workQ.snapshot()).cost.rowsWritten;
    const many = await submit("plain", 1_000);
    await time.until("the end of all", async () => (await workQ.snapshot()).counts.pending === 0);
    expect(((await workQ.snapshot()).cost.rowsWritten - rowsBefore) / many.length).toBeLessThanOrEqual(2.3);
  });
});
