import { describe, expect, test } from "vitest";
import { clock } from "../worker/clock.ts";
import type { Memo } from "../worker/family.ts";
import { expectBalanced } from "../worker/laws.ts";
import { mill, workQ } from "../worker/index.ts";
import { ring, rows, until } from "../worker/reach.ts";
import { gate, journal } from "../worker/script.ts";

let serial = 0;
const fresh = (prefix = "child"): string => `${prefix} ${(serial += 1)}`;
type Ended = {
  memo: Memo;
  children: [id: string, type: string, status: string, result: unknown, error: string | null, truncated: boolean][];
  attempt: number;
};

const submit = async (family: object, options: object = {}, type = "parent") =>
  (await workQ.submit(type as never, { name: fresh("parent"), ...family } as never, options as never)).id;
const get = (id: string) => workQ.task("play", id).get();
const over = (id: string) =>
  until(
    () => get(id),
    (task) => task.finishedAt !== null,
  );
const shows = (id: string, status: string) =>
  until(
    () => get(id),
    (task) => task.status === status,
  );
const child = (script: object = {}, options: object = {}, type = "play") => ({ type, payload: { name: fresh(), ...script }, options });
const childrenOf = async (id: string) => (await workQ.list({ parent: id })).items.reverse();
const runs = (name: string, run: string) => journal.filter((one) => one.name === name && one.run === run).length;

describe("[children] in one domain", () => {
  test("the parent waits without a slot until all have ended, then finalize gets memo and children", async () => {
    const [one, two] = [fresh(), fresh()];
    const name = fresh("parent");
    const id = await submit({ name, children: [child({ do: "hold", name: one }), child({ do: "hold", name: two })] });
    const waiting = await shows(id, "waiting");
    expect(waiting).toMatchObject({ parent: null, children: { total: 2, active: 2, failed: 0 }, progress: null, result: null });
    const [first, second] = await childrenOf(id);
    expect(first).toMatchObject({ parent: id, type: "play" });
    await until(
      () => workQ.snapshot(),
      ({ running }) => running.map((task) => task.id).includes(first!.id) && !running.map((task) => task.id).includes(id),
    );
    gate(one).open();
    await over(first!.id);
    expect(await get(id)).toMatchObject({ status: "waiting", children: { total: 2, active: 1, failed: 0 } });
    gate(two).open();
    const task = await over(id);
    expect(task).toMatchObject({ status: "completed", attempt: 1, executions: 2, children: { total: 2, active: 0, failed: 0 } });
    const { memo, children } = task.result as unknown as Ended;
    expect(memo).toMatchObject({ ids: [first!.id, second!.id], outcomes: ["inserted", "inserted"] });
    expect(children).toEqual([
      [first!.id, "play", "completed", { name: one, attempt: 1 }, null, false],
      [second!.id, "play", "completed", { name: two, attempt: 1 }, null, false],
    ]);
    expect(runs(name, "finalized")).toBe(1);
    await expectBalanced("work");
  });

  test("the memo is gone with the end, also of one that has recorded bytes: payload, memo and result would be more than a row holds", async () => {
    const id = await submit({ children: [child()], finale: { io: 5 } });
    expect(await over(id)).toMatchObject({ status: "completed", io: { actual: { disk: { read: 5 } } } });
    expect(await rows("work", "SELECT memo FROM tasks WHERE id = ?", Number(id.split("_")[1]))).toEqual([{ memo: null }]);
  });

  test("without children finalize follows in the same execution; without finalize the result is what execute returned", async () => {
    const none = await over(await submit({}));
    expect(none).toMatchObject({ status: "completed", attempt: 1, executions: 1, result: { memo: { ids: [] }, children: [] } });
    const lone = await over(await submit({ children: [child()] }, {}, "lone"));
    expect(lone).toMatchObject({ status: "completed", result: { outcomes: ["inserted"] }, children: { total: 1, active: 0 } });
    expect((await childrenOf(lone.id)).map(({ status }) => status)).toEqual(["completed"]);
  });

  test("spawnAll is one transaction: one bad child and there is none", async () => {
    const good = await over(
      await submit({
        together: true,
        children: [child(), child(), child({}, {}, "plain")].map((one) => ({
          ...one,
          payload: one.type === "plain" ? { n: 1 } : one.payload,
        })),
      }),
    );
    expect((good.result as unknown as Ended).children.map(([, type, status]) => [type, status])).toEqual([
      ["play", "completed"],
      ["play", "completed"],
      ["plain", "completed"],
    ]);
    const bad = await over(await submit({ together: true, children: [child(), { type: "plain", payload: { n: "no" } }] }));
    expect(bad).toMatchObject({ status: "dead_letter", children: { total: 0 }, error: { code: "invalid_payload" } });
  });

  test("a retried execution gets the children it has spawned before, ended or not; equal plain ones by their number", async () => {
    const name = fresh("parent");
    const twin = { type: "plain", payload: { n: 7 }, options: {} };
    const held = fresh();
    const id = await submit({
      name,
      script: { do: "flaky", times: 2 },
      children: [child(), child({ do: "hold", name: held }), twin, twin, child({}, { key: "k" })],
    });
    await until(
      () => runs(name, "ended"),
      (ended) => ended === 1,
    );
    gate(held).open();
    const task = await over(id);
    const { memo, children } = task.result as unknown as Ended;
    expect(task).toMatchObject({ status: "completed", attempt: 3, children: { total: 5, failed: 0 } });
    expect(memo.outcomes).toEqual(Array.from({ length: 5 }, () => "duplicate"));
    expect(new Set(memo.ids).size).toBe(5);
    expect(children.map(([one]) => one)).toEqual(memo.ids);
    await expectBalanced("work");
  });

  test("a child never meets a stranger with the same key, nor another parent's child", async () => {
    const payload = { name: fresh("shared"), do: "hold" };
    const stranger = await workQ.submit("play", payload as never, { key: "shared" });
    const parents = await Promise.all([1, 2].map(() => submit({ children: [{ type: "play", payload, options: { key: "shared" } }] })));
    for (const id of parents) await shows(id, "waiting");
    const kids = await Promise.all(parents.map(childrenOf));
    expect(new Set([stranger.id, ...kids.flat().map(({ id }) => id)]).size).toBe(3);
    gate(payload.name).open();
    for (const id of parents) expect(await over(id)).toMatchObject({ status: "completed" });
  });

  test("finalize goes before all new work, and a failed one is retried with the same memo", async () => {
    const name = fresh("parent");
    const id = await submit({ name, children: [child()], finale: { do: "flaky", times: 2 } });
    const task = await over(id);
    expect(task).toMatchObject({ status: "completed", attempt: 3, children: { total: 1 } });
    expect((task.result as unknown as Ended).memo.attempt).toBe(1);
    expect([runs(name, "started"), runs(name, "finalized")]).toEqual([1, 3]);
  });

  test("grandchildren: a tree ends from its leaves", async () => {
    const leaf = () => child();
    const branch = () => ({ type: "parent", payload: { name: fresh(), children: [leaf(), leaf()] } });
    const id = await submit({ children: [branch(), branch()] });
    const task = await over(id);
    expect(task.status).toBe("completed");
    expect((task.result as unknown as Ended).children.map(([, , status]) => status)).toEqual(["completed", "completed"]);
    await expectBalanced("work");
  });
});

const FAILURES = [
  ["failed", { do: "permanent" }, {}],
  ["dead_letter", { do: "fail" }, {}],
  ["expired", {}, { delay: "1h", ttl: "1s" }],
  ["cancelled", {}, { delay: "1h" }],
  ["dependency_failed", {}, {}],
] as const;

/** Makes the child end so, once it is there. */
async function bring(end: string, id: string): Promise<void> {
  if (end === "cancelled") await workQ.task("play", id).cancel();
  if (end !== "expired") return;
  clock.advance(2_000);
  await ring("work");
}

/** A task that has failed already. */
const failedOne = async () => (await over((await workQ.submit("play", { name: fresh(), do: "permanent" })).id)).id;

describe("[children] failFast", () => {
  test.each(FAILURES)("a child that ends %s fails its parent, and the others are cancelled", async (end, script, options) => {
    const [name, held] = [fresh("parent"), fresh()];
    const dependsOn = end === "dependency_failed" ? { dependsOn: [await failedOne()] } : {};
    const id = await submit({
      name,
      children: [child({ do: "hold", name: held }), child({}, { delay: "1h" }), child(script, { ...options, ...dependsOn })],
    });
    const kids = await until(
      () => childrenOf(id),
      (found) => found.length === 3 || (end === "dependency_failed" && found.length > 0),
    );
    if (end === "cancelled" || end === "expired") await shows(id, "waiting");
    await bring(end, kids.at(-1)!.id);
    const task = await over(id);
    expect(task).toMatchObject({ status: "failed", error: { code: "child_failed", message: expect.stringContaining(end) } });
    const ends = (await Promise.all((await childrenOf(id)).map((one) => over(one.id)))).map(({ status }) => status);
    expect(ends).toEqual(["cancelled", "cancelled", end]);
    expect(runs(name, "finalized")).toBe(0);
    await expectBalanced("work");
  });

  test.each(FAILURES)("off: finalize sees the one that ended %s", async (end, script, options) => {
    const dependsOn = end === "dependency_failed" ? { dependsOn: [await failedOne()] } : {};
    const id = await submit({ children: [child(script, { ...options, ...dependsOn }), child()] }, { failFast: false });
    if (end === "cancelled" || end === "expired") {
      await shows(id, "waiting");
      await bring(end, (await childrenOf(id))[0]!.id);
    }
    const task = await over(id);
    expect(task).toMatchObject({ status: "completed", children: { total: 2, active: 0, failed: 1 } });
    const [[, , status, result, error], [, , second]] = (task.result as unknown as Ended).children as [
      Ended["children"][0],
      Ended["children"][0],
    ];
    expect([status, result, second]).toEqual([end, null, "completed"]);
    if (end === "dead_letter") expect(error).toBe("Error");
    await expectBalanced("work");
  });

  test("a parent that still executes is told to stop; one that waits for its next attempt fails at once", async () => {
    const [name, held] = [fresh("parent"), fresh()];
    const running = await submit({ name, children: [child({ do: "permanent" })], script: { do: "hold", name: held } });
    expect(await over(running)).toMatchObject({ status: "failed", error: { code: "child_failed" } });
    expect(runs(name, "ended")).toBe(0);
    const slow = fresh();
    const waiting = await submit({ children: [child({ do: "hold", name: slow })], script: { do: "later" } });
    await shows(waiting, "scheduled");
    await workQ.task("play", (await childrenOf(waiting))[0]!.id).cancel();
    expect(await over(waiting)).toMatchObject({ status: "failed", error: { code: "child_failed" } });
    await expectBalanced("work");
  });
});

describe("[cancel] and other ends of a parent", () => {
  test("descendants are cancelled, running ones are aborted", async () => {
    const [held, leaf] = [fresh(), fresh()];
    const id = await submit({
      children: [
        child({ do: "hold", name: held }),
        { type: "parent", payload: { name: fresh(), children: [child({ do: "hold", name: leaf }), child({}, { delay: "1h" })] } },
      ],
    });
    await until(
      () => runs(leaf, "started"),
      (started) => started === 1,
    );
    await shows(id, "waiting");
    await workQ.task("play", id).cancel();
    expect((await get(id)).status).toBe("cancelled");
    const kids = await Promise.all((await childrenOf(id)).map((one) => over(one.id)));
    const grandkids = await Promise.all((await childrenOf(kids[1]!.id)).map((one) => over(one.id)));
    expect([...kids, ...grandkids].map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => "cancelled"));
    expect(runs(leaf, "cancelled")).toBe(1);
    await expectBalanced("work");
  });

  test("a parent that is cancelled while it executes takes no more children", async () => {
    const [held, kid] = [fresh(), fresh()];
    const id = await submit({ children: [child({ do: "hold", name: kid })], script: { do: "deaf", name: held } });
    await until(
      () => runs(kid, "started"),
      (started) => started === 1,
    );
    await workQ.task("play", id).cancel();
    await over((await childrenOf(id))[0]!.id);
    await expect(workQ.submit("play", { name: fresh() }, { parent: id })).rejects.toMatchObject({ code: "invalid_state" });
    gate(held).open();
    expect(await over(id)).toMatchObject({ status: "cancelled" });
  });

  test("failed for good, expired by its deadline while it waits: the same", async () => {
    const failing = await submit({ children: [child({}, { delay: "1h" })], script: { do: "permanent" } });
    expect(await over(failing)).toMatchObject({ status: "failed", error: { code: "never" } });
    expect((await childrenOf(failing)).map(({ status }) => status)).toEqual(["cancelled"]);
    const late = await submit({ children: [child({}, { delay: "1h" })] }, { deadline: "30m", ttl: "10m" });
    await shows(late, "waiting");
    clock.advance(11 * 60_000);
    await ring("work");
    // Its ttl is about its start; the child inherits what is left of it.
    expect(await over(late)).toMatchObject({ status: "failed", error: { message: expect.stringContaining("expired") } });
    const overdue = await submit({ children: [child({}, { delay: "1h", ttl: "2h" })] }, { deadline: "30m", ttl: "10m" });
    await shows(overdue, "waiting");
    clock.advance(31 * 60_000);
    await ring("work");
    expect(await over(overdue)).toMatchObject({ status: "expired" });
    expect((await childrenOf(overdue)).map(({ status }) => status)).toEqual(["cancelled"]);
    await expectBalanced("work");
  });
});

describe("[inheritance]", () => {
  test("tags (own win), at least the parent's urgency, what is left of its ttl", async () => {
    clock.freeze();
    const id = await submit(
      {
        children: [
          child({}, { delay: "5m", tags: { a: "child", c: "3" } }),
          child({}, { delay: "5m", priority: "idle", ttl: "9m" }),
          child({}, { delay: "5m", priority: "realtime" }),
        ],
      },
      { tags: { a: "parent", b: "2" }, priority: "high", ttl: "10m" },
    );
    await shows(id, "waiting");
    const [one, two, three] = await childrenOf(id);
    clock.thaw();
    expect(one!.tags).toMatchObject({ a: "child", b: "2", c: "3" });
    expect((await workQ.list({ parent: id, tags: { b: "2" } })).items).toHaveLength(3);
    expect([one!.priority, two!.priority, three!.priority]).toEqual([64, 64, 0]);
    const left = (task: typeof one) => Date.parse(task!.expiresAt!) - Date.parse(task!.createdAt);
    expect([left(one), left(two)]).toEqual([600_000, 540_000]);
    await workQ.task("play", id).cancel();
  });
});

describe("[siblings]", () => {
  test("have the same parent; a root task has none", async () => {
    const sibling = { type: "lone", payload: { name: fresh(), siblings: true, children: [child(), { type: "plain", payload: { n: 1 } }] } };
    const id = await submit({ children: [sibling] });
    const task = await over(id);
    expect(task).toMatchObject({ status: "completed", children: { total: 3 } });
    expect((await childrenOf(id)).map(({ type }) => type)).toEqual(["lone", "play", "plain"]);
    const root = await submit({ siblings: true, children: [child()] });
    expect(await over(root)).toMatchObject({
      status: "dead_letter",
      error: { code: "invalid_state", message: expect.stringContaining("no parent") },
    });
  });
});

describe("[children] a submit that names its parent", () => {
  test("joins it while it runs or waits, is named among its children, and is refused afterwards", async () => {
    const [held, kid] = [fresh(), fresh()];
    const id = await submit({ script: { do: "hold", name: held } });
    await shows(id, "running");
    const script = { name: kid, do: "hold" } as never;
    const first = await workQ.submit("play", script, { parent: id });
    expect(await workQ.submit("play", script, { parent: id })).toMatchObject({ outcome: "duplicate", id: first.id });
    expect((await workQ.submit("play", script)).id).not.toBe(first.id);
    const many = await workQ.submitAll([1, 2].map((n) => ({ type: "plain" as const, payload: { n }, parent: id })));
    gate(held).open();
    await shows(id, "waiting");
    const late = await workQ.submit("plain", { n: 3 }, { parent: id });
    gate(kid).open();
    const task = await over(id);
    expect((task.result as unknown as Ended).children.map(([one]) => one)).toEqual([first.id, ...many.map((one) => one.id), late.id]);
    await expect(workQ.submit("plain", { n: 4 }, { parent: id })).rejects.toMatchObject({ code: "invalid_state" });
    await expect(workQ.submit("plain", { n: 4 }, { parent: "work_999999" })).rejects.toMatchObject({ code: "task_not_found" });
    const pulled = await workQ.submit("pulled", { name: fresh() });
    await expect(workQ.submit("plain", { n: 4 }, { parent: pulled.id })).rejects.toMatchObject({
      code: "invalid_state",
      message: expect.stringContaining("pull"),
    });
    await workQ.task("pulled", pulled.id).cancel();
    const mixed = [
      { type: "plain" as const, payload: { n: 1 }, parent: id },
      { type: "plain" as const, payload: { n: 2 } },
    ];
    await expect(workQ.submitAll(mixed)).rejects.toMatchObject({ code: "invalid_request" });
    await expect(workQ.submit("play", script, { parent: id, onDuplicate: "reject" })).rejects.toMatchObject({ code: "invalid_request" });
  });

  test("pull workers do children, too", async () => {
    const id = await submit({ children: [{ type: "pulled", payload: { name: fresh() } }] });
    await shows(id, "waiting");
    const [held] = await workQ.claim({ worker: "w", types: ["pulled"], wait: "5s" });
    expect(held!.task.parent).toBe(id);
    await held!.complete("done");
    expect(((await over(id)).result as unknown as Ended).children[0]!.slice(2, 4)).toEqual(["completed", 4]);
  });
});

describe("[depend] among children", () => {
  test("a child may wait for its sister, by id or index; not for what waits for its parent", async () => {
    const [first, second] = [child({ do: "flaky", times: 1 }), child({ do: "read" }, { dependsOn: [{ index: 0 }] })];
    const id = await submit({ together: true, children: [first, second] });
    const task = await over(id);
    expect(task.status).toBe("completed");
    const held = fresh();
    const parent = await submit({ script: { do: "hold", name: held } });
    await shows(parent, "running");
    const { id: after } = await workQ.submit("play", { name: fresh() }, { dependsOn: [parent] });
    const deeper = (await workQ.submit("play", { name: fresh() }, { dependsOn: [after] })).id;
    for (const dependsOn of [parent, after, deeper]) {
      await expect(workQ.submit("plain", { n: 1 }, { parent, dependsOn: [dependsOn] })).rejects.toMatchObject({ code: "dependency_cycle" });
    }
    gate(held).open();
    await over(parent);
  });
});

describe("[children] retry and purge", () => {
  test("a parent that failed by a child begins anew: what completed is kept, what did not is done again", async () => {
    const name = fresh("flaky in its second life");
    const id = await submit({ children: [child(), child({ do: "permanent", name })] });
    expect(await over(id)).toMatchObject({ status: "failed", children: { total: 2, failed: 1 } });
    const [first, second] = await childrenOf(id);
    await workQ.task("play", second!.id).retry({ payload: { name } as never });
    await over(second!.id);
    // A child that was retried does not reopen its parent.
    expect((await get(id)).status).toBe("failed");
    await workQ.task("play", id).retry();
    const task = await over(id);
    expect(task).toMatchObject({ status: "completed", children: { total: 2, failed: 0 } });
    expect((task.result as unknown as Ended).memo).toMatchObject({ ids: [first!.id, second!.id], outcomes: ["duplicate", "duplicate"] });
    const again = await submit({ children: [child({ do: "permanent" })] });
    await over(again);
    await workQ.task("play", again).retry();
    expect(await over(again)).toMatchObject({ status: "failed", children: { total: 1, failed: 1 } });
    await expectBalanced("work");
  });

  test("a finalize that failed for good is retried with its memo, execute is not run again", async () => {
    const name = fresh("parent");
    const id = await submit({ name, children: [child()], finale: { do: "permanent" } });
    expect(await over(id)).toMatchObject({ status: "failed", error: { code: "never" } });
    await workQ.task("play", id).retry();
    expect(await over(id)).toMatchObject({ status: "failed" });
    expect([runs(name, "started"), runs(name, "finalized")]).toEqual([1, 2]);
  });

  test("results beyond 4 MiB in all come truncated", async () => {
    const kids = Array.from({ length: 10 }, (_, n) => child({ do: "big", ms: 500_000, name: fresh(`big ${n}`) }));
    const task = await over(await submit({ children: kids }));
    const { children } = task.result as unknown as Ended;
    expect(children.map(([, , , result, , truncated]) => [result, truncated])).toEqual([
      ...Array.from({ length: 8 }, () => [500_000, false]),
      ...Array.from({ length: 2 }, () => [null, true]),
    ]);
  });

  test("keep: false takes nothing that a parent still needs", async () => {
    const held = fresh();
    const id = await submit({ children: [{ type: "forgotten", payload: { n: 1 } }, child({ do: "hold", name: held })] });
    await shows(id, "waiting");
    await until(
      () => childrenOf(id),
      ([first]) => first!.status === "completed",
    );
    clock.advance(120_000);
    await ring("work");
    expect(await childrenOf(id)).toHaveLength(2);
    gate(held).open();
    expect(((await over(id)).result as unknown as Ended).children.map(([, , status]) => status)).toEqual(["completed", "completed"]);
    clock.advance(120_000);
    await ring("work");
    await until(
      () => childrenOf(id),
      (kids) => kids.length === 1,
    );
    const brief = await submit({ children: [child()] }, {}, "brief");
    await until(
      async () => {
        await ring("work");
        clock.advance(61_000);
        return rows("work", "SELECT 1 FROM tasks WHERE type = 'brief'");
      },
      (found) => found.length === 0,
    );
    await expect(get(brief)).rejects.toMatchObject({ code: "task_not_found" });
    await expectBalanced("work");
  });
});

describe("[children] over HTTP", () => {
  const ask = (method: string, path: string, body?: object) =>
    mill.fetch(
      new Request(`https://mill.test${path}`, {
        method,
        ...(body ? { body: JSON.stringify(body), headers: { "content-type": "application/json" } } : {}),
      }),
      { MILLRACE_AUTH: "open" } as never,
      {} as never,
    );

  test("parent and failFast in a submit, ?parent=, the graph's child edges", async () => {
    const held = fresh();
    const made = (await (
      await ask("POST", "/v1/domains/work/tasks", { type: "parent", payload: { script: { do: "hold", name: held } }, failFast: false })
    ).json()) as { id: string };
    await shows(made.id, "running");
    const answer = await ask("POST", "/v1/domains/work/tasks", {
      type: "play",
      payload: { name: fresh(), do: "permanent" },
      parent: made.id,
    });
    expect(answer.status).toBe(201);
    const kid = (await answer.json()) as { id: string; task: { parent: string } };
    expect(kid.task.parent).toBe(made.id);
    const list = (await (await ask("GET", `/v1/domains/work/tasks?parent=${made.id}`)).json()) as { items: { id: string }[] };
    expect(list.items.map(({ id }) => id)).toEqual([kid.id]);
    gate(held).open();
    expect(await over(made.id)).toMatchObject({ status: "completed", children: { total: 1, active: 0, failed: 1 } });
    const graph = (await (await ask("GET", `/v1/tasks/${made.id}/graph`)).json()) as { edges: object[] };
    expect(graph.edges).toEqual([{ from: made.id, to: kid.id, kind: "child" }]);
    expect(await (await ask("GET", `/v1/tasks/${kid.id}/graph`)).json()).toMatchObject({
      edges: [{ from: made.id, to: kid.id, kind: "child" }],
    });
    const refused = await ask("POST", "/v1/domains/work/tasks", { type: "plain", payload: { n: 1 }, parent: made.id });
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([409, "invalid_state"]);
  });
});
