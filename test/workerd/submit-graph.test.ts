import type { OnDuplicate, Outcome, Status } from "millrace";
import { describe, expect, test } from "vitest";
import { clock } from "../worker/clock.ts";
import { otherQ, workQ } from "../worker/index.ts";
import { expectBalanced } from "../worker/laws.ts";
import { rows, until } from "../worker/reach.ts";
import { gate } from "../worker/script.ts";

const later = { delay: "1h" } as const;
const batch = (items: object[]) => workQ.submitAll(items as never) as Promise<Outcome[]>;
const handleOf = (id: string) => (id.startsWith("work_") ? workQ : (otherQ as unknown as typeof workQ));
const get = (id: string) => handleOf(id).task("play", id).get();
const shows = (id: string, status: Status) =>
  until(
    () => get(id),
    (task) => task.status === status,
  );

describe("[batch] [depend] submits that share a transaction", () => {
  const plain = (dependsOn: unknown[] = []) => ({
    type: "plain",
    payload: { n: 1 },
    ...later,
    ...(dependsOn.length > 0 ? { dependsOn } : {}),
  });
  /** At once, so that all but the first share a transaction. */
  const together = (batches: object[][]) => Promise.allSettled(batches.map(batch));

  test("one that names an unknown dependency is refused alone", async () => {
    const answers = await together([[plain()], [plain()], [plain(["work_999999"])], [plain()]]);
    expect(answers.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
    expect(answers[2]).toMatchObject({ reason: { code: "invalid_dependency" } });
    await expectBalanced("work");
  });

  test("an index names a task of its own batch", async () => {
    const answers = await together(Array.from({ length: 4 }, () => [plain(), plain([{ index: 0 }])]));
    for (const answer of answers) {
      if (answer.status === "rejected") throw answer.reason;
      const [first, second] = answer.value;
      expect((await get(second!.id)).dependsOn).toMatchObject([{ id: first!.id }]);
    }
    await expectBalanced("work");
  });

  test("an index that names no task of its own batch is refused, though others have that many", async () => {
    const answers = await together([[plain()], [plain(), plain(), plain()], [plain(), plain([{ index: 2 }])]]);
    expect(answers.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
  });
});

describe.each<[string, OnDuplicate, string]>([
  ["supersede", "supersede", "superseded"],
  ["debounce", { debounce: "1h" }, "debounced"],
])("[supersede] [debounce] [depend] new content by %s has its own dependencies", (strategy, onDuplicate, outcome) => {
  const isDebounce = strategy === "debounce";
  let serial = 0;
  const fresh = (name = "key") => `${strategy} ${name} ${(serial += 1)}`;
  /** One that waits for an hour, or a gate. */
  const one = async (domain = "work", script: object = {}, options: object = later) =>
    (await handleOf(`${domain}_`).submit("play", { name: fresh("one"), ...script } as never, { key: null, ...options } as never)).id;
  const old = async (key: string, options: object = later) =>
    (await workQ.submit("play", { name: key, times: 1 }, { key, ...options } as never)).id;
  const item = (key: string, dependsOn: unknown[] = []) => ({
    type: "play",
    payload: { name: key, times: 2 },
    key,
    onDuplicate,
    dependsOn,
  });
  const renew = async (key: string, dependsOn: unknown[] = []) => (await batch([item(key, dependsOn)]))[0]!;
  const run = async (id: string) => {
    if ((await get(id)).status === "scheduled") await handleOf(id).task("play", id).runNow();
    return shows(id, "completed");
  };

  test.each(["work", "other"])("a delayed one waits for what the newcomer names, in %s", async (domain) => {
    const key = fresh();
    const upstream = await one(domain);
    const id = await old(key);
    expect(await renew(key, [upstream])).toMatchObject({ outcome, id });
    expect(await get(id)).toMatchObject({ status: "blocked", dependsOn: [{ id: upstream }], payload: { times: 2 } });
    await run(upstream);
    await shows(id, isDebounce ? "scheduled" : "completed");
    await run(id);
    await expectBalanced("work");
  });

  test.each(["work", "other"])("a blocked one waits no more for what the newcomer does not name, in %s", async (domain) => {
    const key = fresh();
    const upstream = await one(domain);
    const id = await old(key, { dependsOn: [upstream] });
    expect(await get(id)).toMatchObject({ status: "blocked" });
    expect(await renew(key)).toMatchObject({ outcome, id });
    await shows(id, isDebounce ? "scheduled" : "completed");
    expect((await run(id)).dependsOn ?? []).toEqual([]);
    // Neither an edge nor a stand-in of the old content is left.
    const counter = Number(id.split("_")[1]);
    expect(await rows("work", "SELECT * FROM edges WHERE dependent = ?", counter)).toEqual([]);
    expect(await rows("work", "SELECT * FROM remotes AS r WHERE NOT EXISTS (SELECT 1 FROM edges WHERE upstream = r.id)")).toEqual([]);
    await handleOf(upstream).task("play", upstream).cancel();
    expect((await get(id)).status).toBe("completed");
    await expectBalanced("work");
  });

  test("one dependency of two is kept: it still counts, once", async () => {
    const key = fresh();
    const [kept, dropped, far] = [await one(), await one(), await one("other")];
    const id = await old(key, { dependsOn: [kept, dropped, far] });
    await renew(key, [kept, far]);
    await run(kept);
    expect((await get(id)).status).toBe("blocked");
    await run(far);
    await shows(id, isDebounce ? "scheduled" : "completed");
    await run(id);
    await handleOf(dropped).task("play", dropped).cancel();
    await expectBalanced("work");
  });

  test("a dependency that has failed ends it, and what waits for it; its key is free", async () => {
    const key = fresh();
    const failed = await one();
    await workQ.task("play", failed).cancel();
    const id = await old(key);
    const [fallen, ignoring] = [
      await one("work", {}, { dependsOn: [id] }),
      await one("work", {}, { dependsOn: [id], onDependencyFailure: "ignore" }),
    ];
    const waits = workQ
      .task("play", id)
      .result()
      .catch((error: unknown) => error);
    expect(await renew(key, [failed])).toMatchObject({ outcome, id });
    expect(await get(id)).toMatchObject({ status: "dependency_failed", error: { code: "dependency_failed" } });
    expect(await waits).toMatchObject({ code: "invalid_state" });
    // By its policy `cancel`, and so on down, whatever the policies below it say.
    for (const below of [fallen, ignoring]) expect((await get(below)).status).toBe("dependency_failed");
    expect(await renew(key)).toMatchObject({ outcome: "inserted" });
    await expectBalanced("work");
  });

  test("a batch: an earlier task of it is named by index; a later one waits for the new content", async () => {
    const key = fresh();
    const id = await old(key);
    const [first, second, third] = await batch([
      { type: "plain", payload: { n: 1 }, ...later },
      item(key, [{ index: 0 }]),
      { type: "plain", payload: { n: 2 }, dependsOn: [{ index: 1 }] },
    ]);
    expect(second).toMatchObject({ outcome, id });
    expect(await get(id)).toMatchObject({ status: "blocked", dependsOn: [{ id: first!.id }] });
    expect(await get(third!.id)).toMatchObject({ status: "blocked", dependsOn: [{ id }] });
    await run(first!.id);
    await shows(id, isDebounce ? "scheduled" : "completed");
    await run(id);
    await shows(third!.id, "completed");
    await expectBalanced("work");
  });

  test("in a batch an earlier task that names it falls with it", async () => {
    const key = fresh();
    const failed = await one();
    await workQ.task("play", failed).cancel();
    const id = await old(key);
    const [first] = await batch([{ type: "plain", payload: { n: 1 }, dependsOn: [id] }, item(key, [failed])]);
    expect(await get(id)).toMatchObject({ status: "dependency_failed" });
    expect(await get(first!.id)).toMatchObject({ status: "dependency_failed" });
    await expectBalanced("work");
  });

  test("in a batch the holder of another key that falls with it leaves that key to the next", async () => {
    const [key, below] = [fresh(), fresh("below")];
    const failed = await one();
    await workQ.task("play", failed).cancel();
    const id = await old(key);
    const fallen = await old(below, { dependsOn: [id] });
    const answers = await batch([item(key, [failed]), item(below)]);
    expect(answers).toMatchObject([{ outcome, id }, { outcome: "inserted" }]);
    expect((await get(fallen)).status).toBe("dependency_failed");
    await run(answers[1]!.id);
    await expectBalanced("work");
  });

  describe("a circle is refused, and nothing changes", () => {
    const refused = async (id: string, items: object[]) => {
      const before = await get(id);
      await expect(batch(items)).rejects.toMatchObject({ code: "dependency_cycle", status: 400 });
      expect(await get(id)).toMatchObject({ status: before.status, payload: before.payload });
      await expectBalanced("work");
    };

    test("itself", async () => {
      const key = fresh();
      const id = await old(key);
      await refused(id, [item(key, [id])]);
    });

    test.each(["work", "other"])("what waits for it, by way of %s", async (domain) => {
      const key = fresh();
      const id = await old(key);
      const between = await one(domain, {}, { dependsOn: [id] });
      const below = await one("work", {}, { dependsOn: [between] });
      await until(
        () => rows("work", "SELECT id FROM outbox"),
        (left) => left.length === 0,
      );
      for (const upstream of [between, below]) await refused(id, [item(key, [upstream])]);
    });

    test("a task of the same batch that waits for it", async () => {
      const key = fresh();
      const id = await old(key);
      await refused(id, [{ type: "plain", payload: { n: 1 }, dependsOn: [id] }, item(key, [{ index: 0 }])]);
    });

    test("a task that stands for one of the same batch, and waits for it", async () => {
      const [key, standing] = [fresh(), fresh("standing")];
      const id = await old(key);
      await old(standing, { dependsOn: [id] });
      await refused(id, [{ type: "play", payload: { name: standing }, key: standing }, item(key, [{ index: 0 }])]);
    });

    test("two of one batch that name each other, at once and by way of a third", async () => {
      const [key, next] = [fresh(), fresh("next")];
      const [id, other] = [await old(key), await old(next)];
      await refused(id, [item(key, [other]), item(next, [id])]);
      const between = await one("work", {}, { dependsOn: [other] });
      await refused(id, [item(next, [id]), item(key, [between])]);
    });
  });

  test("a successor keeps its predecessor, also where it depends on that itself", async () => {
    for (const explicit of [false, true]) {
      const key = fresh();
      const { id: begun } = await workQ.submit("play", { do: "hold", name: key }, { key });
      await shows(begun, "running");
      const next = await old(key, explicit ? { dependsOn: [begun] } : {});
      const extra = await one();
      const answer = await renew(key, [extra]);
      if (!isDebounce) {
        // The one that has begun gives way, and so does its successor.
        expect(answer).toMatchObject({ outcome, replacedId: begun });
        await shows(begun, "superseded");
        expect((await get(next)).status).toBe("superseded");
        await run(extra);
        await shows(answer.id, "completed");
        continue;
      }
      expect(answer).toMatchObject({ outcome, id: next });
      await run(extra);
      expect((await get(next)).status).toBe("blocked");
      gate(key).open();
      await shows(begun, "completed");
      await shows(next, "scheduled");
      await run(next);
    }
    await expectBalanced("work");
  });
});

test("[supersede] [batch] a task that depends on one which an earlier of its batch has dropped does not wait for it", async () => {
  const { id: begun } = await workQ.submit("play", { do: "hold", name: "dropped" }, { key: "dropped" });
  await shows(begun, "running");
  const { id: successor } = await workQ.submit("play", { name: "dropped", times: 1 }, { key: "dropped" });
  const [next, below] = await batch([
    { type: "play", payload: { name: "dropped", times: 2 }, key: "dropped", onDuplicate: "supersede" },
    { type: "plain", payload: { n: 1 }, dependsOn: [successor] },
  ]);
  expect(await get(successor)).toMatchObject({ status: "superseded" });
  await shows(below!.id, "completed");
  await shows(next!.id, "completed");
  await expectBalanced("work");
});

test("[supersede] new content is as old as its submission; a debounced burst as its first", async () => {
  const { id } = await workQ.submit("play", { name: "age" }, { key: "age", delay: "1h" });
  const { createdAt } = await get(id);
  clock.advance(60_000);
  await workQ.submit("play", { name: "age", times: 2 }, { key: "age", onDuplicate: { debounce: "1h" } });
  expect((await get(id)).createdAt).toBe(createdAt);
  const { replacedId } = (await workQ.submit("play", { name: "age", times: 3 }, { key: "age", onDuplicate: "supersede", delay: "1h" })) as {
    replacedId: string;
  };
  expect(Date.parse((await get(id)).createdAt) - Date.parse(createdAt)).toBeGreaterThanOrEqual(60_000);
  expect((await get(replacedId)).createdAt).toBe(createdAt);
  await expectBalanced("work");
});

test("[skip] [depend] a circle by way of a task that stands for one of the same batch is refused, where the place is of one that has begun", async () => {
  const { id } = await workQ.submit("play", { do: "hold", name: "stands" }, { key: "stands" });
  await shows(id, "running");
  await workQ.submit("play", { name: "below" }, { key: "below", dependsOn: [id] });
  const items = [
    { type: "play", payload: { name: "below" }, key: "below" },
    { type: "play", payload: { name: "stands" }, key: "stands", onDuplicate: "supersede", dependsOn: [{ index: 0 }] },
  ];
  await expect(batch(items)).rejects.toMatchObject({ code: "dependency_cycle" });
  gate("stands").open();
  await shows(id, "completed");
});

test("[limits] [batch] thousands of tasks with the longest keys, each quoted, go in together and are replaced together", async () => {
  const items = Array.from({ length: 2_500 }, (_, n) => ({
    type: "play",
    payload: { name: `${n}` },
    key: `${n} `.padEnd(1_024, '"'),
    label: '"'.repeat(256),
    ...later,
  }));
  expect(new Set((await batch(items)).map(({ id }) => id)).size).toBe(2_500);
  expect((await batch(items.map((item) => ({ ...item, onDuplicate: "supersede" })))).every((one) => one.outcome === "superseded")).toBe(
    true,
  );
  await expectBalanced("work");
});
