import { createExecutionContext, env, runInDurableObject } from "cloudflare:test";
import { constant } from "millrace";
import { afterEach, describe, expect, test } from "vitest";
import { reachNeighbour } from "../../src/durable/reach.ts";
import { clock } from "../worker/clock.ts";
import { mill, otherQ, workQ } from "../worker/index.ts";
import { expectBalanced } from "../worker/laws.ts";
import { platform } from "../worker/lives.ts";
import { ring, rows, stub, until } from "../worker/reach.ts";
import { gate, journal } from "../worker/script.ts";

let serial = 0;
const fresh = (prefix = "task"): string => `${prefix} ${(serial += 1)}`;
const handleOf = (id: string) => (id.startsWith("work_") ? workQ : (otherQ as unknown as typeof workQ));
const submit = async (domain: "work" | "other", script: object, options: object = {}) =>
  (await handleOf(`${domain}_`).submit("play", { name: fresh(), ...script } as never, { key: null, ...options } as never)).id;
const get = (id: string) => handleOf(id).task("play", id).get();
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
const size = async (domain: string, table: string) => (await rows<{ n: number }>(domain, `SELECT count(*) AS n FROM ${table}`))[0]!.n;
/** Everything posted is delivered. */
const quiet = () =>
  until(
    async () => (await size("work", "outbox")) + (await size("other", "outbox")),
    (left) => left === 0,
  );

/** A task of `other` that has begun and ends as it is told, when it is told. */
async function upstream(end: string): Promise<{ id: string; finish(): Promise<unknown> }> {
  const name = fresh("upstream");
  if (end === "expired") {
    const id = await submit("other", { name }, { delay: "1h", ttl: "30m" });
    return { id, finish: async () => (clock.advance(31 * 60_000), await ring("other"), await shows(id, "expired")) };
  }
  if (end === "failed" || end === "dead_letter") {
    const id = await submit("other", { name, do: end === "failed" ? "permanent" : "fail" }, { delay: "1h", retry: constant(0, 0) });
    return { id, finish: async () => (await handleOf(id).task("play", id).runNow(), await shows(id, end)) };
  }
  if (end === "dependency_failed") {
    const top = await submit("other", { name }, { delay: "1h" });
    const id = await submit("other", {}, { dependsOn: [top] });
    return { id, finish: async () => (await handleOf(top).task("play", top).cancel(), await shows(id, end)) };
  }
  const id = await submit("other", { name, do: "hold" });
  return {
    id,
    finish: async () => {
      if (end === "cancelled") await handleOf(id).task("play", id).cancel();
      else gate(name).open();
      return shows(id, end);
    },
  };
}

const ENDS = ["completed", "failed", "dead_letter", "cancelled", "expired", "dependency_failed"];
const CASES = ENDS.flatMap((end) => ["cancel", "fail", "ignore"].map((policy) => [end, policy] as const));

describe("[policies] a dependent of a task of another domain, by policy and the way that ends", () => {
  test.each(CASES)("%s, onDependencyFailure %s", async (end, policy) => {
    const { id, finish } = await upstream(end);
    const dependent = await submit("work", { do: "read" }, { dependsOn: [id], onDependencyFailure: policy });
    expect(await get(dependent)).toMatchObject({ status: "blocked", startedAt: null, dependsOn: [{ id }] });
    await quiet();
    await finish();
    const task = await over(dependent);
    const runs = end === "completed" || (policy === "ignore" && end !== "dependency_failed");
    expect(task.status).toBe(runs ? "completed" : "dependency_failed");
    expect(task.dependsOn).toEqual([{ id, status: end }]);
    if (!runs) expect(task.error).toMatchObject({ code: "dependency_failed", message: expect.stringContaining(id) });
    else expect(JSON.parse(task.result as string).dependencies[0].slice(0, 2)).toEqual([id, end]);
    await quiet();
  });

  test.each(CASES)("upstream already %s, %s", async (end, policy) => {
    const { id, finish } = await upstream(end);
    await finish();
    const dependent = await submit("work", {}, { dependsOn: [id], onDependencyFailure: policy });
    const status = end === "completed" || policy === "ignore" ? "completed" : "dependency_failed";
    expect(await over(dependent)).toMatchObject({ status, dependsOn: [{ id, status: end }] });
    await expectBalanced("work");
    await expectBalanced("other");
  });
});

afterEach(() => {
  platform.mute = "";
  platform.lostMessages = 0;
  platform.lostAnswers = 0;
});

const batch = (items: object[]) => workQ.submitAll(items as never) as unknown as Promise<{ id: string; outcome: string }[]>;
const number = (id: string): number => Number(id.slice(id.indexOf("_") + 1));

describe("[depend] on tasks of other domains", () => {
  test("an unknown one: 400 invalid_dependency; a domain that does not answer: 503; nothing is inserted", async () => {
    const before = await size("work", "tasks");
    await expect(submit("work", {}, { dependsOn: ["other_999999"] })).rejects.toMatchObject({
      code: "invalid_dependency",
      status: 400,
      facts: { id: "other_999999", issues: [{ path: "dependsOn" }] },
    });
    await expect(
      batch([
        { type: "plain", payload: { n: 1 } },
        { type: "plain", payload: { n: 1 }, dependsOn: ["other_999999"] },
      ]),
    ).rejects.toMatchObject({
      facts: { issues: [{ path: "tasks.1.dependsOn" }] },
    });
    const { id, finish } = await upstream("completed");
    platform.mute = "other";
    await expect(submit("work", {}, { dependsOn: [id] })).rejects.toMatchObject({
      code: "domain_unreachable",
      status: 503,
      facts: { domain: "other" },
    });
    expect(await size("work", "tasks")).toBe(before);
    await finish();
  });

  test("a repeat with an idempotency key is answered as it was, though the domain does not answer any more", async () => {
    const { id, finish } = await upstream("completed");
    const options = { dependsOn: [id], idempotencyKey: fresh() };
    const payload = { name: fresh() };
    const first = await workQ.submit("play", payload as never, options);
    platform.mute = "other";
    expect((await workQ.submit("play", payload as never, options)).id).toBe(first.id);
    await finish();
    await over(first.id);
  });

  test("a batch of {index}, local and foreign dependencies; one watch for a domain", async () => {
    const [far, further] = [await upstream("completed"), await upstream("completed")];
    const near = await submit("work", {}, { delay: "1h" });
    const item = (dependsOn: unknown[], script: object = {}) => ({
      type: "play",
      payload: { name: fresh(), ...script },
      key: null,
      dependsOn,
    });
    const before = (await workQ.snapshot()).cost.statements;
    const [first, last] = await batch([item([far.id, further.id]), item([{ index: 0 }, near, far.id], { do: "read" })]);
    const after = (await workQ.snapshot()).cost.statements;
    expect(after["insert outbox"]!.rowsWritten - (before["insert outbox"]?.rowsWritten ?? 0)).toBe(1);
    await far.finish();
    await workQ.task("play", near).runNow();
    await shows(near, "completed");
    expect((await get(last!.id)).status).toBe("blocked");
    await further.finish();
    expect(JSON.parse((await shows(last!.id, "completed")).result as string).dependencies.map(([id]: [string]) => id)).toEqual([
      first!.id,
      near,
      far.id,
    ]);
    await quiet();
  });

  test("#50 fan-in of 5,000: 4,000 tasks of the batch and 1,000 of another domain before one", async () => {
    await otherQ.pause();
    const far = (await otherQ.submitAll(
      Array.from({ length: 1_000 }, () => ({ type: "play", payload: { name: "part" }, key: null })) as never,
    )) as unknown as { id: string }[];
    const parts = Array.from({ length: 4_000 }, (_, n) => ({ type: "plain", payload: { n } }));
    const all = [...parts.map((_, index) => ({ index })), ...far.map(({ id }) => id)];
    const last = (await batch([...parts, { type: "play", payload: { do: "read", name: "fan-in" }, dependsOn: all }])).at(-1)!.id;
    await otherQ.resume();
    // To look at the task itself is to look at 5,000 others.
    await until(
      () => journal.some(({ name, run }) => name === "fan-in" && run === "ended"),
      (ended) => ended,
    );
    const task = await over(last);
    expect(task.status).toBe("completed");
    expect(task.dependsOn.every(({ status }) => status === "completed")).toBe(true);
    expect(JSON.parse(task.result as string).dependencies).toHaveLength(5_000);
    await quiet();
    await expectBalanced("work");
    await expectBalanced("other");
  }, 180_000);

  test("a cancelled dependent is out; its upstream goes on", async () => {
    const { id, finish } = await upstream("completed");
    const gone = await submit("work", {}, { dependsOn: [id] });
    await workQ.task("play", gone).cancel();
    await quiet();
    await finish();
    await quiet();
    expect((await get(gone)).status).toBe("cancelled");
  });
});

describe("[results] across domains", () => {
  test("those beyond 4 MiB are truncated, and read on demand from the copy", async () => {
    const ids = await Promise.all(Array.from({ length: 9 }, () => submit("other", { do: "big", ms: 500_000 })));
    for (const id of ids) await shows(id, "completed");
    const reader = await submit("work", { do: "read" }, { dependsOn: ids });
    const { dependencies, whole } = JSON.parse((await shows(reader, "completed")).result as string);
    expect(dependencies).toEqual(ids.map((id, n) => [id, "completed", n < 8 ? 500_000 : null, n >= 8]));
    expect(whole).toEqual(ids.map(() => 500_000));
  }, 180_000);
});

describe("[purge] and what other domains are owed", () => {
  test("gone before its domain was asked: a failed dependency, dependency_purged", async () => {
    await workQ.pause();
    const [top] = await batch([{ type: "forgotten", payload: { n: 1 } }]);
    platform.lostMessages = 1;
    const policies = ["cancel", "ignore"] as const;
    const dependents = [];
    for (const onDependencyFailure of policies) dependents.push(await submit("other", {}, { dependsOn: [top!.id], onDependencyFailure }));
    await until(
      async () => (await otherQ.snapshot()).outbox,
      (outbox) => outbox[0]?.attempts === 1,
    );
    await workQ.resume();
    await until(
      () => rows("work", "SELECT 1 FROM tasks WHERE id = ?", number(top!.id)),
      (found) => found.length === 0,
    );
    expect(await otherQ.snapshot()).toMatchObject({ outbox: [{ domain: "work", messages: 1, attempts: 1 }] });
    clock.advance(2_000);
    await ring("other");
    expect(await over(dependents[0]!)).toMatchObject({
      status: "dependency_failed",
      error: { code: "dependency_purged" },
      dependsOn: [{ status: "purged" }],
    });
    expect((await over(dependents[1]!)).status).toBe("completed");
    await expect(otherQ.task("play", dependents[0]!).retry()).rejects.toMatchObject({ code: "invalid_state" });
  });

  test("a type with keep: false stays until its end is delivered, and its result with the dependent", async () => {
    await workQ.pause();
    const [top] = await batch([{ type: "forgotten", payload: { n: 2 } }]);
    const dependent = await submit("other", { do: "read" }, { dependsOn: [top!.id] });
    await quiet();
    platform.lostMessages = 1;
    await workQ.resume();
    await until(
      async () => (await workQ.snapshot()).outbox,
      (outbox) => outbox[0]?.attempts === 1,
    );
    clock.advance(61_000);
    await ring("work");
    expect(JSON.parse((await over(dependent)).result as string).dependencies[0].slice(0, 2)).toEqual([top!.id, "completed"]);
    await quiet();
    clock.advance(61_000);
    await ring("work");
    await expect(get(top!.id)).rejects.toMatchObject({ code: "task_not_found" });
    expect((await get(dependent)).dependsOn).toEqual([{ id: top!.id, status: "completed" }]);
  });

  test("when the last dependent is purged, nobody watches any more and nothing is left", async () => {
    const top = await submit("work", {}, { delay: "5d" });
    const dependent = await submit("other", {}, { dependsOn: [top] });
    await quiet();
    expect(await rows("work", "SELECT domain FROM watchers WHERE upstream = ?", number(top))).toEqual([{ domain: "other" }]);
    await workQ.task("play", top).runNow();
    await over(dependent);
    const stands = await size("other", "remotes");
    clock.advance(3 * 86_400_000);
    for (let times = 0; times < 6; times += 1) await ring("other");
    await expect(get(dependent)).rejects.toMatchObject({ code: "task_not_found" });
    expect(await size("other", "remotes")).toBeLessThan(stands);
    await quiet();
    expect(await rows("work", "SELECT domain FROM watchers WHERE upstream = ?", number(top))).toEqual([]);
  });
});

describe("retry", () => {
  test("of an upstream: what is still blocked in another domain waits for it again", async () => {
    const [first, second] = [await upstream("completed"), await upstream("completed")];
    const dependent = await submit("work", {}, { dependsOn: [first.id, second.id] });
    await first.finish();
    await until(
      () => get(dependent),
      ({ dependsOn }) => dependsOn[0]!.status === "completed",
    );
    await otherQ.pause();
    await handleOf(first.id).task("play", first.id).retry();
    await quiet();
    expect((await get(dependent)).dependsOn[0]!.status).toBe("pending");
    await otherQ.resume();
    await shows(first.id, "completed");
    await quiet();
    expect((await get(dependent)).status).toBe("blocked");
    await second.finish();
    await shows(dependent, "completed");
    await quiet();
  });

  test("of a dependent: refused while its upstream is failed, blocked once that lives again", async () => {
    const { id, finish } = await upstream("cancelled");
    const dependent = await submit("work", {}, { dependsOn: [id] });
    await finish();
    await shows(dependent, "dependency_failed");
    await expect(workQ.task("play", dependent).retry()).rejects.toMatchObject({ code: "invalid_state", facts: { dependency: id } });
    await quiet();
    await otherQ.pause();
    await handleOf(id)
      .task("play", id)
      .retry({ payload: { do: "ok", name: fresh() } as never });
    await quiet();
    expect(await workQ.task("play", dependent).retry()).toMatchObject({ status: "blocked" });
    await otherQ.resume();
    await shows(dependent, "completed");
    await quiet();
  });
});

describe("[supersede] a task that takes the place of another", () => {
  const keyed = (key: string, script: object, options: object = {}) =>
    workQ.submit("play", { name: key, ...script } as never, { key, onDuplicate: "supersede", ...options } as never);
  const begun = async (key: string) => {
    const old = await keyed(key, { do: "hold" });
    await shows(old.id, "running");
    return old.id;
  };

  test("dependents and watchers of a begun one move to the new id", async () => {
    const old = await begun("moved");
    const [near, far] = [await submit("work", {}, { dependsOn: [old] }), await submit("other", { do: "read" }, { dependsOn: [old] })];
    await quiet();
    const gateName = fresh("gate");
    const next = await keyed("moved", { do: "hold", name: gateName });
    expect(next).toMatchObject({ outcome: "superseded", replacedId: old });
    await shows(old, "superseded");
    await quiet();
    for (const id of [near, far]) expect(await get(id)).toMatchObject({ status: "blocked", dependsOn: [{ id: next.id }] });
    gate(gateName).open();
    await shows(near, "completed");
    expect(JSON.parse((await shows(far, "completed")).result as string).dependencies[0].slice(0, 2)).toEqual([next.id, "completed"]);
    await quiet();
    await expectBalanced("work");
    await expectBalanced("other");
  });

  test("new content under the same id keeps its watchers", async () => {
    const old = await keyed("kept", {}, { delay: "1h" });
    const far = await submit("other", {}, { dependsOn: [old.id] });
    await quiet();
    expect(await keyed("kept", { times: 2 }, { delay: "1h" })).toMatchObject({ outcome: "superseded", id: old.id });
    expect((await get(far)).status).toBe("blocked");
    await workQ.task("play", old.id).runNow();
    await shows(far, "completed");
    await quiet();
  });

  test.each(["work", "other"] as const)(
    "one that depends on what depends on it, by way of %s: 400 dependency_cycle, nothing changes",
    async (domain) => {
      const key = fresh("circle");
      const old = await begun(key);
      const between = await submit(domain, {}, { dependsOn: [old] });
      const below = await submit("work", {}, { dependsOn: [between] });
      await quiet();
      for (const one of [between, below]) {
        await expect(keyed(key, {}, { dependsOn: [one] })).rejects.toMatchObject({ code: "dependency_cycle", facts: { id: old } });
      }
      await expect(
        batch([
          { type: "plain", payload: { n: 1 }, dependsOn: [below] },
          { type: "play", payload: { name: key }, key, onDuplicate: "supersede", dependsOn: [{ index: 0 }] },
        ]),
      ).rejects.toMatchObject({ code: "dependency_cycle" });
      expect((await get(old)).status).toBe("running");
      const next = await keyed(key, {}, { dependsOn: [old] });
      await shows(next.id, "completed");
      await shows(below, "completed");
      await quiet();
    },
  );
});

describe("[depend] the graph across domains", () => {
  test("both directions, over HTTP too; a token that may not see a domain gets its ids alone", async () => {
    const { id: top, finish } = await upstream("completed");
    const middle = await submit("work", {}, { dependsOn: [top] });
    const bottom = await submit("other", {}, { dependsOn: [middle] });
    const beside = await submit("other", {}, { dependsOn: [top] });
    await quiet();
    const edges = [
      { from: top, to: middle, kind: "depends" },
      { from: middle, to: bottom, kind: "depends" },
    ];
    const graph = await workQ.task("play", middle).graph();
    expect(graph.nodes.map(({ id }) => id).sort()).toEqual([bottom, middle, top].sort());
    expect(graph.edges).toEqual(edges);
    const whole = await handleOf(top).task("play", top).graph();
    expect(whole.nodes.map(({ id }) => id).sort()).toEqual([beside, bottom, middle, top].sort());
    const response = await mill.fetch(
      new Request(`http://mill/v1/tasks/${middle}/graph`),
      { ...env, MILLRACE_AUTH: "open" } as Cloudflare.Env,
      createExecutionContext(),
    );
    expect(((await response.json()) as { edges: unknown }).edges).toEqual(edges);
    await finish();
    await over(bottom);
    await over(beside);
    await quiet();
  });
});

describe("messages", () => {
  const told = (status: number, id: number, result: string | null = null) => ({ id, kind: "settle", body: [[1, status, 0, result]] });

  test("a message that comes twice, or after a later one, changes nothing", async () => {
    const { id, finish } = await upstream("completed");
    const dependent = await submit("work", {}, { dependsOn: [id] });
    await quiet();
    const send = (status: number, version: number) =>
      reachNeighbour("work", clock).deliver("other", [{ ...told(status, version), body: [[number(id), status, 0, null]] }]);
    const later = 1_000_000;
    await send(0, later);
    await send(11, later - 1);
    await send(11, later);
    expect(await get(dependent)).toMatchObject({ status: "blocked", dependsOn: [{ id, status: "pending" }] });
    await send(10, later + 1);
    await send(10, later + 1);
    await shows(dependent, "completed");
    await finish();
    await quiet();
    await expectBalanced("work");
  });

  test("one that the target cannot take in waits, seen by everybody, and keeps nobody up", async () => {
    await runInDurableObject(stub("work"), (_object, { storage }) => {
      storage.sql.exec("INSERT INTO outbox (target, id, kind, body, attempts, next_at, at) VALUES ('other', 0, 'nonsense', '{}', 0, 0, 0)");
    });
    await runInDurableObject(stub("work"), (_object, state) => state.abort("killed")).catch(() => undefined);
    const { id, finish } = await upstream("completed");
    const dependent = await submit("work", {}, { dependsOn: [id] });
    await finish();
    await shows(dependent, "completed");
    expect((await workQ.snapshot()).outbox).toMatchObject([{ domain: "other", messages: 1 }]);
    expect(await rows("work", "SELECT kind, attempts FROM outbox")).toEqual([{ kind: "nonsense", attempts: 1 }]);
    await runInDurableObject(stub("work"), (_object, { storage }) => void storage.sql.exec("DELETE FROM outbox"));
    await runInDurableObject(stub("work"), (_object, state) => state.abort("killed")).catch(() => undefined);
  });

  test("a domain that a deploy has taken away takes messages in all the same: its object is still there", async () => {
    expect(await reachNeighbour("vanished", clock).deliver("work", [{ id: 1, kind: "watch", body: [1, 2] }])).toEqual([{ answer: [1, 2] }]);
  });
});

describe("what an edge costs", () => {
  const written = async (domain: "work" | "other") => {
    const { statements } = (await handleOf(`${domain}_`).snapshot()).cost;
    return Object.fromEntries(Object.entries(statements).map(([kind, { rowsWritten }]) => [kind, rowsWritten]));
  };
  const grown = (before: Record<string, number>, after: Record<string, number>) =>
    Object.fromEntries(
      Object.entries(after).flatMap(([kind, count]) =>
        /edges|remotes|watchers|outbox/.test(kind) && count > (before[kind] ?? 0) ? [[kind, count - (before[kind] ?? 0)]] : [],
      ),
    );

  test("across: 4 rows and 2 messages of 2 where both ends are alone; 4 rows where many share their messages", async () => {
    for (const count of [1, 50]) {
      await otherQ.pause();
      const ids = (
        (await otherQ.submitAll(
          Array.from({ length: count }, () => ({ type: "play", payload: { name: fresh() }, key: null })) as never,
        )) as unknown as { id: string }[]
      ).map(({ id }) => id);
      const before = [await written("work"), await written("other")] as const;
      const dependent = await submit("work", {}, { dependsOn: ids });
      await quiet();
      // The last to end is told alone or with others; what is counted here does not depend on it.
      await otherQ.resume();
      await shows(dependent, "completed");
      await quiet();
      const after = [await written("work"), await written("other")] as const;
      const near = grown(before[0], after[0]);
      const far = grown(before[1], after[1]);
      expect(near).toEqual({
        "insert edges": count,
        "insert remotes": count,
        "update remotes": count,
        "insert outbox": 1,
        "delete outbox": 1,
      });
      expect(far).toMatchObject({ "insert watchers": count, "update watchers": count });
      expect(far["insert outbox"]).toBe(far["delete outbox"]);
      expect(far["insert outbox"]).toBeLessThanOrEqual(count);
    }
  });
});
