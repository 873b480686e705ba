import { beforeAll, describe, expect, test } from "vitest";
import { clock } from "../worker/clock.ts";
import { otherQ, workQ } from "../worker/index.ts";
import { ring, rows, until } from "../worker/reach.ts";
import { gate } from "../worker/script.ts";

// Rows written per task, by the objects' own meters, from submit to settle, in batches of 100: what Cloudflare bills.

const farQ = otherQ as unknown as typeof workQ;
const COUNT = 100;
const item = (n: number, options: object = {}, type = "plain") => ({
  type,
  payload: type === "plain" ? { n } : { name: `row ${n}` },
  ...options,
});
const batch = (queue: typeof workQ, options: object = {}, type = "plain") =>
  queue.submitAll(Array.from({ length: COUNT }, (_, n) => item(n, options, type)) as never) as Promise<unknown> as Promise<
    { id: string }[]
  >;
const written = async () => (await workQ.snapshot()).cost.rowsWritten + (await otherQ.snapshot()).cost.rowsWritten;
const live = async (domain: string) =>
  (await rows<{ n: number }>(domain, "SELECT count(*) AS n FROM tasks WHERE status IN (0, 2, 3)"))[0]!.n;
const left = async () =>
  (await live("work")) +
  (await live("other")) +
  (await rows("work", "SELECT 1 FROM outbox")).length +
  (await rows("other", "SELECT 1 FROM outbox")).length;
/** The clock stands while something goes on; where a domain waits to ask for slots again, it goes on. */
async function quiet(): Promise<void> {
  let before = Infinity;
  for (let same = 0; ; same += 1) {
    const now = await left();
    if (now === 0) return;
    if (now !== before) same = 0;
    else if (same > 20) clock.advance(250);
    before = now;
    await scheduler.wait(5);
  }
}
/** What `work` wrote in both domains, per task. */
async function perTask(what: string, make: () => Promise<unknown>, count = COUNT): Promise<number> {
  await quiet();
  // So that no submit waits for others to join it, in a time that stands.
  clock.advance(10);
  const before = await written();
  await make();
  await quiet();
  const found = ((await written()) - before) / count;
  console.log(`rows written per task: ${what} ${found.toFixed(2)}`);
  return found;
}

beforeAll(async () => {
  clock.takeOver();
  // How many share a run is learned: the clock stands, so nothing takes time, however busy the machine is.
  for (let round = 0; round < 12; round += 1)
    for (const queue of [workQ, farQ]) await batch(queue, { key: null }, queue === workQ ? "plain" : "play").then(quiet);
}, 60_000);

describe("[cost] rows per task", () => {
  test("plain, keyed, with three tags", async () => {
    expect(await perTask("plain", () => batch(workQ))).toBeLessThan(2.2);
    expect(await perTask("keyed", () => batch(workQ, {}, "play"))).toBeLessThan(3.2);
    const tags = { app: "a", team: "b", region: "c" };
    expect(await perTask("with three tags", () => batch(workQ, { tags }))).toBeLessThan(5.2);
  });

  test("its cost is told: by type, and in dollars", async () => {
    const { cost, totals } = await workQ.snapshot();
    expect(cost.types["plain"]!.executions).toBeGreaterThanOrEqual(COUNT);
    const before = cost.types["play"]!;
    clock.advance(10);
    const { id } = (await workQ.submit("play", { do: "hold", name: "wall time" }, { key: null })) as { id: string };
    const status = async () => {
      clock.advance(10);
      return (await workQ.task("play", id).get()).status;
    };
    await until(status, (one) => one === "running");
    clock.advance(500);
    gate("wall time").open();
    await until(status, (one) => one === "completed");
    const { executions, wallMs } = (await workQ.snapshot()).cost.types["play"]!;
    expect(executions).toBe(before.executions + 1);
    expect(wallMs - before.wallMs).toBeGreaterThanOrEqual(500);
    expect(cost.dollarsPerMillion).toBeCloseTo((cost.dollars / totals["submitted"]!) * 1e6, 6);
    // The rows are most of it.
    expect(cost.dollars * 1e6).toBeGreaterThan(cost.rowsWritten);
    expect(cost.dollars * 1e6).toBeLessThan(cost.rowsWritten * 1.5);
  });

  test("a dependency inside a domain, and across: beside the two tasks", async () => {
    for (const [what, queue, type, most] of [
      ["edge inside", workQ, "plain", 2.2],
      ["edge across", farQ, "play", 7.2],
    ] as const) {
      const both = await perTask(`two tasks and an ${what}`, async () => {
        const upstreams = await workQ.submitAll(Array.from({ length: COUNT }, (_, n) => item(n, { delay: "1h" })) as never);
        const delayed = (upstreams as unknown as { id: string }[]).map(({ id }, n) => item(n, { dependsOn: [id], key: null }, type));
        await queue.submitAll(delayed as never);
        await until(
          () => rows("other", "SELECT 1 FROM outbox"),
          (left) => left.length === 0,
        );
        clock.advance(3_600_000);
        await ring("work");
      });
      // Without an edge: 4 rows for the upstream, which is delayed so that it ends after its dependent is there, and 2 for that one.
      // With it: the edge, and that the dependent is ready; across also stand-in, watcher, both told, and messages.
      expect(both - 6.1).toBeLessThan(most);
    }
  }, 30_000);

  test("a child, of a hundred; in its parent's domain, and in another", async () => {
    const brood = (type: string) => ({
      name: `brood ${type}`,
      together: true,
      children: Array.from({ length: COUNT }, (_, n) => ({ type, payload: type === "plain" ? { n } : { name: `kid ${n}` } })),
    });
    const inside = await perTask("child inside", () => workQ.submit("parent", brood("plain") as never));
    expect(inside).toBeLessThan(3.4);
    const across = await perTask("child across", () => workQ.submit("parent", brood("other::play") as never));
    expect(across).toBeLessThan(6.6);
  }, 30_000);

  test("a firing, of a hundred schedules; a leased task, completed by itself", async () => {
    for (let n = 0; n < COUNT; n += 1) await workQ.schedule({ type: "plain", payload: { n }, every: "1h", overlap: "allow" } as never);
    const fired = await perTask("scheduled firing", async () => {
      clock.advance(3_600_000);
      await ring("work");
    });
    expect(fired).toBeLessThan(7.3);
    const leased = await perTask("leased", async () => {
      await batch(workQ, {}, "pulled");
      for (let left = COUNT; left > 0;) {
        const held = await workQ.claim({ worker: "w", types: ["pulled"], max: 8, lease: "1m", wait: "5s" });
        for (const one of held) await one.complete();
        left -= held.length;
      }
    });
    expect(leased).toBeLessThan(6.6);
  }, 30_000);
});
