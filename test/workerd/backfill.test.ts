import { expect, test } from "vitest";
import { expectBalanced } from "../worker/laws.ts";
import { mill, otherQ, workQ } from "../worker/index.ts";
import { until } from "../worker/reach.ts";
import { gate, journal } from "../worker/script.ts";

let serial = 0;
const fresh = (): string => `filled ${(serial += 1)}`;
const farQ = otherQ as unknown as typeof workQ;
const play = async (queue: typeof workQ, script: object = {}, options: object = {}) =>
  (await queue.submit("play", { name: fresh(), ...script } as never, { key: null, ...options } as never)).id;
const get = (id: string) => (id.startsWith("work_") ? workQ : farQ).task("play", id).get();
const over = (id: string) =>
  until(
    () => get(id),
    (task) => task.finishedAt !== null,
  );
const executions = (id: string) => journal.filter((one) => one.id === id && one.run === "started").length;
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
  expect(ids.map(executions)).toEqual([2, 2, 2, 2]);
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
    () => executions(done),
    (count) => count === 2,
  );
  expect((await over(parent)).status).toBe("completed");
  expect((await get(stuck)).status).toBe("dependency_failed");
  expect([
    executions(parent),
    executions(active),
    journal.filter((one) => one.name === `${name} child` && one.run === "started").length,
  ]).toEqual([2, 1, 1]);
  await expect(workQ.task("play", active).backfill()).rejects.toMatchObject({ code: "invalid_state" });
  gate(held).open();
  await over(active);
  await expectBalanced("work");
});
