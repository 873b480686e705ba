import { createExecutionContext, env, runInDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { readUpstreams } from "../../src/durable/domain/graph/edges.ts";
import type { State } from "../../src/durable/domain/state.ts";
import { Store } from "../../src/durable/domain/store.ts";
import { clock } from "../worker/clock.ts";
import { expectBalanced } from "../worker/laws.ts";
import { mill, otherQ, workQ } from "../worker/index.ts";
import { ring, rows, stub, until } from "../worker/reach.ts";
import { gate } from "../worker/script.ts";

let serial = 0;
const fresh = (prefix = "task"): string => `${prefix} ${(serial += 1)}`;
const play = async (script: object, options: object = {}) =>
  (await workQ.submit("play", { name: fresh(), ...script } as never, { key: null, ...options } as never)).id;
const batch = (items: object[]) => workQ.submitAll(items as never) as unknown as Promise<{ id: string; outcome: string }[]>;
const get = (id: string) => workQ.task("play", id).get();
const shows = (id: string, status: string) =>
  until(
    () => get(id),
    (task) => task.status === status,
  );
const over = (id: string) =>
  until(
    () => get(id),
    (task) => task.finishedAt !== null,
  );

/** A task that has begun and ends as it is told, when it is told. */
async function upstream(end: string): Promise<{ id: string; finish(): Promise<unknown> }> {
  const name = fresh("upstream");
  if (end === "expired") {
    const id = await play({ name }, { delay: "1h", ttl: "30m" });
    return { id, finish: async () => (clock.advance(31 * 60_000), await ring("work"), await shows(id, "expired")) };
  }
  if (end === "failed" || end === "dead_letter") {
    const id = await play({ name, do: end === "failed" ? "permanent" : "fail" }, { delay: "1h" });
    return { id, finish: async () => (await workQ.task("play", id).runNow(), await shows(id, end)) };
  }
  if (end === "dependency_failed") {
    const top = await play({ name }, { delay: "1h" });
    const id = await play({}, { dependsOn: [top] });
    return { id, finish: async () => (await workQ.task("play", top).cancel(), await shows(id, end)) };
  }
  const id = await play({ name, do: "hold" });
  return {
    id,
    finish: async () => {
      if (end === "cancelled") await workQ.task("play", id).cancel();
      else gate(name).open();
      return shows(id, end);
    },
  };
}

const ENDS = ["completed", "failed", "dead_letter", "cancelled", "expired", "dependency_failed"];
const expected = (policy: string, end: string) => (end === "completed" || policy === "ignore" ? "completed" : "dependency_failed");
const CASES = ENDS.flatMap((end) => ["cancel", "fail", "ignore"].map((policy) => [end, policy, expected(policy, end)] as const));

describe("[policies] a dependent, by policy and the way its upstream ends", () => {
  test.each(CASES)("%s, onDependencyFailure %s: %s", async (end, policy, status) => {
    const { id, finish } = await upstream(end);
    // `cancel` goes on down past every policy: an upstream that fell by it takes its dependents along, too.
    const by = end === "dependency_failed" && policy === "ignore" ? "dependency_failed" : status;
    const dependent = await play({ do: "read" }, { dependsOn: [id], onDependencyFailure: policy });
    expect(await get(dependent)).toMatchObject({ status: "blocked", startedAt: null });
    await finish();
    const task = await over(dependent);
    expect(task.status).toBe(by);
    expect(task.dependsOn).toEqual([{ id, status: end }]);
    if (by === "dependency_failed") expect(task.error).toMatchObject({ code: "dependency_failed", message: expect.stringContaining(id) });
    else expect(JSON.parse(task.result as string).dependencies[0].slice(0, 2)).toEqual([id, end]);
  });

  test.each(CASES)("[depend] upstream already %s, %s: at once %s", async (end, policy, status) => {
    const { id, finish } = await upstream(end);
    await finish();
    const dependent = await play({}, { dependsOn: [id], onDependencyFailure: policy });
    expect(await over(dependent)).toMatchObject({ status, dependsOn: [{ id, status: end }] });
    await expectBalanced("work");
  });
});

describe("cascades", () => {
  test.each([
    ["cancel", ["cancel", "fail", "ignore"], "dependency_failed"],
    ["fail", ["cancel", "fail"], "dependency_failed"],
    ["fail", ["ignore"], "completed"],
    ["ignore", ["cancel", "fail", "ignore"], "completed"],
  ])("[policies] a failure, a dependent with %s, below it %j: %s", async (middle, policies, status) => {
    const { id, finish } = await upstream("failed");
    const between = await play({}, { dependsOn: [id], onDependencyFailure: middle });
    const below = await Promise.all(policies.map((policy) => play({}, { dependsOn: [between], onDependencyFailure: policy })));
    const deeper = await Promise.all(below.map((one) => play({}, { dependsOn: [one] })));
    await finish();
    for (const one of [...below, ...deeper]) expect((await over(one)).status).toBe(status);
    await expectBalanced("work");
  });

  test("one that is reached on two ways ends once; a chain of 2,000 falls in one transaction", async () => {
    const { id, finish } = await upstream("cancelled");
    const [left, right] = await Promise.all([play({}, { dependsOn: [id] }), play({}, { dependsOn: [id], onDependencyFailure: "fail" })]);
    const bottom = await play({}, { dependsOn: [left, right, id] });
    const chain = await batch(
      Array.from({ length: 2_000 }, (_, n) => ({ type: "plain", payload: { n }, dependsOn: [n === 0 ? bottom : { index: n - 1 }] })),
    );
    await finish();
    expect((await get(bottom)).status).toBe("dependency_failed");
    expect((await get(chain.at(-1)!.id)).status).toBe("dependency_failed");
    await expectBalanced("work");
  }, 30_000);
});

describe("order", () => {
  test("[depend] a diamond in one batch, by index: the last runs when both before it have ended", async () => {
    const name = fresh("top");
    const item = (script: object, dependsOn: unknown[] = []) => ({
      type: "play",
      payload: { name: fresh(), ...script },
      key: null,
      dependsOn,
    });
    const answers = await batch([
      item({ do: "hold", name }),
      item({}, [{ index: 0 }]),
      item({}, [{ index: 0 }]),
      item({ do: "read" }, [{ index: 1 }, { index: 2 }]),
    ]);
    const ids = answers.map((answer) => answer.id);
    expect(await get(ids[3]!)).toMatchObject({
      status: "blocked",
      dependsOn: [
        { id: ids[1], status: "blocked" },
        { id: ids[2], status: "blocked" },
      ],
    });
    gate(name).open();
    await shows(ids[3]!, "completed");
    const graph = await workQ.task("play", ids[1]!).graph();
    expect(graph.nodes.map((node) => node.id).sort()).toEqual([ids[0], ids[1], ids[3]].sort());
    expect(graph.edges).toEqual(
      expect.arrayContaining([
        { from: ids[0], to: ids[1], kind: "depends" },
        { from: ids[1], to: ids[3], kind: "depends" },
      ]),
    );
  });

  test("a delayed dependent waits for both; its ttl and deadline tick while it is blocked", async () => {
    const { id, finish } = await upstream("completed");
    const delayed = await play({}, { dependsOn: [id], delay: "1h" });
    const [short, dead] = await Promise.all([play({}, { dependsOn: [id], ttl: "10m" }), play({}, { dependsOn: [id], deadline: "10m" })]);
    const late = await play({}, { dependsOn: [short], onDependencyFailure: "ignore" });
    clock.advance(11 * 60_000);
    await ring("work");
    expect((await over(short)).status).toBe("expired");
    expect((await over(dead)).status).toBe("expired");
    expect((await over(late)).status).toBe("completed");
    await finish();
    expect((await get(delayed)).status).toBe("scheduled");
    clock.advance(60 * 60_000);
    await ring("work");
    await shows(delayed, "completed");
  });

  test("a cancelled dependent is out; what it waited for goes on, what waited for it falls", async () => {
    const { id, finish } = await upstream("completed");
    const [gone, stays] = await Promise.all([play({}, { dependsOn: [id] }), play({}, { dependsOn: [id] })]);
    const below = await play({}, { dependsOn: [gone] });
    await workQ.task("play", gone).cancel();
    expect((await get(gone)).status).toBe("cancelled");
    expect((await get(below)).status).toBe("dependency_failed");
    await finish();
    expect((await over(stays)).status).toBe("completed");
    expect((await get(gone)).status).toBe("cancelled");
  });

  test("a successor by key that depends on others too waits for all of them", async () => {
    const name = fresh("begun");
    const { id: begun } = await workQ.submit("play", { do: "hold", name }, { key: name });
    await shows(begun, "running");
    const { id, finish } = await upstream("completed");
    const next = await workQ.submit("play", { do: "ok", name: fresh() }, { key: name, dependsOn: [id] });
    expect(next.outcome).toBe("requeued");
    gate(name).open();
    await shows(begun, "completed");
    expect((await get(next.id)).status).toBe("blocked");
    await finish();
    await shows(next.id, "completed");
  });
});

describe("together with supersede", () => {
  const keyed = (key: string, script: object, options: object = {}) =>
    workQ.submit("play", { name: fresh(), ...script } as never, { key, onDuplicate: "supersede", ...options } as never);

  test("a newcomer that depends on the one whose place it takes runs when that has given way", async () => {
    const old = await keyed("begun", { do: "hold" });
    await shows(old.id, "running");
    const next = await keyed("begun", {}, { dependsOn: [old.id] });
    expect(next).toMatchObject({ outcome: "superseded", replacedId: old.id });
    await shows(next.id, "completed");
    expect((await get(old.id)).status).toBe("superseded");
    await expectBalanced("work");
  });
});

describe("[depend] what is refused: nothing is inserted", () => {
  const count = async () => (await rows<{ n: number }>("work", "SELECT count(*) AS n FROM tasks"))[0]!.n;
  const item = (dependsOn: unknown, more: object = {}) => ({ type: "plain", payload: { n: 1 }, dependsOn, ...more });

  test.each([
    ["an unknown id", [item(["work_999999"])], "invalid_dependency"],
    ["no id", [item(["nonsense"])], "invalid_dependency"],
    ["no such domain", [item(["nowhere_1"])], "invalid_dependency"],
    ["itself, by index", [item([{ index: 0 }])], "invalid_dependency"],
    ["a later one", [item([{ index: 1 }]), item([])], "invalid_dependency"],
    ["one that is not there", [item([]), item([{ index: 7 }])], "invalid_dependency"],
    ["no list", [item("work_1")], "invalid_request"],
    ["no such policy", [item([], { onDependencyFailure: "maybe" })], "invalid_request"],
    ["5,001 of them", [item(Array.from({ length: 5_001 }, () => "work_1"))], "invalid_request"],
    ["1,001 existing tasks", [item(Array.from({ length: 1_001 }, (_, n) => `work_${n + 1}`))], "invalid_dependency"],
  ])("%s", async (_name, items, code) => {
    const before = await count();
    await expect(batch(items)).rejects.toMatchObject({ code });
    expect(await count()).toBe(before);
  });

  test("an index that stands for a later one of the same key", async () => {
    const same = (dependsOn: unknown[] = []) => ({ type: "play", payload: { name: "same" }, delay: "1h", dependsOn });
    await expect(batch([same(), same([{ index: 0 }])])).rejects.toMatchObject({ code: "invalid_dependency" });
  });
});

describe("results", () => {
  test("[results] those beyond 4 MiB are truncated, and read on demand", async () => {
    const ids = await Promise.all(Array.from({ length: 9 }, () => play({ do: "big", ms: 500_000 })));
    for (const id of ids) await shows(id, "completed");
    const reader = await play({ do: "read" }, { dependsOn: ids });
    const { dependencies, whole } = JSON.parse((await shows(reader, "completed")).result as string);
    expect(dependencies).toEqual(ids.map((id, n) => [id, "completed", n < 8 ? 500_000 : null, n >= 8]));
    expect(whole).toEqual(ids.map(() => 500_000));
  }, 30_000);
});

describe("retry", () => {
  test("of a dependent: refused while the dependency is failed, blocked while that lives again", async () => {
    const flaky = await play({ do: "later", ms: 1 }, { retry: { kind: "constant", attempts: 0, initial: 0, jitter: "none" } as never });
    await shows(flaky, "dead_letter");
    const dependent = await play({}, { dependsOn: [flaky] });
    await expect(workQ.task("play", dependent).retry()).rejects.toMatchObject({ code: "invalid_state", facts: { dependency: flaky } });
    await workQ.pause();
    await workQ.task("play", flaky).retry({ payload: { do: "ok", name: fresh() } as never });
    expect(await workQ.task("play", dependent).retry()).toMatchObject({ status: "blocked", error: null });
    await workQ.resume();
    expect((await over(dependent)).status).toBe("completed");
    expect(await workQ.task("play", dependent).retry()).toMatchObject({ status: expect.stringMatching(/pending|running|completed/) });
    await shows(dependent, "completed");
    await expectBalanced("work");
  });

  test("of an upstream: a dependent that is still blocked waits for it again", async () => {
    const [first, second] = [await upstream("completed"), await upstream("completed")];
    const dependent = await play({}, { dependsOn: [first.id, second.id] });
    await first.finish();
    await workQ.pause();
    await workQ.task("play", first.id).retry();
    await workQ.resume();
    await shows(first.id, "completed");
    expect((await get(dependent)).status).toBe("blocked");
    await second.finish();
    await shows(dependent, "completed");
  });
});

describe("after the object has died", () => {
  test("what was blocked goes on", async () => {
    const { id, finish } = await upstream("failed");
    const ids = [await play({}, { dependsOn: [id] }), await play({}, { dependsOn: [id], onDependencyFailure: "ignore" })];
    await runInDurableObject(stub("work"), (_object, state) => state.abort("killed")).catch(() => undefined);
    await finish();
    expect((await over(ids[0]!)).status).toBe("dependency_failed");
    expect((await over(ids[1]!)).status).toBe("completed");
  });
});

describe("fan-in and cost", () => {
  const statements = async () => {
    await workQ.resume();
    return (await workQ.snapshot()).cost.statements;
  };

  test("[depend] #50 a task with 5,000 dependencies in one batch runs once, after all of them", async () => {
    await workQ.pause();
    const parts = Array.from({ length: 5_000 }, (_, n) => ({ type: "plain", payload: { n } }) as const);
    const answers = await batch([
      ...parts,
      { type: "play", payload: { do: "read", name: "fan-in" }, dependsOn: parts.map((_, index) => ({ index })) },
    ]);
    const last = answers.at(-1)!.id;
    const before = await statements();
    expect((await get(last)).dependsOn).toHaveLength(5_000);
    const task = await until(
      () => get(last),
      ({ finishedAt }) => finishedAt !== null,
    );
    expect(task.status).toBe("completed");
    expect(JSON.parse(task.result as string).dependencies).toHaveLength(5_000);
    const after = await statements();
    // Not one row of an edge is written or removed when they end, and their rows cost what they cost alone.
    expect(after["insert edges"]!.rowsWritten - before["insert edges"]!.rowsWritten).toBe(0);
    expect(after["delete edges"]?.rowsWritten ?? 0).toBe(before["delete edges"]?.rowsWritten ?? 0);
    await expectBalanced("work");
  }, 60_000);

  test("[policies] #50 fan-in with failures: one that ignores them runs once, after all; one that does not ends with the first, once", async () => {
    await workQ.pause();
    const items = Array.from({ length: 300 }, (_, n) => ({
      type: n % 3 === 0 ? "slow" : "plain",
      payload: n % 3 === 0 ? { do: "permanent", name: fresh() } : { n },
    }));
    const dependsOn = items.map((_, index) => ({ index }));
    const waiting = (onDependencyFailure: string) => ({
      type: "play",
      payload: { name: fresh(), do: "read" },
      key: null,
      dependsOn,
      onDependencyFailure,
    });
    const ids = ((await workQ.submitAll([...items, waiting("ignore"), waiting("fail")] as never)) as unknown as { id: string }[]).map(
      ({ id }) => id,
    );
    const [lax, strict] = ids.slice(-2) as [string, string];
    await workQ.resume();
    const task = await until(
      () => workQ.task("play", lax).get(),
      ({ finishedAt }) => finishedAt !== null,
    );
    const { dependencies } = JSON.parse(task.result as string) as { dependencies: [string, string][] };
    expect(dependencies.map(([, status]) => status)).toEqual(items.map((_, n) => (n % 3 === 0 ? "failed" : "completed")));
    expect(await workQ.task("play", strict).get()).toMatchObject({ status: "dependency_failed", executions: 0 });
    expect(task.executions).toBe(1);
    await expectBalanced("work");
  });

  test("a wake looks once at each upstream, however many depend on it", async () => {
    const { id, finish } = await upstream("completed");
    await batch(Array.from({ length: 2_000 }, (_, n) => ({ type: "plain", payload: { n }, dependsOn: [id] })));
    const { found, upstreams, read } = await runInDurableObject(stub("work"), (_object, { storage }) => {
      const store = new Store(storage);
      const found = readUpstreams(store, { counts: { blocked: 1 } as State["counts"], remotes: 0, watchers: 0 });
      const upstreams = storage.sql.exec<{ n: number }>("SELECT count(DISTINCT upstream) AS n FROM edges").one().n;
      return { found: [...found], upstreams, read: Object.values(store.drain()).reduce((sum, { rowsRead }) => sum + rowsRead, 0) };
    });
    expect(found).toContain(Number(id.slice(5)));
    expect(read).toBeLessThan(6 * (upstreams + 1));
    await finish();
  });

  test("an edge writes 1 row", async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, () => play({}, { delay: "1h" })));
    const before = await statements();
    await play({}, { dependsOn: ids });
    const after = await statements();
    expect(after["insert edges"]!.rowsWritten - before["insert edges"]!.rowsWritten).toBe(10);
    expect(after["insert edges"]!.calls - before["insert edges"]!.calls).toBe(1);
    expect(after["insert tasks"]!.rowsWritten - before["insert tasks"]!.rowsWritten).toBe(1);
  });

  test("a task that nobody depends on costs no read for it, whatever else is blocked", async () => {
    const { id, finish } = await upstream("completed");
    const dependent = await play({}, { dependsOn: [id] });
    const before = await statements();
    const plain = await play({});
    await shows(plain, "completed");
    const after = await statements();
    for (const kind of ["select edges", "select", "insert edges", "delete edges"])
      expect(after[kind]?.calls ?? 0, kind).toBe(before[kind]?.calls ?? 0);
    await finish();
    await shows(dependent, "completed");
  });
});

describe("purge", () => {
  const day = 86_400_000;
  const pass = async (ms: number) => {
    clock.advance(ms);
    for (let times = 0; times < 4; times += 1) await ring("other");
  };
  const submit = async (options: object = {}) => (await otherQ.submit("play", { name: fresh() } as never, options as never)).id;
  const task = (id: string) => otherQ.task("play", id).get();
  const edges = async () => (await rows<{ n: number }>("other", "SELECT count(*) AS n FROM edges"))[0]!.n;

  test("[purge] #50 a task with a living dependent stays; then it goes, and is unknown to a submit; its edge goes with the dependent", async () => {
    const old = await submit();
    await until(
      () => task(old),
      ({ status }) => status === "completed",
    );
    const dependent = await submit({ dependsOn: [old], delay: "5d" });
    await pass(3 * day);
    expect(await task(old)).toMatchObject({ status: "completed" });
    await otherQ.task("play", dependent).runNow();
    await until(
      () => task(dependent),
      ({ status }) => status === "completed",
    );
    await pass(1.5 * day);
    await expect(task(old)).rejects.toMatchObject({ code: "task_not_found" });
    expect(await task(dependent)).toMatchObject({ dependsOn: [{ id: old, status: "purged" }] });
    await expect(submit({ dependsOn: [old] })).rejects.toMatchObject({ code: "invalid_dependency", facts: { id: old } });
    expect(await edges()).toBe(1);
    await pass(3 * day);
    await expect(task(dependent)).rejects.toMatchObject({ code: "task_not_found" });
    expect(await edges()).toBe(0);
    await expectBalanced("other");
  });

  test("[purge] [history] a type with keep: false stays for its dependents alone", async () => {
    await workQ.pause();
    const [first, second] = await batch([
      { type: "forgotten", payload: { n: 1 } },
      { type: "play", payload: { do: "read", name: fresh() }, key: null, dependsOn: [{ index: 0 }] },
    ]);
    await workQ.resume();
    const { result } = await shows(second!.id, "completed");
    expect(JSON.parse(result as string).dependencies[0].slice(0, 2)).toEqual([first!.id, "completed"]);
    clock.advance(61_000);
    await ring("work");
    await expect(get(first!.id)).rejects.toMatchObject({ code: "task_not_found" });
    expect((await get(second!.id)).dependsOn).toEqual([{ id: first!.id, status: "purged" }]);
    await expectBalanced("work");
  });
});

describe("over HTTP", () => {
  const send = async (method: string, path: string, body?: object) => {
    const init = body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    const response = await mill.fetch(
      new Request(`http://mill${path}`, { method, ...init }),
      { ...env, MILLRACE_AUTH: "open" } as Cloudflare.Env,
      createExecutionContext(),
    );
    return { status: response.status, body: (await response.json()) as any };
  };
  const item = (dependsOn: unknown[], more: object = {}) => ({ type: "plain", payload: { n: 1 }, dependsOn, ...more });

  test("[depend] submit, batch, graph", async () => {
    const path = "/v1/domains/work/tasks";
    const { body: top } = await send("POST", path, { type: "plain", payload: { n: 1 }, delay: "1h" });
    const { status, body: dependent } = await send("POST", path, item([top.id], { onDependencyFailure: "fail" }));
    expect([status, dependent.task.status, dependent.task.dependsOn]).toEqual([201, "blocked", [{ id: top.id, status: "scheduled" }]]);
    const batch = await send("POST", `${path}/batch`, {
      tasks: [item([dependent.id]), item([{ index: 0 }])],
      defaults: { onDependencyFailure: "ignore" },
    });
    const [near, far] = batch.body.outcomes.map((outcome: { id: string }) => outcome.id);
    const { body: graph } = await send("GET", `/v1/tasks/${dependent.id}/graph`);
    expect(graph.nodes.map((node: { id: string; status: string }) => [node.id, node.status])).toEqual([
      [dependent.id, "blocked"],
      [top.id, "scheduled"],
      [near, "blocked"],
      [far, "blocked"],
    ]);
    expect(graph.edges).toEqual([
      { from: top.id, to: dependent.id, kind: "depends" },
      { from: dependent.id, to: near, kind: "depends" },
      { from: near, to: far, kind: "depends" },
    ]);
    await send("POST", `/v1/tasks/${top.id}/cancel`);
    expect((await over(far)).status).toBe("completed");
    expect((await get(dependent.id)).status).toBe("dependency_failed");
  });

  test.each([
    [["work_999999"], "invalid_dependency"],
    [["x"], "invalid_dependency"],
    [[{ index: 0 }], "invalid_dependency"],
    [["other_999999"], "invalid_dependency"],
    [["nowhere_1"], "invalid_dependency"],
  ])("%j: 400 %s", async (dependsOn, code) => {
    expect(await send("POST", "/v1/domains/work/tasks", item(dependsOn))).toMatchObject({
      status: 400,
      body: { code, issues: [{ path: "dependsOn" }] },
    });
  });
});
