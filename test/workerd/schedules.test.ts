import { describe, expect, test } from "vitest";
import type { State } from "../../src/durable/domain/state.ts";
import { clock } from "../worker/clock.ts";
import { found } from "../worker/faults.ts";
import { otherQ, workQ } from "../worker/index.ts";
import { ring, until } from "../worker/reach.ts";
import { gate } from "../worker/script.ts";

const minutes = (count: number) => count * 60_000;
const read = async (id: string) => (await workQ.schedules()).items.find((schedule) => schedule.id === id)!;
const instances = async (id: string) => (await workQ.list({ schedule: id, limit: 100 })).items;

describe("schedules", () => {
  test("[schedules] an interval fires at a fixed rate from its creation; late ones fire once", async () => {
    const schedule = await workQ.schedule({ name: "every-ten", type: "play", payload: { name: "ten" }, every: "10m" });
    expect(schedule).toMatchObject({ name: "every-ten", every: 600_000, paused: false, runs: 0, type: "play" });
    const anchor = Date.parse(schedule.nextRuns[0]!);
    expect(schedule.nextRuns.map((at) => Date.parse(at) - anchor)).toEqual([0, 1, 2, 3, 4].map((n) => minutes(10 * n)));
    clock.advance(minutes(10.1));
    await ring("work");
    await until(
      () => instances(schedule.id),
      (tasks) => tasks.length === 1 && tasks[0]!.status === "completed",
    );
    clock.advance(minutes(45));
    await ring("work");
    await until(
      () => instances(schedule.id),
      (tasks) => tasks.length === 2 && tasks.every((task) => task.status === "completed"),
    );
    const after = await read(schedule.id);
    expect(after.runs).toBe(2);
    // The rhythm stays: anchor + n × 10 minutes.
    expect((Date.parse(after.nextRuns[0]!) - anchor) % minutes(10)).toBe(0);
    expect(Date.parse(after.nextRuns[0]!)).toBeGreaterThan(clock.now());
  });

  test("overlap skip: while an instance lives the next is not submitted; a failed one does not end the schedule", async () => {
    const schedule = await workQ.schedule({ type: "play", payload: { do: "hold", name: "overlap" }, every: "10m" });
    clock.advance(minutes(11));
    await ring("work");
    await until(
      () => instances(schedule.id),
      (tasks) => tasks[0]?.status === "running",
    );
    clock.advance(minutes(10));
    await ring("work");
    expect(await instances(schedule.id)).toHaveLength(1);
    gate("overlap").open();
    await until(
      () => instances(schedule.id),
      (tasks) => tasks[0]!.finishedAt !== null,
    );
    clock.advance(minutes(10));
    await ring("work");
    await until(
      () => instances(schedule.id),
      (tasks) => tasks.length === 2,
    );
  });

  test("an existing name is updated", async () => {
    const schedule = await workQ.schedule({
      name: "controlled",
      type: "plain",
      payload: { n: 1 },
      cron: "0 3 * * *",
      timezone: "Europe/Berlin",
    });
    const updated = await workQ.schedule({
      name: "controlled",
      type: "plain",
      payload: { n: 2 },
      cron: "0 4 * * *",
      timezone: "Europe/Berlin",
    });
    expect(updated).toMatchObject({ id: schedule.id, payload: { n: 2 }, cron: "0 4 * * *", timezone: "Europe/Berlin" });
    expect(updated.nextRuns).toHaveLength(5);
  });

  test("[schedules] declared in code: there without being asked for, marked, and it fires", async () => {
    const { items } = await otherQ.schedules();
    expect(items).toMatchObject([
      { name: "tick", declared: true, every: 3_600_000, domain: "other", paused: false, overlap: "skip", maxRuns: 1_000_000 },
    ]);
    clock.advance(minutes(61));
    await ring("other");
    await until(
      async () => (await otherQ.list({ schedule: items[0]!.id })).items,
      (tasks) => tasks.length === 1,
    );
  });

  test("what can never fire is refused", async () => {
    await expect(workQ.schedule({ type: "plain", payload: { n: 1 }, cron: "0 0 31 2 *" })).rejects.toMatchObject({
      code: "invalid_request",
    });
    await expect(workQ.schedule({ type: "plain", payload: { n: 1 }, cron: "every day" })).rejects.toMatchObject({
      code: "invalid_request",
    });
    await expect(workQ.schedule({ type: "plain", payload: { n: 1 }, cron: "0 3 * * *", timezone: "Europe/Berln" })).rejects.toMatchObject({
      code: "invalid_request",
    });
  });

  test("[control] paused it does not fire, resumed it keeps its rhythm, triggered it fires beside it, deleted it is gone", async () => {
    const { id, nextRuns } = await workQ.schedule({ type: "plain", payload: { n: 3 }, every: "10m" });
    const schedule = workQ.schedule(id);
    const anchor = Date.parse(nextRuns[0]!);
    expect(nextRuns).toHaveLength(5);
    expect(await schedule.pause()).toMatchObject({ paused: true, pausedReason: "user", nextRuns: [] });
    clock.advance(minutes(35));
    await ring("work");
    expect(await instances(id)).toEqual([]);
    const resumed = await schedule.resume();
    expect(resumed).toMatchObject({ paused: false, pausedReason: null, runs: 0 });
    expect(resumed.nextRuns).toHaveLength(5);
    expect((Date.parse(resumed.nextRuns[0]!) - anchor) % minutes(10)).toBe(0);
    expect(Date.parse(resumed.nextRuns[0]!)).toBeGreaterThan(clock.now());
    const { lastTask, nextRuns: after } = await schedule.trigger();
    expect(after).toEqual(resumed.nextRuns);
    await until(
      () => instances(id),
      (tasks) => tasks.length === 1 && tasks[0]!.id === lastTask && tasks[0]!.status === "completed",
    );
    clock.advance(minutes(11));
    await ring("work");
    await until(
      () => instances(id),
      (tasks) => tasks.length === 2,
    );
    await schedule.delete();
    clock.advance(minutes(11));
    await ring("work");
    expect(await instances(id)).toHaveLength(2);
    await expect(schedule.get()).rejects.toMatchObject({ code: "schedule_not_found" });
  });

  test("[schedules] gone from the code: paused as undeclared, and back with the code", async () => {
    // As if this code were another than the one that declared them.
    await found("other", (sql) => {
      sql.exec("UPDATE schedules SET paused = 2, planned_at = NULL, next_at = NULL WHERE name = 'tick'");
      sql.exec(
        "INSERT INTO schedules (id, name, item, every_ms, timezone, anchor_at, planned_at, next_at, declared, created_at) SELECT 99, 'tock', item, every_ms, timezone, anchor_at, ?, ?, 1, created_at FROM schedules WHERE name = 'tick'",
        clock.now() + 60_000,
        clock.now() + 60_000,
      );
      const state = JSON.parse(sql.exec<{ json: string }>("SELECT json FROM state").one().json) as State;
      sql.exec("UPDATE state SET json = ?", JSON.stringify({ ...state, declared: "other code", lastSchedule: 99 }));
    });
    const { items } = await otherQ.schedules();
    expect(Object.fromEntries(items.map(({ name, paused, pausedReason }) => [name, [paused, pausedReason]]))).toEqual({
      tock: [true, "undeclared"],
      tick: [false, null],
    });
    const tock = items.find(({ name }) => name === "tock")!;
    clock.advance(minutes(61));
    await ring("other");
    expect((await otherQ.list({ schedule: tock.id })).items).toEqual([]);
    expect((await otherQ.schedules()).items.find(({ name }) => name === "tick")!.nextRuns).toHaveLength(5);
  });
});
