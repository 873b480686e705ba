import { afterEach, describe, expect, test } from "vitest";
import { balanced, farQ, get, over, quiet, shows } from "../worker/both.ts";
import { clock } from "../worker/clock.ts";
import { expectTold } from "../worker/laws.ts";
import { workQ } from "../worker/index.ts";
import { platform } from "../worker/lives.ts";
import { ring, until } from "../worker/reach.ts";
import { gate } from "../worker/script.ts";

// Circles over domains that close at one moment from both sides, so that nobody who looks beforehand can see them.

let serial = 0;
const fresh = (): string => `circle ${(serial += 1)}`;
const play = async (queue: typeof workQ, script: object = {}, options: object = {}) =>
  (await queue.submit("play", { name: fresh(), ...script } as never, { key: null, ...options } as never)).id;
const parent = async (queue: typeof workQ, family: object = {}, options: object = {}) =>
  (await queue.submit("parent", { name: fresh(), ...family } as never, options as never)).id;

/** No answer to what is above a task goes out before so many are made: whoever asks sees what was before any of them. */
function atOnce(askers: number): void {
  let asked = 0;
  platform.answers = async (question) => {
    if (question !== "above") return;
    asked += 1;
    await until(
      () => asked,
      (number) => number >= askers,
    );
  };
}
afterEach(() => void (platform.answers = undefined));

const CODES = ["dependency_cycle", "dependency_failed"];

describe("[depend] [children] circles that close from both sides at once", () => {
  test.each(["near", "far"])(
    "two parents, each with a child (%s) that depends on the other: a child fails, and both parents end",
    async (where) => {
      const held = [fresh(), fresh()];
      const one = await parent(workQ, { script: { do: "hold", name: held[0] } });
      const two = await parent(farQ, { script: { do: "hold", name: held[1] } });
      await shows(one, "running");
      await shows(two, "running");
      atOnce(2);
      const child = (of: string, queue: typeof workQ, dependsOn: string) =>
        queue.submit("play", { name: fresh() } as never, { parent: of, dependsOn: [dependsOn] } as never);
      const children = await Promise.all([
        child(one, where === "near" ? workQ : farQ, two),
        child(two, where === "near" ? farQ : workQ, one),
      ]);
      for (const name of held) gate(name).open();
      const ends = await Promise.all(children.map(({ id }) => over(id)));
      expect(ends.some(({ error }) => error!.code === "dependency_cycle")).toBe(true);
      for (const { status, error } of ends) if (status === "dependency_failed") expect(CODES).toContain(error!.code);
      for (const id of [one, two]) expect(await over(id)).toMatchObject({ status: "failed", error: { code: "child_failed" } });
      await balanced();
      await expectTold("work");
      await expectTold("other");
    },
  );

  test("many children at once, of which one closes it by what its sister waits for: the others are left alone", async () => {
    const held = [fresh(), fresh()];
    const one = await parent(workQ, { script: { do: "hold", name: held[0] } }, { failFast: false });
    const two = await parent(farQ, { script: { do: "hold", name: held[1] } }, { failFast: false });
    await shows(one, "running");
    await shows(two, "running");
    const apart = await play(farQ, { do: "hold", name: fresh() });
    const later = await play(farQ, {}, { delay: "1d" });
    atOnce(2);
    const item = (dependsOn: (string | { index: number })[], parentId: string) =>
      ({ type: "play", payload: { name: fresh() }, parent: parentId, dependsOn, onDependencyFailure: "ignore" }) as never;
    const [first] = (await Promise.all([
      workQ.submitAll([item([later], one), item([two], one), item([{ index: 1 }], one)] as never),
      farQ.submitAll([item([one], two), item([apart], two)] as never),
    ])) as unknown as [{ id: string }[]];
    for (const name of held) gate(name).open();
    const [waits, closes, sister] = first.map(({ id }) => id) as [string, string, string];
    expect(await over(closes)).toMatchObject({ status: "dependency_failed", error: { code: "dependency_cycle" } });
    // It ignores how its sister ended.
    expect((await over(sister)).status).toBe("completed");
    await quiet();
    expect((await get(waits)).status).toBe("blocked");
    await farQ.task("play", later).runNow();
    expect((await over(waits)).status).toBe("completed");
    await farQ.task("play", apart).cancel();
    for (const id of [one, two]) expect((await over(id)).status).toBe("completed");
    await balanced();
  });

  test("[supersede] two newcomers, each of which depends on what waits for the place that the other takes", async () => {
    const keys = [fresh(), fresh()];
    const queues = [workQ, farQ];
    const old = await Promise.all(queues.map((queue, n) => play(queue, { do: "hold", name: fresh() }, { key: keys[n] })));
    for (const id of old) await shows(id, "running");
    const after = await Promise.all(queues.map((queue, n) => play(queue, {}, { dependsOn: [old[n]] })));
    atOnce(2);
    const next = await Promise.all(
      queues.map((queue, n) => play(queue, {}, { key: keys[n], onDuplicate: "supersede", dependsOn: [after[1 - n]] })),
    );
    const ends = await Promise.all([...next, ...after].map(over));
    expect(ends.every(({ status }) => status === "dependency_failed")).toBe(true);
    expect(ends.some(({ error }) => error!.code === "dependency_cycle")).toBe(true);
    for (const { error } of ends) expect(CODES).toContain(error!.code);
    await balanced();
  });

  test("what only looks like one goes on: a chain through both domains that ends", async () => {
    const held = fresh();
    const top = await play(farQ, { do: "hold", name: held });
    const middle = await play(workQ, {}, { dependsOn: [top] });
    const low = await play(farQ, {}, { dependsOn: [middle] });
    const id = await parent(workQ, {
      children: [
        { payload: { name: fresh() }, options: { dependsOn: [low] } },
        { type: "other::play", payload: { name: fresh() }, options: { dependsOn: [middle] } },
      ],
    });
    await shows(id, "waiting");
    await quiet();
    clock.advance(60_000);
    await ring("work");
    expect((await get(id)).status).toBe("waiting");
    gate(held).open();
    expect(await over(id)).toMatchObject({ status: "completed", children: { total: 2, failed: 0 } });
    await balanced();
  });
});
