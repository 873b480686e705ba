import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { clock } from "../worker/clock.ts";
import { crash, Time } from "../worker/drive.ts";
import { strictQ } from "../worker/index.ts";
import { rows } from "../worker/reach.ts";
import { gate } from "../worker/script.ts";

const time = new Time(["strict"]);
beforeAll(() => {
  clock.takeOver();
  time.stepMs = 10;
  time.start();
});
afterAll(() => time.stop());

let serial = 0;
const held: string[] = [];
const fresh = (): string => {
  const name = `io ${(serial += 1)}`;
  held.push(name);
  return name;
};
afterEach(async () => {
  for (const name of held.splice(0)) gate(name).open();
  time.stepMs = 500;
  await time.until("quiet", async () => {
    const { counts } = await strictQ.snapshot();
    return counts.pending + counts.running + counts.scheduled === 0;
  });
  time.stepMs = 10;
});

type Type = "move" | "plain" | "pulled" | "fleeting";
const get = (id: string) => strictQ.task("move", id).get();
const submit = async (type: Type, script: object = {}, options: object = {}): Promise<string> =>
  (await strictQ.submit(type as "plain", script, options)).id;
const shows = (id: string, status: string) => time.until(`${id} to be ${status}`, async () => (await get(id)).status === status);
const budget = async (id: string) => (await strictQ.task("move", id).why()).gates.find(({ gate: name }) => name === "io");
const running = async (script: object = {}): Promise<{ id: string; name: string }> => {
  const name = fresh();
  const id = await submit("move", { do: "hold", name, ...script });
  await shows(id, "running");
  return { id, name };
};

/** One that moves so much in so long, alone: what the domain is seen to move. */
async function observe(bytes: number, ms: number): Promise<void> {
  const { id, name } = await running({ bytes });
  const end = clock.now() + ms;
  await time.until("its time", () => clock.now() >= end);
  gate(name).open();
  await shows(id, "completed");
}
const rateOf = async (): Promise<number | undefined> =>
  (JSON.parse((await rows<{ json: string }>("strict", "SELECT json FROM state"))[0]!.json) as { io: Record<string, number> }).io["net.rx"];

describe("[IO budgets]", { timeout: 180_000 }, () => {
  test("expected and recorded bytes are kept with the task; executions add up", async () => {
    const failing = await submit("move", { do: "flaky", name: fresh(), times: 1, bytes: 30 });
    await shows(failing, "completed");
    expect((await get(failing)).io).toEqual({ expected: { net: { rx: 1_000 } }, actual: { net: { rx: 60 } } });
    const cancelled = await running({ bytes: 5 });
    await strictQ.task("move", cancelled.id).cancel();
    await shows(cancelled.id, "cancelled");
    expect((await get(cancelled.id)).io.actual).toEqual({ disk: { write: 7 }, net: { rx: 5 } });
    const plain = await submit("plain");
    await shows(plain, "completed");
    expect((await get(plain)).io).toEqual({ expected: null, actual: null });
    const fleeting = await submit("fleeting", { bytes: 8 });
    await time.until("its end", () =>
      get(fleeting).then(
        () => false,
        () => true,
      ),
    );
  });

  test("they cost no row: one for the submit, one for the end", async () => {
    const written = async () => {
      const { statements } = (await strictQ.snapshot()).cost;
      return Object.entries(statements).reduce((sum, [kind, { rowsWritten }]) => sum + (kind.endsWith(" tasks") ? rowsWritten : 0), 0);
    };
    const before = await written();
    await shows(await submit("move", { bytes: 40 }), "completed");
    expect((await written()) - before).toBe(2);
  });

  test("without an observation any number runs", async () => {
    const first = await running();
    const second = await running();
    expect(await rateOf()).toBeUndefined();
    for (const { name } of [first, second]) gate(name).open();
  });

  test("a task waits while what runs and it expect more than 0.8 of what is moved in 2 s; whatever declares nothing passes it", async () => {
    await observe(1_000, 1_500);
    const rate = (await rateOf())!;
    // Not enough for two at once, whatever the ticks of the clock added.
    expect(rate).toBeGreaterThan(100);
    expect(rate).toBeLessThan(2_000 / 1.6);
    const first = await running();
    const waiting = await submit("move", { do: "hold", name: fresh() });
    const second = await submit("move", { do: "hold", name: fresh() });
    for (let n = 0; n < 3; n += 1) await shows(await submit("plain"), "completed");
    expect((await get(waiting)).status).toBe("pending");
    expect(await budget(waiting)).toEqual({
      gate: "io",
      detail: expect.stringMatching(
        /^The IO budget of net\.rx: what runs expects 1000 bytes, one of type move 1000 more; at \d+ bytes a second/,
      ),
    });
    gate(first.name).open();
    await shows(waiting, "running");
    expect((await get(second)).status).toBe("pending");
    gate(held.at(-2)!).open();
    await shows(second, "running");
    expect(await budget(second)).toBeUndefined();
  });

  test("after a crash the budget is what it was: the rate is stored, and what may still run counts", async () => {
    const first = await running();
    const before = await rateOf();
    await crash("strict");
    const waiting = await submit("move", { do: "ok", name: fresh() });
    expect(await budget(waiting)).toBeDefined();
    expect(await rateOf()).toBe(before);
    // Its runner went with the object: after its lease both run.
    gate(first.name).open();
    time.stepMs = 500;
    await shows(first.id, "completed");
    await shows(waiting, "completed");
    time.stepMs = 10;
  });

  test("pull workers get no more than fits, and what they hold counts", async () => {
    const [one, two] = [await submit("pulled"), await submit("pulled")];
    const [claim, ...others] = await strictQ.claim({ worker: "w", types: ["pulled"], max: 2, lease: "1m", wait: "5s" });
    expect([claim!.task.id, others]).toEqual([one, []]);
    expect(await budget(two)).toMatchObject({ detail: expect.stringContaining("one of type pulled 1000 more") });
    const pushed = await submit("move", { name: fresh() });
    expect(await budget(pushed)).toBeDefined();
    await claim!.complete("done");
    await shows(pushed, "completed");
    const [next] = await strictQ.claim({ worker: "w", types: ["pulled"], max: 2, lease: "1m", wait: "5s" });
    expect(next!.task.id).toBe(two);
    await next!.complete("done");
  });

  test("many of a batch run one by one where no two fit, and all of them run", async () => {
    const ids = (await strictQ.submitAll(
      Array.from({ length: 20 }, (_, n) => ({ type: "move" as const, payload: { name: `batch ${n}`, bytes: 10 } })) as never,
    )) as unknown as { id: string }[];
    for (const { id } of ids) await shows(id, "completed");
  });
});
