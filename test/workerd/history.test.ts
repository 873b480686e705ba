import { describe, expect, test } from "vitest";
import { clock } from "../worker/clock.ts";
import { other } from "../worker/domains.ts";
import { expectBalanced } from "../worker/laws.ts";
import { otherQ, type workQ } from "../worker/index.ts";
import { ring, rows, until } from "../worker/reach.ts";

// What one domain keeps of its finished tasks, where it says so by status and by type.
Object.assign(other, {
  history: {
    keep: 100,
    maxAge: "20d",
    perStatus: { cancelled: { keep: 10 }, failed: { keep: 1_000, maxAge: "60d" } },
    perType: { lone: { keep: 20, maxAge: "5d" }, parent: { keep: 0 } },
  },
});
Object.assign(other.types.get("parent")!, { keepAtLeast: "2h" });

const farQ = otherQ as unknown as typeof workQ;
const many = (count: number, type: string, script: object = {}, options: object = {}) =>
  farQ.submitAll(
    Array.from({ length: count }, (_, n) => ({ type, payload: { name: `${n}`, ...script }, key: null, ...options })) as never,
  ) as Promise<unknown> as Promise<{ id: string }[]>;
const counts = async () =>
  Object.fromEntries(
    (
      await rows<{ type: string; status: number; n: number }>(
        "other",
        "SELECT type, status, count(*) AS n FROM tasks GROUP BY type, status",
      )
    ).map(({ type, status, n }) => [`${type} ${status}`, n]),
  );
const ringAll = async () => {
  for (let slice = 0; slice < 8; slice += 1) await ring("other");
};
/** Time passes as it does for an object: with an alarm every so often. */
const pass = async (ms: number, steps: number) => {
  for (let step = 0; step < steps; step += 1) {
    clock.advance(ms / steps);
    await ringAll();
  }
};
const DAY = 86_400_000;

describe("[history] bounds of their own", () => {
  test("per status and per type: the newest of each are kept, counted by themselves", async () => {
    const lone = await many(30, "lone");
    const failing = await many(3, "play", { do: "permanent" });
    const cancelled = await many(15, "play", {}, { delay: "300d" });
    for (const { id } of cancelled) await farQ.task("play", id).cancel();
    const plain = await many(700, "play");
    const over = ["lone 10", "play 10", "play 11", "play 13"];
    await until(counts, (seen) => over.reduce((sum, name) => sum + (seen[name] ?? 0), 0) === 748);
    await ringAll();
    expect((await counts())["play 10"], "in their first minute").toBe(700);
    clock.advance(61_000);
    await ringAll();
    expect(await counts()).toMatchObject({ "lone 10": 20, "play 10": 100, "play 11": 3, "play 13": 10 });
    for (const [all, kept] of [
      [lone, 20],
      [cancelled, 10],
      [plain, 100],
      [failing, 3],
    ] as const) {
      const oldest = all.at(-kept)!.id;
      expect(await farQ.task("play", oldest).get()).toMatchObject({ id: oldest });
      if (kept === all.length) continue;
      await expect(farQ.task("play", all.at(-kept - 1)!.id).get()).rejects.toMatchObject({ code: "task_not_found" });
    }
    await expectBalanced("other");
  });

  test("few of a type that goes over its number are looked at when ages are: once a day", async () => {
    await many(5, "lone");
    await until(counts, (seen) => seen["lone 10"] === 25);
    await pass(DAY + 61_000, 2);
    expect((await counts())["lone 10"]).toBe(20);
  });

  test("each goes at its own age", async () => {
    await pass(6 * DAY, 2);
    expect(await counts()).toMatchObject({ "play 11": 3, "play 13": 10 });
    expect((await counts())["lone 10"]).toBeUndefined();
    await pass(16 * DAY, 2);
    expect((await counts())["play 13"]).toBeUndefined();
    expect((await counts())["play 11"]).toBe(3);
    await pass(40 * DAY, 2);
    expect((await counts())["play 11"]).toBeUndefined();
    await expectBalanced("other");
  });

  test("[purge] keepAtLeast of a type: left alone for so long, whatever the bounds say", async () => {
    await many(3, "parent");
    await until(counts, (seen) => seen["parent 10"] === 3);
    await pass(DAY, 1);
    await many(2, "parent");
    await until(counts, (seen) => seen["parent 10"] === 2);
    await pass(7_000_000, 2);
    expect((await counts())["parent 10"]).toBe(2);
    await pass(DAY, 1);
    expect((await counts())["parent 10"]).toBeUndefined();
    await expectBalanced("other");
  });
});
