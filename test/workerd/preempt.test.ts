import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { onPoint } from "../../src/durable/point.ts";
import { reachCoordinator } from "../../src/durable/reach.ts";
import { clock } from "../worker/clock.ts";
import { crash, survive, Time } from "../worker/drive.ts";
import { mill, otherQ as otherDomain, workQ } from "../worker/index.ts";
import { expectBalanced } from "../worker/laws.ts";
import { kill } from "../worker/lives.ts";
import { gate, journal } from "../worker/script.ts";

const otherQ = otherDomain as unknown as typeof workQ;
const coordinator = reachCoordinator(clock);
const time = new Time(["work", "other"]);
beforeAll(() => {
  clock.takeOver();
  time.stepMs = 20;
  time.start();
});
const held: string[] = [];
afterEach(async () => {
  onPoint(undefined);
  for (const name of held.splice(0)) gate(name).open();
  for (const { name } of await mill.groups()) await mill.group(name).set({ maxConcurrency: null, weight: null, rate: null });
  await coordinator.configure({ maxConcurrency: 8 });
  await workQ.setMaxConcurrency(8);
  await otherQ.setMaxConcurrency(8);
  time.stepMs = 500;
  for (const handle of [workQ, otherQ])
    await time.until("quiet", async () => {
      const counts = (await survive(() => handle.snapshot()))?.counts;
      return counts !== undefined && counts.pending + counts.running + counts.scheduled === 0;
    });
  time.stepMs = 20;
  await expectBalanced("work");
  await expectBalanced("other");
});
afterAll(() => time.stop());

let serial = 0;
async function hold(options: object = {}, handle = workQ): Promise<{ id: string; name: string; open: () => void }> {
  const name = `preempt ${(serial += 1)}`;
  held.push(name);
  const { id } = await handle.submit("play", { do: "hold", name }, { key: null, ...options });
  return { id, name, open: () => gate(name).open() };
}
const get = (id: string, handle = workQ) => handle.task("play", id).get();
const shows = (id: string, status: string, handle = workQ) =>
  time.until(`${id} to be ${status}`, async () => (await survive(() => get(id, handle)))?.status === status, 1_000);
async function running(options: object = {}, handle = workQ) {
  const one = await hold(options, handle);
  await shows(one.id, "running", handle);
  return one;
}
const starts = (name: string) => journal.filter((one) => one.name === name && one.run === "started").length;
const preempted = async (handle = workQ) => (await handle.snapshot()).totals.preempted;
const pass = async (ms: number): Promise<void> => {
  const end = clock.now() + ms;
  await time.until("the passing of time", () => clock.now() >= end);
};

describe("[preemption] a realtime task that finds no slot", { timeout: 180_000 }, () => {
  test("takes that of the least urgent in its domain, the one that started last; it goes back uncharged and runs again first", async () => {
    await workQ.setMaxConcurrency(3);
    const background = await running({ priority: "background" });
    const older = await running({ priority: "idle" });
    const younger = await running({ priority: "idle" });
    const waiting = await hold({ priority: "idle" });
    const before = await preempted();
    const urgent = await running({ priority: "realtime" });
    expect(await get(younger.id)).toMatchObject({ status: "pending", attempt: 0, executions: 1, error: null });
    expect([(await get(older.id)).status, (await get(background.id)).status]).toEqual(["running", "running"]);
    expect(await preempted()).toBe(before! + 1);
    const { gates } = await workQ.task("play", younger.id).why();
    expect(gates.map((one) => one.gate)).toEqual(["domain_cap"]);
    urgent.open();
    await shows(younger.id, "running");
    expect((await get(waiting.id)).status).toBe("pending");
    for (const one of [background, older, younger, waiting]) one.open();
    await shows(younger.id, "completed");
    expect(await get(younger.id)).toMatchObject({ attempt: 1, executions: 2 });
    expect(starts(younger.name)).toBe(2);
  });

  test("takes that of the least urgent of the mill, wherever it runs", async () => {
    await coordinator.configure({ maxConcurrency: 2 });
    const here = await running({ priority: "background" });
    const there = await running({ priority: "idle" }, otherQ);
    const next = await hold({ priority: "idle" }, otherQ);
    const urgent = await running({ priority: "realtime" });
    expect((await get(here.id)).status).toBe("running");
    expect(await get(there.id, otherQ)).toMatchObject({ status: "pending", attempt: 0, executions: 1 });
    expect((await get(next.id, otherQ)).status).toBe("pending");
    urgent.open();
    await shows(there.id, "running", otherQ);
    expect(starts(here.name)).toBe(1);
  });

  test("leaves alone what is as urgent, and what is not that urgent takes nothing; the domain says from where on", async () => {
    await coordinator.configure({ maxConcurrency: 1 });
    const first = await running({ priority: "realtime" });
    const second = await hold({ priority: "realtime" });
    await pass(3_000);
    expect([(await get(first.id)).status, (await get(second.id)).status]).toEqual(["running", "pending"]);
    first.open();
    await shows(second.id, "running");
    second.open();
    await shows(second.id, "completed");
    const plain = await running();
    const high = await hold({ priority: "high" });
    await pass(3_000);
    expect([(await get(plain.id)).status, (await get(high.id)).status]).toEqual(["running", "pending"]);
    await workQ.task("play", high.id).cancel();
    await running({ priority: "high" }, otherQ);
    expect((await get(plain.id)).status).toBe("pending");
  });

  test("of a group at its cap takes one of that group, though others are less urgent", async () => {
    await mill.group("one").set({ maxConcurrency: 1 });
    const member = await running({ group: "one" }, otherQ);
    const idle = await running({ priority: "idle" });
    const urgent = await running({ priority: "realtime", group: "one" });
    expect([(await get(idle.id)).status, (await get(member.id, otherQ)).status]).toEqual(["running", "pending"]);
    urgent.open();
    await shows(member.id, "running", otherQ);
  });

  test("of very many groups at their caps each has its turn to ask", async () => {
    await coordinator.configure({ maxConcurrency: 30 });
    await workQ.setMaxConcurrency(30);
    const groups = Array.from({ length: 10 }, (_, n) => `full ${n}`);
    for (const group of groups) await mill.group(group).set({ maxConcurrency: 1 });
    // What runs in all of them but the last is as urgent as what waits.
    for (const group of groups) await running({ group, priority: group === groups.at(-1) ? "idle" : "realtime" });
    const waiting = [];
    for (const group of groups) waiting.push(await hold({ group, priority: "realtime" }));
    time.stepMs = 100;
    await shows(waiting.at(-1)!.id, "running");
    expect((await get(waiting[0]!.id)).status).toBe("pending");
  });

  test("a storm of them in two domains: all run, nothing is charged, and no more is stopped than there are of them", async () => {
    await coordinator.configure({ maxConcurrency: 4 });
    // Slots change hands before it begins, which takes its time.
    time.stepMs = 200;
    const victims = [];
    for (const handle of [workQ, otherQ, workQ, otherQ]) victims.push({ handle, ...(await running({ priority: "idle" }, handle)) });
    const before = [await preempted(workQ), await preempted(otherQ)];
    const urgent = await Promise.all(
      Array.from({ length: 8 }, async (_, n) => {
        const handle = n % 2 === 0 ? workQ : otherQ;
        return { handle, id: (await handle.submit("play", { name: `storm ${n}` }, { key: null, priority: "realtime" })).id };
      }),
    );
    for (const { handle, id } of urgent) await shows(id, "completed", handle);
    const stopped = (await preempted(workQ))! - before[0]! + (await preempted(otherQ))! - before[1]!;
    expect(stopped).toBeGreaterThan(0);
    expect(stopped).toBeLessThanOrEqual(8);
    for (const { open } of victims) open();
    for (const { handle, id } of victims) {
      await shows(id, "completed", handle);
      expect((await get(id, handle)).attempt).toBe(1);
    }
  });

  test("takes its group's share under weights, too, and gets the slot itself", async () => {
    await mill.group("heavy").set({ weight: 100 });
    await coordinator.configure({ maxConcurrency: 2 });
    const members = [await running({ group: "heavy" }), await running({ group: "heavy" })];
    await hold({ group: "heavy" });
    const urgent = await running({ priority: "realtime" });
    expect((await get(members[1]!.id)).status).toBe("pending");
    urgent.open();
  });

  test("waits for no rate: nobody is stopped for what may not start anyhow", async () => {
    await coordinator.configure({ maxConcurrency: 1 });
    await workQ.setRate("plain", { permits: 1, per: "1h" });
    const { id } = await workQ.submit("plain", { n: 1 }, { priority: "realtime" });
    await shows(id, "completed");
    const plain = await running();
    const limited = await workQ.submit("plain", { n: 2 }, { priority: "realtime" });
    await pass(3_000);
    expect((await get(plain.id)).status).toBe("running");
    await workQ.task("plain", limited.id).cancel();
    await workQ.setRate("plain", null);
  });

  test("has a worker told that holds a lease, where no run will do: when it renews; nothing is charged", async () => {
    await coordinator.configure({ maxConcurrency: 1 });
    const { id } = await workQ.submit("pulled", { name: "leased" });
    const [lease] = await workQ.claim({ worker: "w", types: ["pulled"], lease: "60s", wait: "5s" });
    const urgent = await hold({ priority: "realtime" });
    await time.until("the word", async () => (await lease!.renew()).cancelled);
    await lease!.fail("stopped");
    await shows(urgent.id, "running");
    expect(await get(id)).toMatchObject({ status: "pending", attempt: 0, executions: 1 });
    urgent.open();
    const [again] = await workQ.claim({ worker: "w", types: ["pulled"], wait: "20s" });
    await again!.complete("done");
  });

  test.each(["preempt.committed", "preempt.answered", "coordinator.preempt.answered", "abort.call"])(
    "survives a death at %s: it gets its slot, nothing is lost or charged, no cap is broken",
    async (where) => {
      await coordinator.configure({ maxConcurrency: 2 });
      const one = await running();
      const two = await running({ priority: "idle" }, otherQ);
      // By then its run has handed over its control: one that has not yet is told in the answer, without a call.
      await pass(200);
      let isDead = false;
      onPoint((point, object) => {
        if (isDead || point !== where) return;
        isDead = true;
        kill(object);
      });
      const { id } = (await survive(() =>
        workQ.submit("play", { name: `after ${where}` }, { key: null, priority: "realtime", idempotencyKey: where }),
      ))!;
      time.stepMs = 100;
      await shows(id, "completed");
      expect(isDead).toBe(true);
      onPoint(undefined);
      one.open();
      two.open();
      await shows(one.id, "completed");
      await shows(two.id, "completed", otherQ);
      expect([(await get(one.id)).attempt, (await get(two.id, otherQ)).attempt]).toEqual([1, 1]);
      await survive(() => crash("mill"));
    },
  );
});
