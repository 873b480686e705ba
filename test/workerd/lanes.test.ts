import { beforeAll, describe, expect, test } from "vitest";
import { changeFlags, type Flags, type FlagsChange, NO_FLAGS } from "../../src/policy/coordination/flags.ts";
import { clock } from "../worker/clock.ts";
import { crash, survive } from "../worker/drive.ts";
import { workQ } from "../worker/index.ts";
import { platform } from "../worker/lives.ts";
import { ring, stub, until } from "../worker/reach.ts";
import { gate } from "../worker/script.ts";

const plain = (n: number, options: object = {}) => ({ type: "plain" as const, payload: { n }, ...options });
const allDone = () =>
  until(
    () => workQ.snapshot(),
    ({ counts }) => counts.pending === 0 && counts.running === 0 && counts.paused === 0,
  );
/** So that runs may carry many. */
async function learn(): Promise<void> {
  for (let round = 0; round < 10; round += 1) {
    await workQ.submitAll(Array.from({ length: 100 }, (_, n) => plain(n)));
    await allDone();
  }
}

describe("groups of tasks", () => {
  test("a group is stored, shown, found, and none where null says so", async () => {
    await workQ.pause();
    const [a, b, c] = await workQ.submitAll([plain(1, { group: "größe/1" }), plain(2, { group: "g" }), plain(3)]);
    expect(await workQ.task(a!).get()).toMatchObject({ group: "größe/1" });
    expect(await workQ.task(c!).get()).toMatchObject({ group: null });
    expect((await workQ.list({ group: "g" })).items.map(({ id }) => id)).toEqual([b!.id]);
    expect(await workQ.count({ group: "größe/1" })).toBe(1);
    await expect(workQ.submit("plain", { n: 1 }, { group: "x".repeat(129) })).rejects.toMatchObject({ code: "invalid_request" });
    await workQ.resume();
    await allDone();
  });

  test("[order] a run holds one group's tasks, and runs follow the order over groups, also after a restart", async () => {
    await learn();
    await workQ.setMaxConcurrency(1);
    await workQ.pause();
    const groups = ["a", "a", "a", "b", "b", null, null, "a", "b"];
    const tasks = await workQ.submitAll(groups.map((group, n) => plain(n, { group })));
    await survive(() => crash("work"));
    const before = platform.runs.length;
    await survive(() => workQ.resume());
    await survive(allDone);
    const first = Number(tasks[0]!.id.split("_")[1]);
    const runs = platform.runs.slice(before).map((run) => run.map((id) => id - first));
    expect(runs.flat()).toEqual(groups.map((_, n) => n));
    for (const run of runs) expect(new Set(run.map((n) => groups[n])).size).toBe(1);
    await workQ.setMaxConcurrency(8);
  });

  test("new content brings its own group", async () => {
    const { id } = await workQ.submit("play", { name: "x" }, { key: "grouped", group: "a", delay: "1h" });
    await workQ.submit("play", { name: "y" }, { key: "grouped", group: "b", delay: "1h", onDuplicate: "supersede" });
    expect(await workQ.task("play", id).get()).toMatchObject({ group: "b" });
    await workQ.submit("play", { name: "z" }, { key: "grouped", delay: "1h", onDuplicate: "supersede" });
    expect(await workQ.task("play", id).get()).toMatchObject({ group: null });
  });
});

/** The order in which one slot takes what waits, as positions in `ids`. */
async function orderOf(ids: readonly string[]): Promise<number[]> {
  const before = platform.runs.length;
  await survive(() => workQ.resume());
  await survive(allDone);
  const counters = ids.map((id) => Number(id.split("_")[1]));
  return platform.runs
    .slice(before)
    .flat()
    .map((id) => counters.indexOf(id));
}

describe("who is next", () => {
  beforeAll(async () => {
    await workQ.setMaxConcurrency(1);
  });

  test("[fairness key] tenants take turns, and other types' tasks with them as one, also after a restart", async () => {
    await workQ.pause();
    const fair = (tenant: string) => ({ type: "fair" as const, payload: { tenant, n: 0 } });
    const items = [fair("a"), fair("a"), fair("a"), plain(0), fair("b"), fair("a"), fair("c"), fair("b")];
    const ids = (await workQ.submitAll(items)).map(({ id }) => id);
    await crash("work");
    // a, the plain task, b, c; a, b; a; a.
    expect(await orderOf(ids)).toEqual([0, 3, 4, 6, 1, 7, 2, 5]);
  });

  test("[aging] who waited long enough goes before newer, more urgent work; a pause stops its clock", async () => {
    const aging = { graceMs: 100, intervalMs: 10, step: 10, ceiling: 64 };
    await stub("work").pushFlags({ ...NO_FLAGS, version: 1e15, at: clock.now(), aging });
    clock.freeze();
    const { id } = await workQ.submit("play", { do: "hold", name: "aging" });
    await until(
      () => workQ.task("play", id).get(),
      ({ status }) => status === "running",
    );
    const old = await workQ.submit("plain", { n: 1 }, { priority: 200 });
    const urgency = async () => (await workQ.task(old).get()).effectivePriority;
    clock.advance(150);
    expect(await urgency()).toBe(150);
    await workQ.pause();
    clock.advance(5_000);
    expect(await urgency()).toBe(150);
    await workQ.resume();
    expect(await urgency()).toBe(150);
    clock.advance(50);
    expect(await urgency()).toBe(100);
    const young = await workQ.submit("plain", { n: 2 }, { priority: 110 });
    const most = await workQ.submit("plain", { n: 2 }, { priority: 90 });
    gate("aging").open();
    const order = await orderOf([id, most.id, old.id, young.id]);
    clock.thaw();
    expect(order.filter((place) => place > 0)).toEqual([1, 2, 3]);
    await stub("work").pushFlags({ ...NO_FLAGS, version: 2e15, at: clock.now() });
  });

  test("[aging] [cost] other pressure makes no places anew: a row for each of a thousand tenants", async () => {
    const flags = { ...NO_FLAGS, version: 2.5e15, at: clock.now(), aging: { graceMs: 1e9, intervalMs: 1e9, step: 1, ceiling: 0 } };
    await stub("work").pushFlags(flags);
    const { id } = await workQ.submit("play", { do: "hold", name: "tenants wait" });
    await until(
      () => workQ.task("play", id).get(),
      ({ status }) => status === "running",
    );
    await workQ.submitAll(
      Array.from({ length: 400 }, (_, n) => ({ type: "fair" as const, payload: { tenant: `t${n}`, n }, priority: "high" as const })),
    );
    const read = async () => (await workQ.snapshot()).cost.rowsRead;
    const before = await read();
    for (let value = 1; value <= 5; value += 1)
      await stub("work").pushFlags({
        ...flags,
        version: flags.version + value,
        pressure: { queue: { value: value / 100, until: clock.now() + 60_000 } },
      });
    expect((await read()) - before).toBeLessThan(400);
    gate("tenants wait").open();
    await stub("work").pushFlags({ ...NO_FLAGS, version: 2.6e15, at: clock.now() });
    await allDone();
  });

  test("[aging] a retry keeps its age; pauses of mill and group that overlap stop the clock once, through a crash, too", async () => {
    const minute = 60_000;
    const aging = { graceMs: 0, intervalMs: minute, step: 1, ceiling: 0 };
    let flags: Flags = { ...NO_FLAGS, version: 3e15, at: clock.now(), aging };
    const tell = async (change: FlagsChange) => {
      flags = { ...changeFlags(flags, clock.now(), change), version: flags.version + 1 };
      await stub("work").pushFlags(flags);
    };
    await tell({});
    clock.freeze();
    // Its first attempt takes the only token, so that the next one waits.
    await workQ.setRate("play", { permits: 1, per: "7d" });
    const { id } = await workQ.submit("play", { do: "later", name: "aged" }, { key: null, priority: 200, group: "aged" });
    const get = () => workQ.task("play", id).get();
    await until(get, ({ status }) => status === "scheduled");
    clock.advance(60 * minute);
    await ring("work");
    const urgency = async () => (await get()).effectivePriority;
    expect(await get()).toMatchObject({ status: "pending", attempt: 1, effectivePriority: 140 });
    await tell({ groups: { aged: { since: clock.now() } } });
    clock.advance(10 * minute);
    await tell({ paused: { since: clock.now() } });
    clock.advance(10 * minute);
    await tell({ groups: { aged: null } });
    clock.advance(10 * minute);
    await survive(() => crash("work"));
    expect(await urgency(), "half an hour of pauses").toBe(140);
    await tell({ paused: null });
    clock.advance(5 * minute);
    expect(await urgency()).toBe(135);
    // A clock that goes back makes it no older, and it goes on from there.
    clock.advance(-4 * minute);
    expect(await urgency()).toBe(139);
    clock.advance(4 * minute);
    expect(await urgency()).toBe(135);
    await workQ.task("play", id).cancel();
    await workQ.setRate("play", null);
    clock.thaw();
    await stub("work").pushFlags({ ...NO_FLAGS, version: 4e15, at: clock.now() });
    await allDone();
  });
});
