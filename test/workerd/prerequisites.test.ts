import { describe, expect, test } from "vitest";
import { clock } from "../worker/clock.ts";
import { expectBalanced, expectTold } from "../worker/laws.ts";
import { mill, otherQ, workQ } from "../worker/index.ts";
import { ring, rows, until } from "../worker/reach.ts";

// Schedules whose instances depend on tasks.

let serial = 0;
const fresh = (): string => `before ${(serial += 1)}`;
const farQ = otherQ as unknown as typeof workQ;
const queueOf = (id: string) => (id.startsWith("work_") ? workQ : farQ);
const play = async (queue: typeof workQ, script: object = {}, options: object = {}) =>
  (await queue.submit("play", { name: fresh(), ...script } as never, { key: null, ...options } as never)).id;
const get = (id: string) => queueOf(id).task("play", id).get();
const over = (id: string) =>
  until(
    () => get(id),
    (task) => task.finishedAt !== null,
  );
const schedule = (dependsOn: readonly string[], more: object = {}) =>
  workQ.schedule({
    type: "play",
    payload: { name: fresh() },
    every: "1h",
    overlap: "allow",
    dependsOn,
    ...more,
  } as never) as unknown as Promise<{
    id: string;
  }>;
const trigger = async (id: string) => (await workQ.schedule(id).trigger()).lastTask!;
const quiet = () =>
  until(
    async () => [...(await rows("work", "SELECT 1 FROM outbox")), ...(await rows("other", "SELECT 1 FROM outbox"))],
    (left) => left.length === 0,
  );
const http = async (method: string, path: string, body?: object) => {
  const answer = await mill.fetch(
    new Request(`https://mill.test${path}`, {
      method,
      ...(body ? { body: JSON.stringify(body), headers: { "content-type": "application/json" } } : {}),
    }),
    { MILLRACE_AUTH: "open" } as never,
    {} as never,
  );
  return { status: answer.status, body: (await answer.json()) as Record<string, any> };
};
/** More than a month goes by, in which retention has its looks. */
const month = async () => {
  for (const count of [33, 1, 1]) {
    clock.advance(count * 86_400_000);
    for (const domain of ["work", "other"]) await ring(domain);
  }
};

describe("[schedules] [depend] instances that wait for tasks", () => {
  test("each waits by itself until those have ended, near and far; later ones run at once", async () => {
    const [near, far] = [await play(workQ, {}, { delay: "300d" }), await play(farQ, {}, { delay: "300d" })];
    const { id } = await schedule([near, far]);
    const [first, second] = [await trigger(id), await trigger(id)];
    expect(await get(first)).toMatchObject({
      status: "blocked",
      dependsOn: [
        { id: near, status: "scheduled" },
        { id: far, status: "pending" },
      ],
    });
    await workQ.task("play", near).runNow();
    await over(near);
    expect((await get(second)).status).toBe("blocked");
    await farQ.task("play", far).runNow();
    for (const one of [first, second, await trigger(id)]) expect((await over(one)).status).toBe("completed");
    await workQ.schedule(id).delete();
    await quiet();
    await expectBalanced("work");
  });

  test("[purge] retention leaves alone what a schedule names, and what is known of a far one stays; both go with the schedule", async () => {
    const [near, far] = [await play(workQ), await play(farQ)];
    for (const id of [near, far]) await over(id);
    const { id } = await schedule([near, far], { every: "365d" });
    await quiet();
    const first = await trigger(id);
    await over(first);
    await month();
    await expect(get(first)).rejects.toMatchObject({ code: "task_not_found" });
    await expect(get(far)).rejects.toMatchObject({ code: "task_not_found" });
    expect((await get(near)).status).toBe("completed");
    const later = await over(await trigger(id));
    expect(later).toMatchObject({
      status: "completed",
      dependsOn: [
        { id: near, status: "completed" },
        { id: far, status: "completed" },
      ],
    });
    await workQ.schedule(id).delete();
    await month();
    await expect(get(near)).rejects.toMatchObject({ code: "task_not_found" });
    expect(await rows("work", "SELECT 1 FROM remotes")).toEqual([]);
    expect(await rows("other", "SELECT 1 FROM watchers")).toEqual([]);
    await expectTold("work");
    await expectBalanced("work");
  });

  test("[history] a type with keep: false stays for a schedule that names it", async () => {
    const { id: gone } = await workQ.submit("forgotten", { n: 1 }, { delay: "1d" });
    const { id } = await schedule([gone]);
    await workQ.task("forgotten", gone).runNow();
    await over(gone);
    expect((await over(await trigger(id))).status).toBe("completed");
    await workQ.schedule(id).delete();
    await until(
      async () => {
        clock.advance(61_000);
        await ring("work");
        return rows("work", "SELECT 1 FROM tasks WHERE type = 'forgotten'");
      },
      (left) => left.length === 0,
    );
    await expectBalanced("work");
  });

  test("a failed one fails each instance by the schedule's policy, and the schedule goes on", async () => {
    const failed = await play(farQ, { do: "permanent" });
    await over(failed);
    const strict = await schedule([failed]);
    const lax = await schedule([failed], { onDependencyFailure: "ignore" });
    await quiet();
    expect(await over(await trigger(strict.id))).toMatchObject({ status: "dependency_failed", error: { code: "dependency_failed" } });
    expect((await over(await trigger(lax.id))).status).toBe("completed");
    clock.advance(3_600_000);
    await ring("work");
    await until(
      () => workQ.list({ schedule: strict.id }),
      ({ items }) => items.length === 2 && items.every(({ status }) => status === "dependency_failed"),
    );
    for (const { id } of [strict, lax]) await workQ.schedule(id).delete();
    await quiet();
    await expectBalanced("work");
  });

  test("one that somebody has deleted all the same has failed; the alarm that fires goes on", async () => {
    const gone = await play(workQ);
    await over(gone);
    const { id } = await schedule([gone], { overlap: "queue" });
    await rows("work", "UPDATE schedules SET item = replace(item, ?, 'work_999999') WHERE id = ?", gone, Number(id.split("_s").at(-1)!));
    expect(await over(await trigger(id))).toMatchObject({ status: "dependency_failed", error: { code: "dependency_purged" } });
    clock.advance(3_600_000);
    await ring("work");
    await until(
      () => workQ.list({ schedule: id }),
      ({ items }) => items.length === 2,
    );
    await workQ.schedule(id).delete();
    await expectBalanced("work");
  });

  test("over HTTP: made, changed, refused for what does not exist, and written into the audit log", async () => {
    const [near, far] = [await play(workQ), await play(farQ)];
    const before = await rows("work", "SELECT 1 FROM remotes");
    const made = await http("POST", "/v1/domains/work/schedules", {
      name: fresh().replace(" ", "-"),
      type: "play",
      payload: { name: fresh() },
      every: "1h",
      dependsOn: [far],
    });
    expect([made.status, made.body["options"].dependsOn]).toEqual([201, [far]]);
    const { id } = made.body as { id: string };
    const changed = await http("PATCH", `/v1/schedules/${id}`, { dependsOn: [near, far], onDependencyFailure: "fail" });
    expect([changed.status, changed.body["options"].dependsOn]).toEqual([200, [near, far]]);
    for (const dependsOn of ["work_999999", "other_999999", "nowhere_1"]) {
      const refused = await http("PATCH", `/v1/schedules/${id}`, { dependsOn: [dependsOn] });
      expect([refused.status, refused.body["code"]]).toEqual([400, "invalid_dependency"]);
    }
    expect((await http("PATCH", `/v1/schedules/${id}`, { dependsOn: [{ index: 0 }] })).status).toBe(400);
    const log = await http("GET", "/v1/audit?limit=50");
    const actions = (log.body["items"] as { action: string; target: string | null }[]).map(({ action }) => action);
    expect(actions.filter((action) => action.includes("schedule")).length).toBeGreaterThanOrEqual(2);
    const calmed = await http("PATCH", `/v1/schedules/${id}`, { dependsOn: [] });
    expect([calmed.status, calmed.body["options"].dependsOn ?? []]).toEqual([200, []]);
    await quiet();
    expect(await rows("work", "SELECT 1 FROM remotes")).toEqual(before);
    await workQ.schedule(id).delete();
  });
});
