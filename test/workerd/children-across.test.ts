import { describe, expect, test } from "vitest";
import { balanced, get, over, shows } from "../worker/both.ts";
import { clock } from "../worker/clock.ts";
import type { Memo } from "../worker/family.ts";
import { expectBalanced } from "../worker/laws.ts";
import { mill, otherQ, workQ } from "../worker/index.ts";
import { ring, rows, until } from "../worker/reach.ts";
import { gate, journal } from "../worker/script.ts";

let serial = 0;
const fresh = (prefix = "far"): string => `${prefix} ${(serial += 1)}`;
type Ended = {
  memo: Memo;
  children: [id: string, type: string, status: string, result: unknown, error: string | null, truncated: boolean][];
};
const submit = async (family: object, options: object = {}, type = "parent") =>
  (await workQ.submit(type as never, { name: fresh("parent"), ...family } as never, options as never)).id;
const far = (script: object = {}, options: object = {}, type = "play") => ({
  type: `other::${type}`,
  payload: { name: fresh(), ...script },
  options,
});
const near = (script: object = {}, options: object = {}) => ({ type: "play", payload: { name: fresh(), ...script }, options });
const farOnes = async (id: string) => (await otherQ.list({ parent: id })).items.reverse();
const runs = (name: string, run: string) => journal.filter((one) => one.name === name && one.run === run).length;

describe("[children] in other domains", () => {
  test("the parent waits for them, and finalize is handed their ends", async () => {
    const [name, held] = [fresh("parent"), fresh()];
    const id = await submit(
      { name, children: [near(), far({ do: "hold", name: held }), far({}, { tags: { own: "1" } })] },
      { tags: { from: "parent" }, priority: "high" },
    );
    await shows(id, "waiting");
    const [first, second] = await farOnes(id);
    expect(second).toMatchObject({ parent: id, domain: "other", tags: { from: "parent", own: "1", _domain: "other" }, priority: 64 });
    await over(second!.id);
    expect((await get(id)).children).toMatchObject({ total: 3, failed: 0 });
    gate(held).open();
    const task = await over(id);
    expect(task).toMatchObject({ status: "completed", executions: 2, children: { total: 3, active: 0, failed: 0 } });
    const { memo, children } = task.result as unknown as Ended;
    expect(memo.outcomes).toEqual(["inserted", "inserted", "inserted"]);
    expect(memo.ids.slice(1)).toEqual([first!.id, second!.id]);
    expect(children.map(([one, , status]) => [one, status])).toEqual(memo.ids.map((one) => [one, "completed"]));
    expect(children[1]![3]).toEqual({ name: held, attempt: 1 });
    expect(runs(name, "finalized")).toBe(1);
    await balanced();
  });

  test("spawned again by a later attempt, together or one by one, they are those that are there", async () => {
    const twin = far({ name: "twin" });
    const one = await over(await submit({ script: { do: "flaky", times: 2 }, children: [far(), twin, twin] }));
    expect(one).toMatchObject({ status: "completed", attempt: 3, children: { total: 3 } });
    expect((one.result as unknown as Ended).memo.outcomes).toEqual(["duplicate", "duplicate", "duplicate"]);
    const all = await over(await submit({ together: true, script: { do: "flaky", times: 1 }, children: [far(), twin, twin] }));
    expect(all).toMatchObject({ status: "completed", attempt: 2, children: { total: 3 } });
    expect(await farOnes(all.id)).toHaveLength(3);
    const bad = await over(await submit({ children: [far({}, { dependsOn: ["other_999999"] })] }));
    expect(bad).toMatchObject({ status: "dead_letter", error: { code: "invalid_dependency" }, children: { total: 0 } });
    await balanced();
  });

  test("failFast both ways: a far failure cancels the near ones, a near one the far", async () => {
    const held = fresh();
    const far1 = await submit({ children: [near({ do: "hold", name: held }), far({ do: "permanent" })] });
    expect(await over(far1)).toMatchObject({
      status: "failed",
      error: { code: "child_failed", message: expect.stringContaining("other_") },
    });
    expect((await Promise.all((await workQ.list({ parent: far1 })).items.map(({ id }) => over(id)))).map(({ status }) => status)).toEqual([
      "cancelled",
    ]);
    const near1 = await submit({ children: [far({ do: "hold", name: fresh() }), far({}, { delay: "1h" }), near({ do: "permanent" })] });
    expect(await over(near1)).toMatchObject({ status: "failed", error: { code: "child_failed" } });
    const ends = await Promise.all((await farOnes(near1)).map(({ id }) => over(id)));
    expect(ends.map(({ status }) => status)).toEqual(["cancelled", "cancelled"]);
    const lax = await over(await submit({ children: [far({ do: "permanent" }), far()] }, { failFast: false }));
    expect(lax).toMatchObject({ status: "completed", children: { total: 2, active: 0, failed: 1 } });
    expect((lax.result as unknown as Ended).children.map(([, , status, , error]) => [status, error])).toEqual([
      ["failed", "never"],
      ["completed", null],
    ]);
    await balanced();
  });

  test("[cancel] goes down through every domain, and back", async () => {
    const held = fresh();
    const branch = {
      type: "other::parent",
      payload: {
        name: fresh(),
        children: [
          { type: "work::play", payload: { name: held, do: "hold" } },
          { type: "other::play", payload: { name: fresh(), do: "ok" }, options: { delay: "1h" } },
        ],
      },
    };
    const id = await submit({ children: [branch] });
    await until(
      () => runs(held, "started"),
      (started) => started === 1,
    );
    await shows(id, "waiting");
    await workQ.task("play", id).cancel();
    const [middle] = await farOnes(id);
    expect((await over(middle!.id)).status).toBe("cancelled");
    const leaves = [...(await workQ.list({ parent: middle!.id })).items, ...(await farOnes(middle!.id))];
    expect((await Promise.all(leaves.map((leaf) => over(leaf.id)))).map(({ status }) => status)).toEqual(["cancelled", "cancelled"]);
    await until(
      () => runs(held, "cancelled"),
      (cancelled) => cancelled === 1,
    );
    await balanced();
  });

  test("[siblings] of a task whose parent is elsewhere", async () => {
    const sister = {
      type: "other::lone",
      payload: {
        name: fresh(),
        siblings: true,
        children: [
          { type: "other::play", payload: { name: fresh() } },
          { type: "work::play", payload: { name: fresh() } },
        ],
      },
    };
    const task = await over(await submit({ children: [sister] }));
    expect(task).toMatchObject({ status: "completed", children: { total: 3, active: 0 } });
    expect((await farOnes(task.id)).map(({ type }) => type)).toEqual(["lone", "play"]);
    expect((await workQ.list({ parent: task.id })).items).toHaveLength(1);
    await balanced();
  });

  test("a submit with a parent in another domain; over HTTP, too; what is refused there is refused here", async () => {
    const held = fresh();
    const id = await submit({ script: { do: "hold", name: held } });
    await shows(id, "running");
    const script = { name: fresh() };
    const keyed = { parent: id, idempotencyKey: "far one" };
    const one = await otherQ.submit("play", script, keyed);
    expect(one.outcome).toBe("inserted");
    expect(await otherQ.submit("play", script, keyed)).toEqual(one);
    await expect(otherQ.submit("play", { name: fresh() }, keyed)).rejects.toMatchObject({ code: "idempotency_conflict" });
    const request = new Request("https://mill.test/v1/domains/other/tasks", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ type: "play", payload: { name: fresh() }, parent: id }),
    });
    const answer = await mill.fetch(request, { MILLRACE_AUTH: "open" } as never, {} as never);
    const two = (await answer.json()) as { id: string; task: { parent: string } };
    expect([answer.status, two.task.parent]).toEqual([201, id]);
    gate(held).open();
    const task = await over(id);
    expect(new Set((task.result as unknown as Ended).children.map(([child]) => child))).toEqual(new Set([one.id, two.id]));
    await expect(otherQ.submit("play", { name: fresh() }, { parent: id })).rejects.toMatchObject({ code: "invalid_state" });
  });

  test("retried: what failed there is done again there", async () => {
    const name = fresh();
    const id = await submit({ children: [far(), far({ do: "permanent", name })] });
    await over(id);
    await workQ.task("play", id).retry();
    expect(await over(id)).toMatchObject({ status: "failed", children: { total: 2, failed: 1 } });
    expect(runs(name, "started")).toBe(2);
    await balanced();
  });

  test("purge: with the parent go its records; none while a far child lives", async () => {
    const before = await rows("work", "SELECT 1 FROM kin");
    const id = await submit({ children: [far({ do: "hold", name: fresh("held") })], script: { do: "permanent" } });
    await over(id);
    expect((await rows("work", "SELECT 1 FROM kin")).length).toBe(before.length + 1);
    await over((await farOnes(id))[0]!.id);
    await balanced();
    clock.advance(31 * 86_400_000);
    await ring("work");
    await until(
      async () => {
        clock.advance(61_000);
        await ring("work");
        return rows("work", "SELECT 1 FROM kin");
      },
      (left) => left.length === 0,
    );
    await expect(get(id)).rejects.toMatchObject({ code: "task_not_found" });
    await expectBalanced("work");
  });
});
