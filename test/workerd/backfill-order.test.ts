import { runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test } from "vitest";
import type { Delivery } from "../../src/durable/mail.ts";
import { farQ, get, over, quiet, shows, started } from "../worker/both.ts";
import { clock } from "../worker/clock.ts";
import { books, expectBalanced } from "../worker/laws.ts";
import { mill, otherQ, workQ } from "../worker/index.ts";
import { platform } from "../worker/lives.ts";
import { ring, rows, stub, until } from "../worker/reach.ts";
import { journal } from "../worker/script.ts";

let serial = 0;
const fresh = (): string => `ordered ${(serial += 1)}`;
const play = async (queue: typeof workQ, script: object = {}, options: object = {}) =>
  (await queue.submit("play", { name: fresh(), ...script } as never, { key: null, ...options } as never)).id;
const lastStart = (id: string) => journal.findLastIndex((one) => one.id === id && one.run === "started");

const settled = async () => {
  await quiet();
  for (const domain of ["work", "other"]) {
    await expectBalanced(domain);
    expect((await books(domain)).state.waves).toEqual({});
  }
};

afterEach(() => void (platform.deaf = ""));

test("[backfill] [depend] a task that waits for many others waits for all of them, while a backfill asks again about one that it is satisfied with", async () => {
  const [top, far] = [await play(workQ), await play(farQ)];
  await over(top);
  await over(far);
  const again = await play(workQ, {}, { dependsOn: [top, far] });
  await over(again);
  const open = await Promise.all(Array.from({ length: 18 }, () => play(workQ, {}, { delay: "1h" })));
  const wide = await play(workQ, {}, { dependsOn: [far, ...open] });
  // Its number of open dependencies is remembered from here on.
  await workQ.task("play", open[0]!).runNow();
  await over(open[0]!);
  await workQ.task("play", top).backfill();
  await until(
    () => started(again),
    (count) => count === 2,
  );
  await over(again);
  await quiet();
  for (const id of open.slice(1, -1)) await workQ.task("play", id).runNow();
  for (const id of open.slice(1, -1)) await over(id);
  expect([(await get(wide)).status, started(wide)]).toEqual(["blocked", 0]);
  await workQ.task("play", open.at(-1)!).runNow();
  expect((await over(wide)).status).toBe("completed");
  await expectBalanced("work");
});

test("[backfill] its message to another domain may come before the one that the task lives again, and may come twice", async () => {
  const top = await play(workQ);
  const far = await play(farQ, {}, { dependsOn: [top] });
  await over(far);
  await quiet();
  await workQ.pause();
  platform.deaf = "other";
  await workQ.task("play", top).backfill();
  const [row] = await rows<{ id: number; body: string }>("work", "SELECT id, body FROM outbox WHERE kind = 'backfill'");
  const message: Delivery = { id: row!.id, kind: "backfill", body: JSON.parse(row!.body) };
  const byHand = () => runInDurableObject(stub("other"), (object) => mill.MillDomain.prototype.deliver.call(object, "work", [message]));
  await byHand();
  expect(await get(far)).toMatchObject({ status: "blocked", dependsOn: [{ id: top, status: "pending" }] });
  platform.deaf = "";
  clock.advance(400_000);
  await ring("work");
  await workQ.resume();
  await until(
    () => started(far),
    (count) => count === 2,
  );
  await over(far);
  await quiet();
  await byHand();
  expect([(await get(far)).status, started(far)]).toEqual(["completed", 2]);
  await expectBalanced("work");
  await expectBalanced("other");
});

test("[backfill] [why] round and round through two domains: nothing runs before all of it waits, though messages are late", async () => {
  const top = await play(workQ);
  const first = await play(farQ, {}, { dependsOn: [top] });
  const second = await play(workQ, {}, { dependsOn: [first] });
  const third = await play(farQ, {}, { dependsOn: [second] });
  const last = await play(farQ, {}, { dependsOn: [top, third] });
  const ids = [top, first, second, third, last];
  for (const id of ids) await over(id);
  await quiet();
  const ended = journal.length - 1;
  platform.deaf = "work";
  const { status } = await workQ.task("play", top).backfill();
  expect(status).toBe("blocked");
  expect(await workQ.task("play", top).why()).toMatchObject({ runnable: false, gates: [{ gate: "backfill" }] });
  await shows(last, "blocked");
  await until(
    async () => (await otherQ.snapshot()).outbox,
    (outbox) => (outbox[0]?.attempts ?? 0) > 0,
  );
  expect([(await get(top)).status, (await get(third)).status, journal.length - 1]).toEqual(["blocked", "completed", ended]);
  platform.deaf = "";
  clock.advance(400_000);
  await ring("other");
  await until(
    () => Promise.all(ids.map(get)),
    (tasks) => tasks.every(({ executions, status: now }) => executions === 2 && now === "completed"),
  );
  const starts = ids.map(lastStart);
  expect(starts).toEqual(starts.toSorted((one, other) => one - other));
  await settled();
});

test("[backfill] one whose upstream had failed elsewhere, and lives again by the same backfill, runs again after it", async () => {
  const top = await play(workQ, { do: "permanent" }, { delay: "1d" });
  const far = await play(farQ, {}, { dependsOn: [top] });
  const below = await play(workQ, {}, { dependsOn: [top, far] });
  const low = await play(workQ, {}, { dependsOn: [below] });
  await workQ.task("play", top).runNow();
  for (const id of [top, far, below, low]) await over(id);
  await workQ.task("play", top).retry({ payload: { name: fresh(), do: "ok" } } as never);
  await over(top);
  await workQ.task("play", top).backfill();
  await until(
    () => Promise.all([far, below, low].map(get)),
    (tasks) => tasks.every(({ status }) => status === "completed"),
  );
  const starts = [top, far, below, low].map(lastStart);
  expect(starts).toEqual(starts.toSorted((one, other) => one - other));
  await settled();
});

test("[backfill] [cancel] a task that a backfill holds may be cancelled: what depended on it falls, and no wave is left", async () => {
  const top = await play(workQ);
  const far = await play(farQ, {}, { dependsOn: [top] });
  await over(far);
  await quiet();
  platform.lostMessages = 1;
  await workQ.task("play", top).backfill();
  await workQ.task("play", top).cancel();
  await until(
    async () => (await workQ.snapshot()).outbox,
    (outbox) => outbox[0]?.attempts === 1,
  );
  clock.advance(2_000);
  await ring("work");
  expect((await shows(far, "dependency_failed")).executions).toBe(1);
  expect(await get(top)).toMatchObject({ status: "cancelled", executions: 1 });
  await settled();
});
