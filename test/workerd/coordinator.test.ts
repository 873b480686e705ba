import { abortAllDurableObjects, reset, runInDurableObject } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { afterEach, describe, expect, test } from "vitest";
import type { CoordinatorApi, SyncRequest } from "../../src/policy/coordination/protocol.ts";
import { type Migration, migrate } from "../../src/durable/migrate.ts";
import { acceptAnswer } from "../../src/durable/refusal.ts";
import { MillraceError } from "../../src/policy/errors.ts";
import type { CoordinatorObject } from "../../src/durable/coordinator/object.ts";

interface Namespace {
  getByName(name: string): CoordinatorApi & DurableObjectStub<CoordinatorObject>;
}
// `exports` is typed by `wrangler types`, which the library itself does not run.
const coordinators = () => (exports as unknown as { MillCoordinator: Namespace }).MillCoordinator;
const coordinator = () => coordinators().getByName("under test");

const rows = (query: string) => runInDurableObject(coordinator(), (_, state) => state.storage.sql.exec(query).toArray());

let seq = 0;
const request = (holder: string, count: number, more: Partial<SyncRequest> = {}): SyncRequest => ({
  holder,
  incarnation: `${holder}-1`,
  seq: (seq += 1),
  version: 0,
  holding: 0,
  using: 0,
  cap: null,
  wanting: count > 0 ? [{ group: null, priority: 128, count, oldestMs: 0 }] : [],
  ...more,
});

afterEach(() => reset());

describe("the coordinator object", () => {
  test("grants up to the mill's cap, and writes one row before a first grant", async () => {
    const { grant } = await coordinator().sync(request("work", 3));
    expect(grant).toMatchObject({ slots: 3, leaseMs: 30_000 });
    const [row, ...others] = await rows("SELECT domain, mark FROM holders");
    expect([row, others]).toEqual([{ domain: "work", mark: 3 }, []]);
    const second = await coordinator().sync(request("other", 100));
    expect(second.grant.slots).toBe(5);
    expect(await coordinator().snapshot()).toMatchObject({ maxConcurrency: 8, granted: 8 });
  });

  test("a sync costs one row in each table the first time, and none after it", async () => {
    const written = (work: (object: CoordinatorObject) => Promise<unknown>) =>
      runInDurableObject(coordinator() as DurableObjectStub<CoordinatorObject>, async (object: CoordinatorObject, state) => {
        let total = 0;
        const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
        const exec = state.storage.sql.exec.bind(state.storage.sql);
        Object.defineProperty(state.storage.sql, "exec", {
          configurable: true,
          value: (query: string, ...bindings: unknown[]) => {
            const cursor = exec(query, ...bindings);
            cursors.push(cursor);
            return cursor;
          },
        });
        await work(object);
        for (const cursor of cursors) total += cursor.rowsWritten;
        Reflect.deleteProperty(state.storage.sql, "exec");
        return { total, seen: cursors.length };
      });
    const first = await written((object) => object.sync(request("work", 2)));
    expect(first).toEqual({ total: 2, seen: 2 });
    const again = await written((object) => object.sync(request("work", 0, { using: 2, holding: 2 })));
    expect(again.total).toBe(0);
  });

  test("after a restart a holder that has not synced counts with its mark; when it has, with what it holds", async () => {
    const first = await coordinator().sync(request("work", 6));
    await abortAllDurableObjects();
    const restarted = await coordinator().sync(request("other", 8));
    expect(restarted.grant.slots).toBe(2);
    const back = await coordinator().sync(request("work", 0, { version: first.grant.version, holding: 0 }));
    // Only a confirmed grant of this life proves that no older one is on its way.
    await coordinator().sync(request("work", 0, { version: back.grant.version, holding: 0 }));
    expect((await coordinator().sync(request("other", 8))).grant.slots).toBe(8);
  });

  test("an older request of the same incarnation changes nothing", async () => {
    const late = request("work", 8);
    await coordinator().sync(request("work", 2));
    expect(await coordinator().sync(late)).toMatchObject({ stale: true });
    expect((await coordinator().snapshot()).granted).toBe(2);
  });

  test("a push reaches the Domain object: what a life that is over still held comes free at once", async () => {
    const real = coordinators().getByName("mill");
    expect((await real.sync(request("work", 8, { incarnation: "gone" }))).grant.slots).toBe(8);
    const waiting = { incarnation: "waits" };
    let { grant } = await real.sync(request("other", 4, waiting));
    expect(grant.slots).toBe(0);
    // The living object answers the push to "gone" with a sync of its own, which says that it holds nothing.
    while (grant.slots < 4) {
      await scheduler.wait(5);
      ({ grant } = await real.sync(request("other", 4, { ...waiting, version: grant.version, holding: grant.slots })));
    }
    expect((await real.snapshot()).holders.find((holder) => holder.domain === "work")).toMatchObject({ using: 0, wanting: 0 });
  });

  test("the cap is changed live and stored; nonsense is refused", async () => {
    expect(await coordinator().configure({ maxConcurrency: 2 })).toMatchObject({ maxConcurrency: 2 });
    await abortAllDurableObjects();
    expect((await coordinator().sync(request("work", 6))).grant.slots).toBe(2);
    for (const maxConcurrency of [0, -1, 1.5, Number.NaN, 10_001]) {
      const refused = await coordinator()
        .configure({ maxConcurrency })
        // As `reachCoordinator` does: a refusal travels as a value.
        .then(acceptAnswer)
        .then(
          () => null,
          (error: unknown) => error,
        );
      expect(MillraceError.is(refused, "invalid_request"), String(maxConcurrency)).toBe(true);
    }
    expect((await coordinator().snapshot()).maxConcurrency).toBe(2);
  });

  test("[pause] 1,000 groups can be paused at once, no more; one of them may be given another end", async () => {
    await Promise.all(Array.from({ length: 1_000 }, (_, tenant) => coordinator().pauseGroup(`tenant ${tenant}`)));
    const more = await coordinator()
      .pauseGroup("one more")
      .then(acceptAnswer)
      .catch((error: unknown) => error);
    expect(MillraceError.is(more) && more.code).toBe("invalid_request");
    expect(acceptAnswer(await coordinator().pauseGroup("tenant 7", Date.now() + 60_000))).toMatchObject({ paused: true });
    await coordinator().resumeGroup("tenant 8");
    expect(acceptAnswer(await coordinator().pauseGroup("one more"))).toMatchObject({ paused: true });
  });

  test("the sweep names every domain of the registry once a day, and those at work each time", async () => {
    expect((await coordinator().sweepList()).sort()).toEqual(["hooked", "http", "other", "rounds", "strict", "work"]);
    expect(await coordinator().sweepList()).toEqual([]);
    await coordinator().sync(request("work", 1));
    expect(await coordinator().sweepList()).toEqual(["work"]);
    expect(await coordinator().sweepList()).toEqual(["work"]);
  });
});

describe("migrate", () => {
  const one: Migration = { name: "0000_one", sql: "CREATE TABLE a (x INTEGER);\n--> statement-breakpoint\nCREATE TABLE b (y INTEGER);" };
  const two: Migration = { name: "0001_two", sql: "ALTER TABLE a ADD COLUMN z TEXT;" };
  const inside = <T>(work: (storage: DurableObjectStorage) => T) =>
    runInDurableObject(coordinator(), (_, state) => {
      state.storage.sql.exec("DROP TABLE IF EXISTS _migrations");
      return work(state.storage);
    });
  const names = (storage: DurableObjectStorage) => storage.sql.exec("SELECT name, applied_at FROM _migrations ORDER BY name").toArray();
  const caught = (work: () => void): { code?: string; message?: string } => {
    try {
      work();
    } catch (error) {
      return error as MillraceError;
    }
    return {};
  };

  test("#54 each once, in order, recorded with its time", async () => {
    const recorded = await inside((storage) => {
      migrate(storage, [one], 5);
      migrate(storage, [one], 6);
      migrate(storage, [one, two], 7);
      storage.sql.exec("INSERT INTO a (x, z) VALUES (1, 'z')");
      return names(storage);
    });
    expect(recorded).toEqual([
      { name: "0000_one", applied_at: 5 },
      { name: "0001_two", applied_at: 7 },
    ]);
  });

  test("#54 a newer stored schema is refused, and nothing is changed", async () => {
    const { error, recorded } = await inside((storage) => {
      migrate(storage, [one, two], 5);
      return { error: caught(() => migrate(storage, [one], 6)), recorded: names(storage).length };
    });
    expect(error.code).toBe("internal");
    expect(error.message).toMatch(/0001_two.*Deploy the newer code again/s);
    expect(recorded).toBe(2);
  });

  test("what fails is thrown as SQLite said it, with the migration's name, and nothing of it stays", async () => {
    const broken: Migration = {
      name: "0001_broken",
      sql: "CREATE TABLE c (x INTEGER);\n--> statement-breakpoint\nCREATE TABLE a (x INTEGER);",
    };
    const { error, tables } = await inside((storage) => {
      migrate(storage, [one], 5);
      const thrown = caught(() => migrate(storage, [one, broken], 6));
      return { error: thrown, tables: storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'c'").toArray() };
    });
    expect(error.message).toMatch(/0001_broken.*table `?a`? already exists/);
    expect(tables).toEqual([]);
  });
});
