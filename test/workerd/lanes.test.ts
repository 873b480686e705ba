import { describe, expect, test } from "vitest";
import { crash, survive } from "../worker/drive.ts";
import { workQ } from "../worker/index.ts";
import { platform } from "../worker/lives.ts";
import { until } from "../worker/reach.ts";

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
