import { expect, test } from "vitest";
import { farQ, get, over, started } from "../worker/both.ts";
import { clock } from "../worker/clock.ts";
import { expectBalanced } from "../worker/laws.ts";
import { mill, workQ } from "../worker/index.ts";
import { ring, rows, until } from "../worker/reach.ts";
import { gate, journal } from "../worker/script.ts";

let serial = 0;
const fresh = (): string => `filled ${(serial += 1)}`;
const play = async (queue: typeof workQ, script: object = {}, options: object = {}) =>
  (await queue.submit("play", { name: fresh(), ...script } as never, { key: null, ...options } as never)).id;
const lastStart = (id: string) => journal.findLastIndex((one) => one.id === id && one.run === "started");

test("[backfill] an ended task and all that depended on it run again, in order, in every domain", async () => {
  const top = await play(workQ);
  const middle = await play(workQ, {}, { dependsOn: [top] });
  const far = await play(farQ, {}, { dependsOn: [middle] });
  const last = await play(workQ, {}, { dependsOn: [far, top] });
  const ids = [top, middle, far, last];
  for (const id of ids) expect((await over(id)).status).toBe("completed");
  const ended = journal.length - 1;
  const answer = await mill.fetch(
    new Request(`https://mill.test/v1/tasks/${top}/backfill`, { method: "POST" }),
    { MILLRACE_AUTH: "open" } as never,
    {} as never,
  );
  expect([answer.status, ((await answer.json()) as { id: string }).id]).toEqual([200, top]);
  // However the message that goes round is overtaken: in the end each has run after what it depends on.
  await until(
    async () => [ids.map(lastStart), await Promise.all(ids.map(get))] as const,
    ([starts, tasks]) =>
      starts.every((at, n) => at > ended && (n === 0 || at > starts[n - 1]!)) && tasks.every(({ status }) => status === "completed"),
  );
  expect(ids.map(started)).toEqual([2, 2, 2, 2]);
  await expectBalanced("work");
  await expectBalanced("other");
});

test("[backfill] what is active is left alone, what fails by something else stays; children are not run again", async () => {
  const name = fresh();
  const parent = (await workQ.submit("parent", { name, children: [{ payload: { name: `${name} child` } }] } as never)).id;
  await over(parent);
  const broken = await play(workQ, { do: "permanent" });
  await over(broken);
  const stuck = await play(workQ, {}, { dependsOn: [parent, broken], onDependencyFailure: "fail" });
  const held = fresh();
  const active = await play(workQ, { do: "hold", name: held }, { dependsOn: [parent] });
  const done = await play(workQ, {}, { dependsOn: [parent] });
  await over(done);
  await workQ.task("play", parent).backfill();
  await until(
    () => started(done),
    (count) => count === 2,
  );
  expect((await over(parent)).status).toBe("completed");
  expect((await get(stuck)).status).toBe("dependency_failed");
  expect([started(parent), started(active), journal.filter((one) => one.name === `${name} child` && one.run === "started").length]).toEqual(
    [2, 1, 1],
  );
  await expect(workQ.task("play", active).backfill()).rejects.toMatchObject({ code: "invalid_state" });
  gate(held).open();
  await over(active);
  await expectBalanced("work");
});

const days = (count: number) => clock.advance(count * 86_400_000);

test("[backfill] a dependency of another domain that is purged is left alone: what is known of its end still holds", async () => {
  const [gone, top] = [await play(workQ, { do: "big", ms: 3 }), await play(workQ, {}, { delay: "40d" })];
  const last = await play(farQ, { do: "read" }, { dependsOn: [gone, top] });
  await over(gone);
  await until(
    async () => {
      days(1);
      await ring("work");
      return rows("work", "SELECT 1 FROM tasks WHERE id = ?", Number(gone.slice(5)));
    },
    (left) => left.length === 0,
  );
  await workQ.task("play", top).runNow();
  const before = await over(last);
  expect(before.status).toBe("completed");
  await workQ.task("play", top).backfill();
  await until(
    () => started(last),
    (count) => count === 2,
  );
  const after = await over(last);
  expect(after).toMatchObject({
    status: "completed",
    dependsOn: [
      { id: gone, status: "completed" },
      { id: top, status: "completed" },
    ],
  });
  expect(JSON.parse(after.result as string).dependencies[0]).toEqual([gone, "completed", "xxx", false]);
  await expectBalanced("work");
  await expectBalanced("other");
});

test("[backfill] over domains: whatever way a dependent had ended it runs again; what runs, was superseded, or has lost its key is left alone", async () => {
  const top = await play(workQ, { do: "permanent" }, { delay: "1d" });
  const fallen = await play(farQ, {}, { dependsOn: [top] });
  const below = await play(workQ, {}, { dependsOn: [top], onDependencyFailure: "fail" });
  const lax = await play(farQ, {}, { dependsOn: [top, below], onDependencyFailure: "ignore" });
  const cancelled = await play(farQ, {}, { dependsOn: [top] });
  await farQ.task("play", cancelled).cancel();
  const held = fresh();
  const busy = await play(farQ, { do: "hold", name: held }, { dependsOn: [top], onDependencyFailure: "ignore" });
  const key = fresh();
  const keyed = await play(workQ, {}, { dependsOn: [fallen], key });
  await workQ.task("play", top).runNow();
  for (const id of [top, fallen, below, lax, keyed]) await over(id);
  await until(
    () => started(busy),
    (count) => count === 1,
  );
  const heir = await play(workQ, {}, { key, delay: "1d" });
  const replaced = await workQ.submit("play", { name: fresh() } as never, { key, onDuplicate: "supersede" } as never);
  expect(await Promise.all([top, fallen, below, lax, keyed, cancelled].map(async (id) => (await get(id)).status))).toEqual([
    "failed",
    "dependency_failed",
    "dependency_failed",
    "completed",
    "dependency_failed",
    "cancelled",
  ]);
  expect(replaced.id).toBe(heir);
  // With content that succeeds it is another story for all of them.
  await over(heir);
  const again = await play(workQ, { do: "hold", name: held }, { key, priority: "idle" });
  await workQ.task("play", top).retry({ payload: { name: fresh(), do: "ok" } } as never);
  await over(top);
  await workQ.task("play", top).backfill();
  await until(
    () => Promise.all([fallen, below, lax, cancelled].map(get)),
    (tasks) => tasks.every(({ status }) => status === "completed"),
  );
  expect([started(busy), started(keyed), (await get(keyed)).status]).toEqual([1, 0, "dependency_failed"]);
  expect(lastStart(lax)).toBeGreaterThan(lastStart(below));
  gate(held).open();
  for (const id of [busy, again]) await over(id);
  await expectBalanced("work");
  await expectBalanced("other");
});

test("[backfill] of a superseded task, or of one whose key another holds, is refused", async () => {
  const key = fresh();
  const first = await play(workQ, {}, { key, delay: "1d" });
  const next = await workQ.submit("play", { name: fresh() } as never, { key, onDuplicate: "supersede" } as never);
  const { replacedId } = next as { replacedId: string };
  await expect(workQ.task("play", replacedId).backfill()).rejects.toMatchObject({ code: "invalid_state" });
  await over(first);
  const holder = await play(workQ, {}, { key, delay: "1d" });
  await expect(workQ.task("play", first).backfill()).rejects.toMatchObject({ code: "invalid_state", facts: { heldBy: holder } });
  await workQ.task("play", holder).cancel();
  await expectBalanced("work");
});
