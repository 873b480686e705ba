import { describe, expect, test } from "vitest";
import { clock } from "../worker/clock.ts";
import { workQ } from "../worker/index.ts";
import { rows, until } from "../worker/reach.ts";

const cost = async () => {
  // The meter is written with the next change, so a change that costs one row comes first.
  await workQ.resume();
  return (await workQ.snapshot()).cost;
};
const allDone = () =>
  until(
    () => workQ.snapshot(),
    ({ counts }) => counts.pending === 0 && counts.running === 0,
  );

describe("submits", () => {
  test("that arrive together share a transaction; one that is refused leaves the others alone", async () => {
    await workQ.submit("plain", { n: 0 }, { idempotencyKey: "taken", delay: "1h" });
    const before = (await cost()).statements["insert state"]!.calls;
    // However slow the machine: to the object they come at one moment.
    clock.freeze();
    const answers = await Promise.allSettled([
      ...Array.from({ length: 60 }, (_, n) => workQ.submit("plain", { n }, { delay: "1h" })),
      workQ.submit("plain", { n: 1 }, { idempotencyKey: "taken", delay: "1h" }),
    ]);
    clock.thaw();
    expect(answers.filter((answer) => answer.status === "fulfilled")).toHaveLength(60);
    expect(answers.at(-1)).toMatchObject({ status: "rejected", reason: { code: "idempotency_conflict" } });
    expect((await cost()).statements["insert state"]!.calls - before).toBeLessThan(30);
    expect(new Set(answers.map((answer) => (answer.status === "fulfilled" ? answer.value.id : "")))).toHaveProperty("size", 61);
  });

  test("[batch] a batch with one bad task inserts nothing and names it", async () => {
    const before = (await rows<{ n: number }>("work", "SELECT count(*) AS n FROM tasks"))[0]!.n;
    await expect(
      workQ.submitAll([
        { type: "plain", payload: { n: 1 } },
        { type: "plain", payload: { n: "two" } },
      ] as never),
    ).rejects.toMatchObject({ code: "invalid_payload" });
    expect((await rows<{ n: number }>("work", "SELECT count(*) AS n FROM tasks"))[0]!.n).toBe(before);
  });

  test("#52 large payloads and many at once come back as they were", async () => {
    const name = `${'"'.repeat(100_000)}\\ü\u{1f600}`;
    const many = Array.from({ length: 12 }, (_, n) => ({ type: "play", payload: { name: `${name}${n}` }, delay: "1h" }) as const);
    const answers = await workQ.submitAll(many);
    for (const [n, { id }] of answers.entries()) expect((await workQ.task("play", id).get()).payload).toEqual({ name: `${name}${n}` });
    const big = "x".repeat(1_000_000);
    const { id } = await workQ.submit("play", { name: big }, { delay: "1h" });
    expect((await workQ.task("play", id).get()).payload).toEqual({ name: big });
  });
});

describe("[cost] rows written per task: what a change may not raise unseen", () => {
  const warm = async () => {
    for (let round = 0; round < 12; round += 1)
      await workQ.submitAll(Array.from({ length: 100 }, (_, n) => ({ type: "plain", payload: { n } })));
    await allDone();
  };

  test("plain, in batches of 100, to its settling: at most 2.2", async () => {
    await warm();
    const before = (await cost()).rowsWritten;
    for (let round = 0; round < 10; round += 1) {
      await workQ.submitAll(Array.from({ length: 100 }, (_, n) => ({ type: "plain", payload: { n } })));
      await allDone();
    }
    expect(((await cost()).rowsWritten - before) / 1_000).toBeLessThanOrEqual(2.2);
  }, 30_000);

  test.each([
    ["a plain task", 1, {}],
    ["a keyed one", 2, { key: "k" }],
    ["one with two tags", 3, { tags: { a: "1", b: "2" } }],
    ["one with a ttl", 2, { ttl: "1h" }],
    ["a delayed one", 2, { delay: "1h" }],
  ] as const)("inserting %s writes %i", async (_name, expected, options) => {
    await workQ.pause();
    const before = await inserted();
    await workQ.submit("plain", { n: 1 }, options);
    expect((await inserted()) - before).toBe(expected);
    await workQ.resume();
  });
});

/** Rows written by inserts of tasks and tags; one more change writes the meter. */
async function inserted(): Promise<number> {
  await workQ.pause();
  const { statements } = (await workQ.snapshot()).cost;
  return (statements["insert tasks"]?.rowsWritten ?? 0) + (statements["insert tags"]?.rowsWritten ?? 0);
}
