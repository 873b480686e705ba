import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { onPoint } from "../../src/durable/point.ts";
import type { RunLink, RunOutcome, RunRequest } from "../../src/durable/protocol.ts";
import { reachCoordinator, reachRun } from "../../src/durable/reach.ts";
import { MillraceError } from "../../src/policy/errors.ts";
import { clock } from "../worker/clock.ts";
import { crash, survive, Time } from "../worker/drive.ts";
import { otherQ, workQ } from "../worker/index.ts";
import { expectBalanced } from "../worker/laws.ts";
import { kill, killSoon, platform } from "../worker/lives.ts";
import { probe } from "../worker/probe.ts";

const time = new Time(["work", "other"]);
const STEP_MS = 200;

beforeAll(() => {
  clock.takeOver();
  time.stepMs = STEP_MS;
  time.watchers.push(() => probe.next());
  time.start();
});
afterAll(async () => {
  onPoint(undefined);
  await time.stop();
});

interface Tasks {
  work: string[];
  other: string[];
}

let loads = 0;

/** More than there are slots for, in both domains: short ones, and some that last longer than a run's lease. */
async function load(tasks: Tasks, deaf: boolean): Promise<void> {
  const name = `load ${(loads += 1)}`;
  const item = (n: number) => ({ type: "play", payload: { do: "spin" as const, name: `${name} ${n}`, times: n === 0 ? 90 : 3 + n, deaf } });
  const items = (count: number) => Array.from({ length: count }, (_, n) => item(n));
  for (const [handle, ids, count] of [
    [workQ, tasks.work, 16],
    [otherQ as never as typeof workQ, tasks.other, 4],
  ] as const) {
    const answers = await survive(() => handle.submitAll(items(count) as never, { idempotencyKey: name }) as Promise<unknown>);
    ids.push(...(answers as { id: string }[]).map(({ id }) => id));
  }
}

/** Objects die one after the other, each at its next pass of any point, some time after the last, while there is more to do than slots. */
async function deaths(victims: readonly string[], tasks: Tasks, deaf: boolean): Promise<void> {
  for (const [index, victim] of victims.entries()) {
    await load(tasks, deaf);
    const from = probe.tick + 7 + ((index * 13) % 30);
    let isDead = false;
    onPoint((_point, object) => {
      if (isDead || object !== victim || probe.tick < from) return;
      isDead = true;
      (index % 2 === 0 ? kill : killSoon)(victim);
    });
    await time.until(`the death of ${victim}`, async () => {
      // A coordinator that nobody needs is called, so that it passes a point.
      if (probe.tick > from + 20) await survive(() => reachCoordinator(clock).configure({ maxConcurrency: 8 }));
      return isDead;
    });
  }
  onPoint(undefined);
}

async function allEnded({ work, other }: Tasks): Promise<void> {
  const statuses = new Set<string>();
  for (const [handle, ids] of [
    [workQ, work],
    [otherQ as unknown as typeof workQ, other],
  ] as const) {
    for (const id of ids) {
      await time.until(
        `the end of ${id}`,
        async () => {
          const task = await survive((): Promise<{ finishedAt: string | null; status: string; error: { code?: string } | null }> =>
            handle.task("play", id).get(),
          );
          if (!task?.finishedAt) return false;
          // Interrupted three times running alone: that is poison, and not what this is about.
          statuses.add(task.error?.code === "poison" ? "poison" : task.status);
          return true;
        },
        4_000,
      );
    }
  }
  statuses.delete("poison");
  expect([...statuses]).toEqual(["completed"]);
}

describe("[caps] #23 running never exceeds the caps, counted outside the mill", () => {
  const victims = ["work", "mill", "other", "work", "work", "mill", "other", "mill", "work"];
  for (const { outlive, deaf } of [
    { outlive: false, deaf: false },
    { outlive: true, deaf: false },
    { outlive: false, deaf: true },
    { outlive: true, deaf: true },
  ]) {
    test(`while objects die; executors ${outlive ? "outlive" : "end with"} their object, and ${deaf ? "ignore" : "heed"} their signal`, async () => {
      platform.outlive = outlive;
      probe.most = 0;
      const tasks: Tasks = { work: [], other: [] };
      await deaths(victims, tasks, deaf);
      await allEnded(tasks);
      expect(probe.violations).toEqual([]);
      expect(probe.most, "every slot was in use").toBe(8);
      for (const domain of ["work", "other"]) await expectBalanced(domain);
    }, 180_000);
  }

  test("#27 runs that outlive a domain which the coordinator has given up end with its grant, however often they call in", async () => {
    platform.outlive = true;
    const tasks: Tasks = { work: [], other: [] };
    const spin = (name: string) => ({ type: "play", payload: { do: "spin", name, times: 600 } });
    const answers = (await workQ.submitAll(Array.from({ length: 8 }, (_, n) => spin(`cut off ${n}`)) as never)) as { id: string }[];
    tasks.work.push(...answers.map(({ id }) => id));
    await time.until("the use of all slots", () => probe.alive().length === 8);
    platform.cutOff = "work";
    const waiting = (await otherQ.submitAll(Array.from({ length: 2 }, (_, n) => spin(`waits ${n}`)) as never)) as { id: string }[];
    tasks.other.push(...waiting.map(({ id }) => id));
    for (const end = probe.tick + 400; probe.tick < end;) {
      const next = probe.tick + 30;
      await time.until("the next crash", () => probe.tick >= next);
      await crash("work");
    }
    expect(
      probe
        .alive()
        .map(({ id }) => id)
        .toSorted(),
      "only what the coordinator has slots for",
    ).toEqual(tasks.other.toSorted());
    platform.cutOff = "";
    await allEnded(tasks);
    expect(probe.violations).toEqual([]);
  }, 180_000);
});

describe("a run that is over", () => {
  /** What a runner is told that speaks for a run which is over: by its link, and by name. */
  async function late(request: RunRequest, link: RunLink): Promise<unknown[]> {
    const outcomes = request.tasks.map(({ id }): RunOutcome => ({ id, ok: true, result: '"late"' }));
    const refused = (answer: Promise<unknown>) =>
      answer.then(
        () => "accepted",
        (error: unknown) => (MillraceError.is(error) ? error.code : String(error)),
      );
    const control = { renew: async () => undefined, abort: async () => undefined, recall: async () => [] };
    return [
      await refused(link.settle(outcomes)),
      await refused(link.progress([{ id: outcomes[0]!.id, fraction: 0.9, message: null }])),
      await refused(link.attach(control)),
      await refused(reachRun("work").resumeRun({ run: request.run, outcomes, unstarted: [], finished: true })),
      await refused(reachRun("work").resumeRun({ run: "0123456789abcdef01234567", outcomes, unstarted: [], finished: true })),
    ];
  }

  test("[fencing] #16 is refused with lease_lost, whatever it says, and changes nothing", async () => {
    const said: unknown[][] = [];
    const silence = { isOver: false };
    platform.takes = async (request, link) => {
      platform.takes = undefined;
      while (!silence.isOver) await scheduler.wait(1);
      said.push(await late(request, link));
      return { outcomes: request.tasks.map(({ id }) => ({ id, ok: true, result: '"late"' })), unstarted: [] };
    };
    const { id } = await workQ.submit("play", { name: "taken from a silent runner" });
    await time.until("the silent runner", () => platform.takes === undefined);
    // No grant: the run is not renewed and lapses. With a grant again, another run executes its task.
    platform.cutOff = "work";
    const lapsed = probe.tick + 250;
    await time.until("the end of the grant", () => probe.tick >= lapsed);
    platform.cutOff = "";
    await time.until("the end of the task", async () => (await workQ.task("play", id).get()).finishedAt !== null);
    const before = await workQ.task("play", id).get();
    expect(before).toMatchObject({ status: "completed", result: { name: "taken from a silent runner", attempt: 1 }, executions: 2 });
    silence.isOver = true;
    await time.until("its late words", () => said.length === 1);
    expect(said).toEqual([["lease_lost", "lease_lost", "lease_lost", "lease_lost", "lease_lost"]]);
    expect(await workQ.task("play", id).get()).toEqual(before);
    await expectBalanced("work");
  }, 180_000);

  test("[fencing] counts for nothing of what it settles twice, or for tasks that are not its own", async () => {
    const { id: stranger } = await workQ.submit("play", { name: "stranger" }, { delay: "1d" });
    platform.takes = async (request, link) => {
      platform.takes = undefined;
      const own = request.tasks[0]!.id;
      await link.settle([{ id: own, ok: true, result: '"first"' }]);
      await link.settle([
        { id: own, ok: true, result: '"second"' },
        { id: Number(stranger.split("_")[1]), ok: true, result: '"stolen"' },
        { id: 999_999, ok: true },
      ]);
      return {
        outcomes: [{ id: own, ok: false, retryable: false, error: { name: "Error", message: "third" } }],
        unstarted: [own, 999_999],
      };
    };
    const { id } = await workQ.submit("play", { name: "settled twice" });
    expect(await workQ.task("play", id).result({ timeout: "1d" })).toBe("first");
    expect(await workQ.task("play", stranger).get()).toMatchObject({ status: "scheduled", result: null });
    await time.until("the end of the run", async () => (await workQ.snapshot()).slots.using === 0);
    await workQ.task("play", stranger).cancel();
    await expectBalanced("work");
  });
});
