import { runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { migrations } from "../../src/durable/domain/migrations.ts";
import { migrate } from "../../src/durable/migrate.ts";
import { clock } from "../worker/clock.ts";
import { crash } from "../worker/drive.ts";
import { workQ } from "../worker/index.ts";
import { expectBalanced } from "../worker/laws.ts";
import { ring, rows, stub, until } from "../worker/reach.ts";

const get = (id: string) => workQ.task("play", id).get();
/** Its end; the clock has been put forward, so that no alarm rings by itself. */
const ended = (id: string) =>
  until(
    async () => (await ring("work"), await get(id)),
    (task) => task.finishedAt !== null,
  );

/** Makes the storage what a version with so many migrations left, with a ready and a delayed task and one that has ended. */
async function storedBy(version: number): Promise<void> {
  await runInDurableObject(stub("work"), async (_object, { storage }) => {
    const { sql } = storage;
    const tables = sql.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf_*'").toArray();
    storage.transactionSync(() => {
      for (const { name } of tables) sql.exec(`DROP TABLE "${name}"`);
    });
    const now = clock.now();
    migrate(storage, migrations.slice(0, version), now);
    const insert =
      "INSERT INTO tasks (id, type, status, priority, payload, created_at, run_at, result, finished_at) VALUES (?, 'play', ?, 128, ?, ?, ?, ?, ?)";
    sql.exec(insert, 1, 0, '{"name":"ready"}', now, null, null, null);
    sql.exec(insert, 2, 1, '{"name":"delayed"}', now, now + 3_600_000, null, null);
    sql.exec(insert, 3, 10, '{"name":"done"}', now, null, '{"name":"done","attempt":1}', now);
    const state = { nextId: 4, oldest: 1, counts: { pending: 1, scheduled: 1, completed: 1 }, totals: { inserted: 3, completed: 1 } };
    sql.exec("INSERT INTO state (id, json) VALUES (1, ?)", JSON.stringify(state));
    await storage.sync();
  });
  await crash("work");
}

test.each(migrations.map(({ name }, index) => [name, index + 1] as const))(
  "#54 stored as of migration %s, with live tasks: brought up to date at the next wake, and everything goes on",
  async (_name, version) => {
    await storedBy(version);
    expect(await ended("work_1")).toMatchObject({ status: "completed", result: { name: "ready", attempt: 1 } });
    expect(await get("work_2")).toMatchObject({ status: "scheduled" });
    expect(await get("work_3")).toMatchObject({ status: "completed", result: { name: "done", attempt: 1 } });
    expect(await rows<{ name: string }>("work", "SELECT name FROM _migrations ORDER BY name")).toEqual(
      migrations.map(({ name }) => ({ name })),
    );
    clock.advance(3_700_000);
    expect(await ended("work_2")).toMatchObject({ status: "completed" });
    expect((await workQ.submit("plain", { n: 1 }, { delay: "1d" })).id).toBe("work_4");
    await expectBalanced("work");
  },
);
