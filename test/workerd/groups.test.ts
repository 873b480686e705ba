import { runInDurableObject } from "cloudflare:test";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { onPoint } from "../../src/durable/point.ts";
import { reachCoordinator } from "../../src/durable/reach.ts";
import { clock } from "../worker/clock.ts";
import { crash, survive, Time } from "../worker/drive.ts";
import { mill, otherQ as otherDomain, workQ } from "../worker/index.ts";
import { kill, killSoon, platform } from "../worker/lives.ts";
import { probe } from "../worker/probe.ts";
import { stub } from "../worker/reach.ts";
import { gate } from "../worker/script.ts";

const otherQ = otherDomain as unknown as typeof workQ;
const time = new Time(["work", "other"]);
const coordinator = reachCoordinator(clock);
const STEP_MS = 20;
const CAP = 3;

/** Tasks of the shared group. */
const members = new Set<string>();
let most = 0;
const violations: string[] = [];
const inGroup = () => probe.alive().filter(({ id }) => members.has(id)).length;

beforeAll(() => {
  clock.takeOver();
  time.stepMs = STEP_MS;
  time.watchers.push(() => {
    probe.next();
    const count = inGroup();
    most = Math.max(most, count);
    if (count > CAP) violations.push(`${count} at tick ${probe.tick}`);
  });
  time.start();
});
beforeEach(async () => {
  onPoint(undefined);
  for (const { name } of await mill.groups()) {
    await mill.group(name).set({ maxConcurrency: null, weight: null, minSlots: null, rate: null });
  }
  await coordinator.configure({ maxConcurrency: 8 });
  await workQ.setMaxConcurrency(8);
  await otherQ.setMaxConcurrency(8);
});
afterAll(async () => {
  onPoint(undefined);
  await time.stop();
});

const isOver = (handle: typeof workQ, id: string) => survive(async () => (await handle.task("play", id).get()).finishedAt !== null);
const ended = async (handle: typeof workQ, ids: readonly string[]) => {
  time.stepMs = 200;
  for (const id of ids) await time.until(`the end of ${id}`, async () => (await isOver(handle, id)) === true, 4_000);
  time.stepMs = STEP_MS;
};
const running = async (handle = workQ): Promise<number> => (await survive(() => handle.snapshot()))?.running.length ?? 0;
const runs = (count: number, handle = workQ) =>
  time.until(`${count} at once in ${handle.name}`, async () => (await running(handle)) === count);
const pass = async (ms: number): Promise<void> => {
  const end = clock.now() + ms;
  time.stepMs = 200;
  await time.until("the passing of time", () => clock.now() >= end);
  time.stepMs = STEP_MS;
};

let batches = 0;
/** Tasks of a group that run until they are let go. */
async function hold(count: number, group: string | undefined, handle = workQ, more: object = {}) {
  const batch = `grouped ${(batches += 1)}`;
  const names = Array.from({ length: count }, (_, n) => `${batch} ${n}`);
  const items = names.map((name) => ({ type: "play" as const, payload: { do: "hold" as const, name }, ...(group && { group }), ...more }));
  const ids = (await handle.submitAll(items)).map(({ id }) => id);
  return { ids, open: (upTo = count) => names.slice(0, upTo).forEach((name) => gate(name).open()), ended: () => ended(handle, ids) };
}

/** Ends an object's life at its next pass of any point, once that tick has come. */
async function death(victim: string, from: number, end: (name: string) => void): Promise<void> {
  let isDead = false;
  onPoint((_point, object) => {
    if (isDead || object !== victim || probe.tick < from) return;
    isDead = true;
    end(victim);
  });
  time.stepMs = 200;
  await time.until(`the death of ${victim}`, async () => {
    if (probe.tick > from + 20) await survive(() => coordinator.configure({ maxConcurrency: 8 }));
    return isDead;
  });
}

describe("a group's cap", { timeout: 180_000 }, () => {
  const survives = async (outlive: boolean): Promise<void> => {
    platform.outlive = outlive;
    await mill.group("shared").set({ maxConcurrency: CAP });
    most = 0;
    const tasks = new Map<typeof workQ, string[]>([
      [workQ, []],
      [otherQ, []],
    ]);
    for (const [index, victim] of ["work", "mill", "other", "work", "mill"].entries()) {
      for (const [handle, ids] of tasks) {
        const item = (n: number) => ({
          type: "play",
          payload: { do: "spin", name: `${victim} ${index} ${n}`, times: 3 + n },
          group: "shared",
        });
        const key = `shared ${outlive} ${index}`;
        const items = Array.from({ length: 6 }, (_, n) => item(n)) as never;
        const answers = (await survive(() => handle.submitAll(items, { idempotencyKey: key }) as Promise<unknown>)) as { id: string }[];
        for (const { id } of answers) {
          members.add(id);
          ids.push(id);
        }
      }
      const from = probe.tick + 5 + ((index * 13) % 20);
      await death(victim, from, index % 2 === 0 ? kill : killSoon);
    }
    onPoint(undefined);
    for (const [handle, ids] of tasks) await ended(handle, ids);
    platform.outlive = false;
    expect(violations).toEqual([]);
    expect(probe.violations).toEqual([]);
    expect(most, "every slot of the group was in use").toBe(CAP);
  };

  test("[caps] holds over two domains while they and the coordinator die; executors end with their object", () => survives(false));

  test("[caps] holds over two domains while they and the coordinator die; executors outlive their object", () => survives(true));

  test("[caps] lowered live it kills nothing and nothing starts; raised, the rest starts at once; null is what the code says", async () => {
    await mill.group("live").set({ maxConcurrency: 4 });
    const tasks = await hold(8, "live");
    await runs(4);
    await mill.group("live").set({ maxConcurrency: 2 });
    tasks.open(1);
    await runs(3);
    await pass(3_000);
    expect(await running(), "over the cap").toBe(3);
    await crash("mill");
    tasks.open(3);
    await runs(2);
    await pass(3_000);
    expect(await running(), "the cap is stored").toBe(2);
    const view = (await mill.groups()).find(({ name }) => name === "live");
    expect(view).toMatchObject({ maxConcurrency: 2, running: 2, rate: null, weight: 1, minSlots: 0 });
    await mill.group("live").set({ maxConcurrency: null });
    await runs(5);
    tasks.open();
    await tasks.ended();
  });

  test("[caps] of every group that names none is changed live, stored, and taken away again", async () => {
    await mill.settings({ defaultGroupMaxConcurrency: 2 });
    const first = await hold(4, "unnamed");
    await runs(2);
    await crash("mill");
    await crash("work");
    const second = await hold(3, "another");
    await pass(30_000);
    await runs(4);
    await mill.settings({ defaultGroupMaxConcurrency: null });
    await runs(7);
    first.open();
    second.open();
    await first.ended();
    await second.ended();
  });

  test("one at its cap holds nobody up: 100,000 of its tasks wait, and the next one of nobody's runs at once", async () => {
    await mill.group("full").set({ maxConcurrency: 1 });
    const first = await hold(1, "full");
    await runs(1);
    for (let batch = 0; batch < 10; batch += 1) {
      const items = Array.from({ length: 10_000 }, (_, n) => ({
        type: "plain" as const,
        payload: { n },
        group: "full",
        priority: "high" as const,
      }));
      await workQ.submitAll(items);
    }
    const { id } = await workQ.submit("plain", { n: 1 });
    await time.until("its end", async () => (await workQ.task("plain", id).get()).finishedAt !== null, 100);
    const { id: grouped } = await workQ.submit("plain", { n: 1 }, { group: "free" });
    await time.until("its end", async () => (await workQ.task("plain", grouped).get()).finishedAt !== null, 100);
    expect((await workQ.snapshot()).counts.pending).toBe(100_000);
    await runInDurableObject(stub("work"), (_object, { storage }) => {
      storage.sql.exec("DELETE FROM tasks WHERE grp = 'full' AND type = 'plain'");
      const row = storage.sql.exec<{ json: string }>("SELECT json FROM state").one();
      const state = JSON.parse(row.json) as { counts: { pending: number }; totals: { inserted: number } };
      state.counts.pending -= 100_000;
      state.totals.inserted -= 100_000;
      storage.sql.exec("UPDATE state SET json = ?", JSON.stringify(state));
    });
    await crash("work");
    first.open();
    await first.ended();
  });

  test("[pull leases] a leased task takes a slot of its group", async () => {
    await mill.group("leased").set({ maxConcurrency: 1 });
    for (let n = 0; n < 2; n += 1) await workQ.submit("pulled", { name: `leased ${n}` }, { group: "leased" });
    const claim = () => workQ.claim({ worker: "w", types: ["pulled"], max: 2, lease: "30s", wait: "2s" });
    const [one, ...others] = await claim();
    expect(others).toEqual([]);
    expect(await claim()).toEqual([]);
    await one!.complete("done");
    const [two] = await claim();
    await two!.complete("done");
  });
});

describe("[weights, minimums] weights", { timeout: 180_000 }, () => {
  test("3:1 over 8 slots runs 6 and 2, in whatever order they came", async () => {
    await mill.group("gold").set({ weight: 3 });
    const iron = await hold(12, "iron");
    await runs(8);
    const gold = await hold(12, "gold");
    await time.until("the shares", async () => {
      const views = await mill.groups();
      const of = (name: string) => views.find((view) => view.name === name)?.allocated;
      return of("gold") === 6 && of("iron") === 2;
    });
    iron.open(8);
    await time.until("the end of those", async () => (await isOver(workQ, iron.ids[7]!)) === true);
    await runs(8);
    const names = (await workQ.snapshot()).running.map(({ id }) => (gold.ids.includes(id) ? "gold" : "iron"));
    expect(names.filter((name) => name === "gold").length).toBe(6);
    iron.open();
    gold.open();
    await iron.ended();
    await gold.ended();
  });
});

describe("[rate limits] a group's rate", { timeout: 180_000 }, () => {
  test("is kept over two domains, and holds up nobody else", async () => {
    await mill.group("mails").set({ rate: { permits: 4, per: "10s", burst: 4 } });
    const begun = clock.now();
    const item = (n: number) => ({ type: "play" as const, payload: { do: "ok" as const, name: `mail ${batches} ${n}` }, group: "mails" });
    const items = (from: number) => Array.from({ length: 6 }, (_, n) => item(from + n));
    const ids = (await workQ.submitAll(items(0))).map(({ id }) => id);
    const others = (await otherQ.submitAll(items(6))).map(({ id }) => id);
    const { id: free } = await workQ.submit("plain", { n: 1 });
    await time.until("the end of what is free", async () => (await workQ.task("plain", free).get()).finishedAt !== null, 100);
    await ended(workQ, ids);
    await ended(otherQ, others);
    const starts: number[] = [];
    for (const id of ids) starts.push(Date.parse((await workQ.task("play", id).get()).startedAt ?? ""));
    for (const id of others) starts.push(Date.parse((await otherQ.task("play", id).get()).startedAt ?? ""));
    starts.sort((one, other) => one - other);
    // Twelve at four in ten seconds, four at once: the last eight take twenty seconds.
    starts.forEach((at, index) => expect(at - begun).toBeGreaterThanOrEqual(Math.max(0, index - 3) * 2_500));
    expect(starts.at(-1)! - begun).toBeLessThan(35_000);
  });
});
