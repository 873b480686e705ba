import { constant } from "millrace";
import { describe, expect, test } from "vitest";
import { clock } from "../worker/clock.ts";
import { expectBalanced } from "../worker/laws.ts";
import { otherQ, workQ } from "../worker/index.ts";
import { ring, rows, until } from "../worker/reach.ts";
import { gate } from "../worker/script.ts";

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
