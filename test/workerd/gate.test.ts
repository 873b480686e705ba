import { admit, deny, type Task, until } from "millrace";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { clock } from "../worker/clock.ts";
import { crash, Time } from "../worker/drive.ts";
import { mill, strictQ } from "../worker/index.ts";
import { keeper } from "../worker/strict.ts";

const time = new Time(["strict"]);
beforeAll(() => {
  clock.takeOver();
  time.stepMs = 20;
  time.start();
});
afterAll(() => time.stop());
afterEach(async () => {
  keeper.answer = () => admit;
  time.stepMs = 500;
  await time.until("quiet", async () => {
    const { counts } = await strictQ.snapshot();
    return counts.pending + counts.running + counts.waiting === 0;
  });
  time.stepMs = 20;
});

const get = (id: string) => strictQ.task("plain", id).get();
const shows = (id: string, status: string) => time.until(`${id} to be ${status}`, async () => (await get(id)).status === status);
const submit = async (options: object = {}, type = "plain"): Promise<string> =>
  (await strictQ.submit(type as "plain", { name: "gated" }, options)).id;
const gates = async (id: string) => (await strictQ.task("plain", id).why()).gates;
const asks = (id: string): number => keeper.asked.filter((one) => one === id).length;
/** Until it has been asked about so often. */
const asked = (id: string, count: number) => time.until(`${count} questions about ${id}`, () => asks(id) >= count);
const isHeld = (task: Task): boolean => task.tags.held === "yes";
const HELD = { tags: { held: "yes" } };

describe("[custom gate] of a domain", { timeout: 180_000 }, () => {
  test("what it denies waits, with its reason, and is asked about again in turn until it may; the others go on meanwhile", async () => {
    keeper.answer = (task) => (isHeld(task) ? deny("the shop is closed") : admit);
    const waiting = await submit({ ...HELD, priority: "realtime" });
    for (let n = 0; n < 3; n += 1) await shows(await submit({ priority: "idle" }), "completed");
    expect(await get(waiting)).toMatchObject({ status: "pending", attempt: 0 });
    expect(await gates(waiting)).toEqual([
      { gate: "gate", detail: "The gate of domain strict holds it: the shop is closed; it is asked again in turn." },
    ]);
    // By its own clock, with nothing else going on.
    const since = clock.now();
    const before = asks(waiting);
    time.stepMs = 100;
    await asked(waiting, before + 2);
    expect(clock.now() - since).toBeGreaterThan(5_000);
    keeper.answer = () => admit;
    await shows(waiting, "completed");
  });

  test("until a time: it is asked at that time and not before", async () => {
    const opens = clock.now() + 30_000;
    keeper.answer = (task, now) => (isHeld(task) && now.getTime() < opens ? until(opens, "night") : admit);
    const waiting = await submit(HELD);
    expect(await gates(waiting)).toEqual([
      {
        gate: "gate",
        detail: "The gate of domain strict holds it: night; it is asked again then.",
        until: new Date(opens).toISOString(),
      },
    ]);
    time.stepMs = 1_000;
    await shows(waiting, "completed");
    expect(Date.parse((await get(waiting)).startedAt!)).toBeGreaterThanOrEqual(opens);
    expect(asks(waiting)).toBe(2);
  });

  test("a gate that throws, or does not answer, holds the task and says so; mended, it goes on", async () => {
    keeper.answer = (task) => {
      if (isHeld(task)) throw new TypeError("no shop");
      return Promise.resolve(admit);
    };
    const [first, second] = [await submit(HELD), await submit()];
    expect(await gates(first)).toEqual([
      { gate: "gate_error", detail: "The gate of domain strict failed, which holds it (TypeError: no shop); it is asked again in turn." },
    ]);
    expect((await gates(second))[0]).toMatchObject({ gate: "gate_error", detail: expect.stringContaining("promise") });
  });

  test("1,500 that it denies hold nobody up, and are asked about again at most 1,000 every 5 s", async () => {
    keeper.answer = (task) => (isHeld(task) ? deny("later") : admit);
    time.stepMs = 50;
    const items = Array.from({ length: 1_500 }, () => ({
      type: "plain" as const,
      payload: { name: "many" },
      tags: { held: "yes" },
      priority: "high",
    }));
    await strictQ.submitAll(items as never);
    await shows(await submit({ priority: "idle" }), "completed");
    // All have been asked about once, since each could start.
    await time.until("all to be asked about", () => new Set(keeper.asked).size >= 1_500);
    const from = clock.now();
    const before = keeper.asked.length;
    const other = await submit({ priority: "idle" });
    await shows(other, "completed");
    time.stepMs = 250;
    await time.until("10 s", () => clock.now() - from > 10_000);
    const again = keeper.asked.length - before - 1;
    expect(again).toBeGreaterThan(1_000);
    expect(again).toBeLessThanOrEqual(3_000);
    await strictQ.cancelWhere({ tags: { held: "yes" } });
  });

  test("after a crash it is asked again, and nothing is lost; being held costs no row", async () => {
    keeper.answer = (task) => (isHeld(task) ? deny("later") : admit);
    const written = async () => {
      const { statements } = (await strictQ.snapshot()).cost;
      return Object.entries(statements).reduce((sum, [kind, { rowsWritten }]) => sum + (kind.endsWith(" tasks") ? rowsWritten : 0), 0);
    };
    const before = await written();
    const waiting = await submit(HELD);
    time.stepMs = 250;
    await asked(waiting, 2);
    // One for the task, one for its tag.
    expect((await written()) - before).toBe(1);
    await crash("strict");
    await asked(waiting, 3);
    expect(await gates(waiting)).toMatchObject([{ gate: "gate" }]);
    keeper.answer = () => admit;
    await shows(waiting, "completed");
  });

  test("one that is held can be cancelled, raised, paused and expire like any other", async () => {
    keeper.answer = (task) => (isHeld(task) ? deny("later") : admit);
    const [cancelled, expiring, grouped] = [
      await submit(HELD),
      await submit({ ...HELD, ttl: "1s" }),
      await submit({ ...HELD, group: "g" }),
    ];
    await strictQ.task("plain", cancelled).cancel();
    expect((await get(cancelled)).status).toBe("cancelled");
    await shows(expiring, "expired");
    await mill.group("g").pause();
    expect((await gates(grouped)).map(({ gate }) => gate)).toEqual(["group_paused", "gate"]);
    expect(await strictQ.snapshot()).toMatchObject({ counts: { paused: 1, pending: 0 } });
    await mill.group("g").resume();
    const send = (priority: string) => strictQ.submit("plain", { name: "gated" }, { ...HELD, key: "raised", priority } as never);
    const { id } = await send("idle");
    const before = asks(id);
    expect(await send("high")).toMatchObject({ outcome: "upgraded", id });
    expect(asks(id)).toBe(before + 1);
    expect(await gates(id)).toMatchObject([{ gate: "gate" }]);
  });

  test("pull workers are given what it admits", async () => {
    keeper.answer = (task) => (isHeld(task) ? deny("later") : admit);
    const [waiting, free] = [await submit({ ...HELD, priority: "high" }, "pulled"), await submit({}, "pulled")];
    const claim = (max: number) => strictQ.claim({ worker: "w", types: ["pulled"], max, lease: "1m", wait: "2s" });
    const claims = await claim(2);
    expect(claims.map(({ task }) => task.id)).toEqual([free]);
    await claims[0]!.complete("done");
    expect(await gates(waiting)).toMatchObject([{ gate: "gate" }, { gate: "claimers" }]);
    keeper.answer = () => admit;
    const [later] = await strictQ.claim({ worker: "w", types: ["pulled"], lease: "1m", wait: "20s" });
    expect(later!.task.id).toBe(waiting);
    await later!.complete("done");
  });

  test("a retry is asked about, what is left of a parent is not", async () => {
    const parent = await submit({}, "parent");
    await shows(parent, "completed");
    expect(asks(parent)).toBe(1);
    const { id } = await strictQ.submit("move", { do: "flaky", name: "gated retry", times: 1 });
    await time.until("its end", async () => (await get(id)).status === "completed");
    expect(asks(id)).toBe(2);
  });
});
