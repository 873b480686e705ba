import { describe, expect, test } from "vitest";
import { clock } from "../worker/clock.ts";
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

  test("pause, resume, trigger, delete; an existing name is updated", async () => {
    const schedule = await workQ.schedule({
      name: "controlled",
      type: "plain",
      payload: { n: 1 },
      cron: "0 3 * * *",
      timezone: "Europe/Berlin",
    });
    const handle = workQ.task;
    expect(handle).toBeTypeOf("function");
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
});
