import { runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test } from "vitest";
import type { Delivery } from "../../src/durable/mail.ts";
import { reachNeighbour } from "../../src/durable/reach.ts";
import { balanced, farQ, get, over, quiet, shows, started } from "../worker/both.ts";
import { clock } from "../worker/clock.ts";
import { mill, otherQ, workQ } from "../worker/index.ts";
import { platform } from "../worker/lives.ts";
import { ring, rows, stub, until } from "../worker/reach.ts";
import { gate } from "../worker/script.ts";

// A parent that begins anew, and its children in another domain: messages of the life before that come late, or twice.

let serial = 0;
const fresh = (): string => `life ${(serial += 1)}`;
const number = (id: string) => Number(id.slice(id.lastIndexOf("_") + 1));
const parent = async (children: object[], family: object = {}, options: object = {}) =>
  (await workQ.submit("parent", { name: fresh(), children, ...family } as never, options as never)).id;
const child = (type: string, script: object = {}, options: object = {}) => ({ type, payload: { name: fresh(), ...script }, options });
const farOnes = async (id: string) => (await otherQ.list({ parent: id })).items.reverse();
/** Days go by until retention has taken it. */
const purged = (id: string) =>
  until(
    async () => {
      clock.advance(86_400_000);
      await ring(id.split("_")[0]!);
      return rows(id.split("_")[0]!, "SELECT 1 FROM tasks WHERE id = ?", number(id));
    },
    (left) => left.length === 0,
  );

afterEach(() => void (platform.deaf = ""));

describe("[children] [dead letters] of a parent that begins anew, in another domain", () => {
  test("the end of a child's life before comes late, when it has begun again: its parent goes on waiting", async () => {
    const held = fresh();
    const id = await parent([child("other::play", { do: "hold", name: held })]);
    await shows(id, "waiting");
    const far = (await farOnes(id))[0]!.id;
    await quiet();
    platform.deaf = "work";
    await farQ.task("play", far).cancel();
    await over(far);
    await workQ.task("parent", id).cancel();
    await workQ.task("parent", id).retry();
    await shows(id, "waiting");
    await shows(far, "running");
    // Of what is on its way, the first alone is heard.
    const [late] = await rows<{ id: number; body: string }>("other", "SELECT id, body FROM outbox WHERE kind = 'kin' ORDER BY id LIMIT 1");
    expect(JSON.parse(late!.body)).toMatchObject([{ child: number(far), life: 0 }]);
    const message: Delivery = { id: late!.id, kind: "kin", body: JSON.parse(late!.body) };
    await runInDurableObject(stub("work"), (object) => mill.MillDomain.prototype.deliver.call(object, "other", [message]));
    expect(await get(id)).toMatchObject({ status: "waiting", children: { total: 1, active: 1, failed: 0 } });
    platform.deaf = "";
    clock.advance(400_000);
    await ring("other");
    await quiet();
    expect(await get(id)).toMatchObject({ status: "waiting", children: { total: 1, active: 1, failed: 0 } });
    gate(held).open();
    expect(await over(id)).toMatchObject({ status: "completed", children: { total: 1, active: 0, failed: 0 } });
    await balanced();
  });

  test("a child that was to begin again, and is refused, is what it was: its parent waits for it no longer", async () => {
    const key = fresh();
    const id = await parent([child("pulled")], {}, { failFast: false });
    await shows(id, "waiting");
    const first = await farQ.submit("play", { name: fresh(), do: "permanent" } as never, { parent: id, key } as never);
    await over(first.id);
    await quiet();
    expect(await get(id)).toMatchObject({ status: "waiting", children: { total: 2, active: 1, failed: 1 } });
    await workQ.task("parent", id).cancel();
    await workQ.task("parent", id).retry();
    await shows(id, "waiting");
    await purged(first.id);
    const upstream = (await farQ.submit("play", { name: fresh() } as never, { key: null })).id;
    await over(upstream);
    platform.lostMessages = 1;
    const refused = expect(
      farQ.submit("play", { name: fresh() } as never, { parent: id, key, dependsOn: [upstream] } as never),
    ).rejects.toMatchObject({ code: "invalid_dependency" });
    await until(
      async () => (await workQ.snapshot()).outbox,
      (outbox) => outbox[0]?.attempts === 1,
    );
    expect((await get(id)).children).toMatchObject({ active: 2 });
    await purged(upstream);
    await ring("work");
    await refused;
    expect((await get(id)).children).toEqual({ total: 2, active: 1, failed: 0 });
    const [near] = (await workQ.list({ parent: id })).items;
    await workQ.task("play", near!.id).cancel();
    expect(await over(id)).toMatchObject({ status: "completed", children: { total: 2, active: 0, failed: 1 } });
    await balanced();
  });

  test("messages of an earlier life that come again change nothing in a later one", async () => {
    const held = fresh();
    const id = await parent([child("other::play", { do: "hold", name: held })]);
    await shows(id, "waiting");
    const far = (await farOnes(id))[0]!.id;
    const [row] = await rows<{ hash: string; payload: string }>(
      "other",
      "SELECT key_hash AS hash, payload FROM tasks WHERE id = ?",
      number(far),
    );
    await workQ.task("parent", id).cancel();
    await over(far);
    await quiet();
    await workQ.task("parent", id).retry();
    await shows(id, "waiting");
    await shows(far, "running");
    const item = { type: "play", payload: row!.payload, hash: row!.hash, priority: 128 };
    const again = (kind: string, body: object) => reachNeighbour("other", clock).deliver("work", [{ id: 1, kind, body }]);
    expect(await again("spawn", { parent: number(id), life: 0, items: [item] })).toEqual([{ answer: { ids: [number(far)] } }]);
    expect(await again("abandon", { parent: number(id), life: 0 })).toEqual([{ answer: null }]);
    expect([(await get(far)).status, started(far)]).toEqual(["running", 2]);
    expect(await rows("other", "SELECT options ->> '$.life' AS life, cancelling FROM tasks WHERE id = ?", number(far))).toEqual([
      { life: 1, cancelling: 0 },
    ]);
    gate(held).open();
    expect(await over(id)).toMatchObject({ status: "completed", children: { total: 1, failed: 0 } });
    await balanced();
  });
});

test("[children] [purge] results of another domain beyond 4 MiB in all are read from their copies, though that domain has purged them", async () => {
  const kids = Array.from({ length: 10 }, (_, n) => child("other::play", { do: "big", ms: 500_000 + n }));
  const id = await parent([...kids, child("play", {}, { delay: "60d" })], { finale: { do: "read" } });
  await shows(id, "waiting");
  for (const far of await farOnes(id)) await over(far.id);
  await quiet();
  for (const far of await farOnes(id)) await purged(far.id);
  const [near] = (await workQ.list({ parent: id })).items;
  await workQ.task("play", near!.id).runNow();
  const task = await over(id);
  expect(task.status).toBe("completed");
  expect((task.result as { read?: number[] }).read).toEqual([500_008, 500_009]);
  await balanced();
}, 30_000);
