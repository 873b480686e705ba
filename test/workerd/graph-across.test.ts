import { describe, expect, test } from "vitest";
import { balanced, farQ, get, over, quiet, shows, started } from "../worker/both.ts";
import { clock } from "../worker/clock.ts";
import { mill, otherQ, workQ } from "../worker/index.ts";
import { platform } from "../worker/lives.ts";
import { ring, rows, until } from "../worker/reach.ts";
import { gate } from "../worker/script.ts";

// Graphs that lie in two domains: what is seen of them, what is refused, and what goes on when part of one is gone.

let serial = 0;
const fresh = (): string => `both ${(serial += 1)}`;
const play = async (queue: typeof workQ, script: object = {}, options: object = {}) =>
  (await queue.submit("play", { name: fresh(), ...script } as never, { key: null, ...options } as never)).id;
const parent = async (queue: typeof workQ, family: object = {}, options: object = {}) =>
  (await queue.submit("parent", { name: fresh(), ...family } as never, options as never)).id;
const number = (id: string) => Number(id.slice(id.lastIndexOf("_") + 1));
/** Days go by until retention has taken it. */
const purged = (id: string) => {
  const [domain] = id.split("_") as [string];
  return until(
    async () => {
      clock.advance(86_400_000);
      await ring(domain);
      return rows(domain, "SELECT 1 FROM tasks WHERE id = ?", number(id));
    },
    (left) => left.length === 0,
  );
};
const child = (type: string, script: object = {}, options: object = {}) => ({ type, payload: { name: fresh(), ...script }, options });

describe("[children] in other domains, seen from their parent", () => {
  test("the graph has them from both ends; why names those that it waits for; over HTTP, too", async () => {
    const held = fresh();
    const id = await parent(workQ, {
      children: [child("other::play", { do: "hold", name: held }), child("other::parent", { children: [child("work::play")] })],
    });
    await shows(id, "waiting");
    const kids = (await otherQ.list({ parent: id })).items.map((one) => one.id).reverse();
    await over(kids[1]!);
    const [grandchild] = (await workQ.list({ parent: kids[1]! })).items.map((one) => one.id);
    const edges = [
      { from: id, to: kids[0], kind: "child" },
      { from: id, to: kids[1], kind: "child" },
      { from: kids[1], to: grandchild, kind: "child" },
    ];
    const graph = await workQ.task("parent", id).graph();
    expect(new Set(graph.nodes.map((node) => node.id))).toEqual(new Set([id, ...kids, grandchild]));
    expect(graph.edges).toEqual(expect.arrayContaining(edges));
    expect(graph.edges).toHaveLength(3);
    const up = (await (
      await mill.fetch(new Request(`https://mill.test/v1/tasks/${grandchild}/graph`), { MILLRACE_AUTH: "open" } as never, {} as never)
    ).json()) as typeof graph;
    expect(up.edges).toEqual(expect.arrayContaining([edges[1], edges[2]]));
    const { gates } = await workQ.task("parent", id).why();
    expect(gates).toEqual([{ gate: "children", detail: expect.stringMatching(new RegExp(`1 of its 2 children: ${kids[0]}`)) }]);
    gate(held).open();
    expect((await over(id)).status).toBe("completed");
  });

  test("[purge] one that its domain has purged is known to its parent by its end and its result, for finalize and after a retry", async () => {
    const late = fresh();
    const id = await parent(workQ, {
      children: [child("other::play"), child("play", { name: late, do: "permanent" }, { delay: "30d" })],
    });
    await shows(id, "waiting");
    const [far] = (await otherQ.list({ parent: id })).items;
    await over(far!.id);
    await quiet();
    await purged(far!.id);
    const [near] = (await workQ.list({ parent: id })).items;
    await workQ.task("play", near!.id).runNow();
    expect(await over(id)).toMatchObject({ status: "failed", children: { total: 2, active: 0, failed: 1 } });
    await workQ.task("parent", id).retry();
    expect(await over(id)).toMatchObject({ status: "failed", children: { total: 2 } });
    expect(started(far!.id)).toBe(1);
    await balanced();
  });
});

describe("[depend] what children may depend on, over domains", () => {
  test("not on what waits, in whatever domain, for their parent or for one above it: dependency_cycle", async () => {
    const held = fresh();
    const root = await parent(workQ, {
      children: [{ type: "other::parent", payload: { name: fresh(), script: { do: "hold", name: held } }, options: {} }],
    });
    await shows(root, "waiting");
    const [{ id: middle }] = (await otherQ.list({ parent: root })).items as unknown as [{ id: string }];
    await shows(middle, "running");
    const onRoot = await play(farQ, {}, { dependsOn: [root] });
    const onMiddle = await play(workQ, {}, { dependsOn: [middle] });
    const further = await play(farQ, {}, { dependsOn: [await play(workQ, {}, { dependsOn: [onRoot] })] });
    for (const dependsOn of [root, middle, onRoot, onMiddle, further]) {
      for (const queue of [workQ, farQ]) {
        const refused = queue.submit("play", { name: fresh() } as never, { parent: middle, dependsOn: [dependsOn] } as never);
        await expect(refused, `${dependsOn} before a child of ${middle}`).rejects.toMatchObject({ code: "dependency_cycle" });
      }
    }
    // What its own children wait for is another matter.
    const apart = await play(workQ);
    const fine = await farQ.submit("play", { name: fresh() } as never, { parent: middle, dependsOn: [apart] } as never);
    gate(held).open();
    for (const id of [root, middle, onRoot, onMiddle, further, fine.id]) expect((await over(id)).status).toBe("completed");
    await balanced();
  });

  test("the same by ctx.spawn: the attempt fails, nothing was spawned", async () => {
    const name = fresh();
    // New content under the same id.
    const key = fresh();
    const first = await workQ.submit("parent", { name } as never, { key, delay: "1h" } as never);
    const after = await play(farQ, {}, { dependsOn: [first.id] });
    const next = await workQ.submit(
      "parent",
      { name, children: [child("other::play", {}, { dependsOn: [after] })] } as never,
      { key, onDuplicate: "supersede" } as never,
    );
    expect(next.id).toBe(first.id);
    expect(await over(next.id)).toMatchObject({ status: "dead_letter", error: { code: "dependency_cycle" }, children: { total: 0 } });
    expect((await over(after)).status).toBe("dependency_failed");
    await balanced();
  });

  test("on nothing unknown: near or far, for a child here or there", async () => {
    const held = fresh();
    const id = await parent(workQ, { script: { do: "hold", name: held } });
    await shows(id, "running");
    for (const dependsOn of ["work_999999", "other_999999"]) {
      for (const queue of [workQ, farQ]) {
        const refused = queue.submit("play", { name: fresh() } as never, { parent: id, dependsOn: [dependsOn] } as never);
        await expect(refused).rejects.toMatchObject({ code: "invalid_dependency" });
      }
    }
    gate(held).open();
    expect(await over(id)).toMatchObject({ status: "completed", children: { total: 0 } });
    for (const type of ["play", "other::play"]) {
      for (const dependsOn of ["work_999999", "other_999999"]) {
        const bad = await over(await parent(workQ, { children: [child(type, {}, { dependsOn: [dependsOn] })] }));
        expect(bad).toMatchObject({ status: "dead_letter", error: { code: "invalid_dependency" }, children: { total: 0 } });
      }
    }
    await balanced();
  });

  test("a child that its domain refuses after all leaves no parent waiting for it", async () => {
    const upstream = await play(farQ);
    await over(upstream);
    const id = await parent(workQ, { children: [child("play", {}, { delay: "30d" })] });
    await shows(id, "waiting");
    platform.lostMessages = 1;
    const refused = expect(
      farQ.submit("play", { name: fresh() } as never, { parent: id, dependsOn: [upstream] } as never),
    ).rejects.toMatchObject({ code: "invalid_dependency" });
    await until(
      async () => (await workQ.snapshot()).outbox,
      (outbox) => outbox[0]?.attempts === 1,
    );
    await purged(upstream);
    const [near] = (await workQ.list({ parent: id })).items;
    await workQ.task("play", near!.id).runNow();
    await over(near!.id);
    expect((await get(id)).status).toBe("waiting");
    await ring("work");
    await refused;
    expect(await over(id)).toMatchObject({ status: "completed", children: { total: 1, active: 0 } });
    await balanced();
  });
});
