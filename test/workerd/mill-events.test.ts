import { runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test } from "vitest";
import { reachCoordinator } from "../../src/durable/reach.ts";
import type { MillEvent } from "../../src/policy/events/event.ts";
import { clock } from "../worker/clock.ts";
import { coordinator, crash } from "../worker/drive.ts";
import { mill, otherQ, workQ } from "../worker/index.ts";
import { platform } from "../worker/lives.ts";
import { type Ear, listen, stream } from "../worker/listen.ts";
import { rows, stub, until } from "../worker/reach.ts";

const ears: Ear[] = [];
const ear = async <E extends Ear>(opened: Promise<E>): Promise<E> => {
  const one = await opened;
  ears.push(one);
  return one;
};
afterEach(() => {
  for (const one of ears.splice(0)) one.close();
});

const later = { delay: "1h", key: null } as const;
const work = () => workQ.submit("play", { do: "ok", name: "w" }, later);
const other = () => otherQ.submit("play", { do: "ok", name: "o" }, later);
const of = (domain: string) => (event: MillEvent) => event.domain === domain && event.event === "task.submitted";
const calls = async () => (await workQ.snapshot()).cost.coordinatorCalls;
/** How many an object tells. */
const listeners = (object: DurableObjectStub) =>
  runInDurableObject(object, (instance: DurableObject) => (instance as unknown as { stream: { listening: number } }).stream.listening);
const leave = async (one: Ear): Promise<void> => {
  one.close();
  await until(
    () => listeners(coordinator()),
    (count) => count === 0,
  );
};
/** Whether the domain knows that somebody listens. */
const knows = async (domain: string): Promise<boolean> => {
  const [row] = await rows<{ json: string }>(domain, "SELECT json FROM state WHERE id = 1");
  const { flags } = JSON.parse(row?.json ?? "{}") as { flags?: { listening?: { until: number } } };
  return (flags?.listening?.until ?? 0) > clock.now();
};

describe("[events] the mill's stream", () => {
  test("events of every domain, with numbers of its own; domains are asked only while somebody listens", async () => {
    await work();
    await other();
    const before = await calls();
    await work();
    expect(await calls()).toBe(before);
    const whole = await ear(listen());
    const [first, second] = [await work(), await other()];
    expect(await whole.hears(of("work"))).toMatchObject({ task: first.id, type: "play", label: "play w" });
    expect(await whole.hears(of("other"))).toMatchObject({ task: second.id });
    const seqs = whole.heard.map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.toSorted((one, next) => one - next));
    expect(new Set(seqs).size).toBe(seqs.length);
    await leave(whole);
    clock.advance(61_000);
    expect(await reachCoordinator(clock).forward([])).toEqual({ isHeard: false });
    // The first batch learns it; from then on there is none.
    await work();
    const told = await until(calls, (count) => count > before + 1);
    await work();
    await mill.snapshot();
    expect(await calls()).toBe(told);
    // Whoever comes next is heard of.
    const again = await ear(stream());
    const { id } = await work();
    expect(await again.hears(of("work"))).toMatchObject({ task: id });
  });

  test("the deadline is put off while somebody listens, by the minute cron if by nobody else", async () => {
    const whole = await ear(listen());
    await work();
    await whole.hears(of("work"));
    for (let hour = 0; hour < 3; hour += 1) {
      clock.advance(40 * 60_000);
      await reachCoordinator(clock).sweepList();
    }
    await until(() => knows("work"), Boolean);
    const { id } = await work();
    await whole.hears(({ task }) => task === id);
  });

  test("a filter by domain, type and tag holds for the whole mill", async () => {
    const tagged = await ear(listen("?tag=_domain:other"));
    const typed = await ear(listen("?type=plain"));
    await work();
    const { id } = await other();
    await workQ.submitAll([1, 2].map((n) => ({ type: "plain", payload: { n }, ...later }) as const));
    expect(await tagged.hears(of("other"))).toMatchObject({ task: id });
    expect(await typed.hears(({ event }) => event === "batch.submitted")).toMatchObject({ domain: "work", types: { plain: 2 } });
    expect(tagged.heard).toHaveLength(1);
    expect(typed.heard).toHaveLength(1);
  });

  test("a domain that cannot reach the coordinator tells what happened once it can, in order and once", async () => {
    const whole = await ear(listen());
    await work();
    await whole.hears(of("work"));
    const before = whole.heard.length;
    platform.cutOff = "work";
    const ids: string[] = [];
    for (let n = 0; n < 3; n += 1) ids.push((await work()).id);
    const { id: elsewhere } = await other();
    await whole.hears(({ task }) => task === elsewhere);
    platform.cutOff = "";
    await whole.hears(({ task }) => task === ids.at(-1));
    expect(whole.heard.slice(before).map(({ task }) => task)).toEqual([elsewhere, ...ids]);
  });

  test("who listens alone and loses the connection misses nothing of what happens meanwhile", async () => {
    const before = await ear(listen());
    await work();
    const { seq } = await before.hears(of("work"));
    const told = before.heard.at(-1)!.seq;
    expect(told).toBe(seq);
    await leave(before);
    const meanwhile = [await work(), await other()];
    const after = await ear(listen(`?since=${seq}`));
    const later = await work();
    await after.hears(({ task }) => task === later.id);
    await after.hears(of("other"));
    expect(after.heard.map(({ event }) => event)).not.toContain("missed");
    expect(new Set(after.heard.map(({ task }) => task))).toEqual(new Set([...meanwhile, later].map(({ id }) => id)));
    expect(after.heard).toHaveLength(3);
  });

  test("who comes back after a while in which nobody listened is told that something was missed", async () => {
    const before = await ear(listen());
    await work();
    const { seq } = await before.hears(of("work"));
    await leave(before);
    clock.advance(61_000);
    const unheard = await calls();
    await work();
    // The domain has learnt that nobody listens.
    await until(calls, (count) => count > unheard);
    const after = await ear(listen(`?since=${seq}`));
    const { id } = await work();
    await after.hears(({ task }) => task === id);
    expect(after.heard).toMatchObject([
      { event: "missed", domain: null, from: seq + 1 },
      { event: "task.submitted", task: id },
    ]);
    expect(after.heard[1]!.seq).toBeGreaterThan(after.heard[0]!.seq);
  });

  test("a batch whose answer was lost comes in once", async () => {
    const whole = await ear(listen());
    const { id } = await work();
    const told = await whole.hears(({ task }) => task === id);
    const seq = Math.max(told.seq, clock.now() * 4_096) + 1_000_000;
    const batch = [0, 1].map((index) => ({ ...told, seq: seq + index, task: `work_${900 + index}` }));
    await reachCoordinator(clock).forward(batch);
    await reachCoordinator(clock).forward([...batch, { ...told, seq: seq + 2, task: "work_902" }]);
    await whole.hears(({ task }) => task === "work_902");
    expect(whole.heard.map(({ task }) => task).filter((task) => task?.startsWith("work_90"))).toEqual(["work_900", "work_901", "work_902"]);
  });

  test("without a minute cron, too, who has listened for hours hears of the first that happens", async () => {
    const whole = await ear(listen());
    await other();
    await whole.hears(of("other"));
    clock.advance(2 * 3_600_000);
    // A change of flags in between forgets nothing of it.
    await mill.pressure("queue", 0.1, "1s");
    // Ready, so that its domain asks the coordinator, and learns that it is listened to.
    const { id } = await otherQ.submit("play", { do: "ok", name: "first" });
    await whole.hears(({ task, event }) => task === id && event === "task.submitted");
  });

  test("a coordinator that was away: who resumes is told that it may have missed something", async () => {
    const before = await ear(listen());
    await work();
    const { seq } = await before.hears(of("work"));
    await crash("mill");
    const after = await ear(listen(`?since=${seq}`));
    const { id } = await work();
    await after.hears(({ task }) => task === id);
    expect(after.heard[0]).toMatchObject({ event: "missed", domain: null, from: seq + 1 });
    expect(after.heard[1]!.seq).toBeGreaterThan(after.heard[0]!["to"] as number);
  });
});

describe("[events] a loop in the Worker", () => {
  test("that has heard nothing yet goes on from where it began", async () => {
    const seen: MillEvent[] = [];
    const controller = new AbortController();
    const loop = (async () => {
      for await (const event of otherQ.events({ events: ["task.submitted"], signal: controller.signal })) seen.push(event);
    })();
    await until(
      () => listeners(stub("other")),
      (count) => count === 1,
    );
    await crash("other");
    // Before it has come back.
    const { id } = await other();
    await until(() => seen.some(({ task }) => task === id), Boolean);
    controller.abort(new Error("enough"));
    await expect(loop).rejects.toThrow("enough");
  });

  test("goes on over the object's death, and says what was missed", async () => {
    const seen: MillEvent[] = [];
    const controller = new AbortController();
    const loop = (async () => {
      for await (const event of workQ.events({ since: 0, events: ["task.submitted"], signal: controller.signal })) seen.push(event);
    })();
    const first = await work();
    await until(() => seen.some(({ task }) => task === first.id), Boolean);
    await crash("work");
    const second = await work();
    await until(() => seen.some(({ task }) => task === second.id), Boolean);
    const told = seen.filter(({ event }) => event === "task.submitted").map(({ task }) => task);
    expect(new Set(told).size).toBe(told.length);
    controller.abort(new Error("enough"));
    await expect(loop).rejects.toThrow("enough");
  });
});
