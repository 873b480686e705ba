import { reset } from "cloudflare:test";
import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import type { BulkHandle, Task } from "millrace";
import { onPoint } from "../../src/durable/point.ts";
import { LIMITS } from "../../src/policy/limits.ts";
import { crash } from "../worker/drive.ts";
import { workQ } from "../worker/index.ts";
import { expectBalanced } from "../worker/laws.ts";
import { ring, until } from "../worker/reach.ts";

/** More than a slice of each job. */
const TASKS = LIMITS.bulkSlice * 2 + 40;

afterEach(async () => {
  onPoint(undefined);
  vi.restoreAllMocks();
  await workQ.resume();
  await expectBalanced("work");
  await reset();
});

/** Kills the object at the points of a job's slice and its alarm that `when` names, by the count of points that were passed. */
function killAt(when: ReadonlySet<number>): void {
  let passed = 0;
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  onPoint((point) => {
    if (!point.startsWith("bulk.") && !point.startsWith("alarm.")) return;
    passed += 1;
    if (when.has(passed)) throw new Error("killed");
  });
}

async function finish(jobs: readonly BulkHandle[], meanwhile: () => Promise<unknown>) {
  return until(
    async () => {
      await ring("work").catch(() => crash("work"));
      await meanwhile();
      return Promise.all(jobs.map((job) => job.get()));
    },
    (seen) => seen.every(({ finished }) => finished),
  );
}

async function all(group: string): Promise<Task[]> {
  const found: Task[] = [];
  for await (const task of workQ.list({ group, limit: 500 })) found.push(task);
  return found;
}

const dependencies = fc.array(fc.tuple(fc.nat(TASKS - 1), fc.nat(TASKS - 1)), { maxLength: 40 });
const kills = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 8 });

test("#49 jobs over the same tasks, crashes at whatever point, and more that match meanwhile: each job does what it says, once", async () => {
  await fc.assert(
    fc.asyncProperty(dependencies, kills, fc.uuid(), async (pairs, deaths, group) => {
      await workQ.pause();
      const waitsFor = new Map(pairs.filter(([one, other]) => other < one));
      const items = Array.from({ length: TASKS }, (_, n) => ({
        type: "plain" as const,
        payload: { n },
        key: null,
        group,
        tags: { half: String(n % 2) },
        ...(waitsFor.has(n) ? { dependsOn: [{ index: waitsFor.get(n)! }], onDependencyFailure: "ignore" as const } : {}),
      }));
      const counted = async () => {
        const { cancelled = 0, reopened = 0 } = (await workQ.snapshot()).totals;
        return { cancelled, reopened };
      };
      const before = await counted();
      await workQ.submitAll(items as never);
      killAt(new Set(deaths));
      const jobs = [
        await workQ.cancelWhere({ group, tags: { half: "0" } }),
        await workQ.retryWhere({ group, tags: { half: "0" }, status: "cancelled" }),
        await workQ.cancelWhere({ group }),
      ];
      let late = 0;
      const seen = await finish(jobs, () => workQ.submit("plain", { n: (late += 1) }, { key: null, group, tags: { half: "0" } }));
      onPoint(undefined);
      const half = TASKS / 2;
      expect(seen).toMatchObject([
        { done: half, failed: 0, matched: half },
        { done: half, failed: 0, matched: half },
        { done: TASKS, failed: 0, matched: TASKS },
      ]);
      const tasks = await all(group);
      const ended = tasks.filter(({ status }) => status === "cancelled");
      expect([ended.length, tasks.length - ended.length]).toEqual([TASKS, late]);
      expect(await counted()).toEqual({ cancelled: before.cancelled + TASKS + half, reopened: before.reopened + half });
      await finish([await workQ.cancelWhere({ group })], async () => undefined);
    }),
    { numRuns: 4 },
  );
});
