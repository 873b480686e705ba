import { createExecutionContext, env } from "cloudflare:test";
import { afterEach, describe, expect, test } from "vitest";
import type { OnDuplicate, Status } from "millrace";
import { onPoint } from "../../src/durable/point.ts";
import { clock } from "../worker/clock.ts";
import { crash } from "../worker/drive.ts";
import { mill, workQ } from "../worker/index.ts";
import { books, expectBalanced } from "../worker/laws.ts";
import { ring, until } from "../worker/reach.ts";
import { gate, journal } from "../worker/script.ts";

const get = (id: string) => workQ.task("play", id).get();
const shows = (id: string, status: Status) =>
  until(
    () => get(id),
    (task) => task.status === status,
  );
/** The old content has `times: 1`, the new one `times: 2`. */
const old = (name: string, script: object = {}, options: object = {}) =>
  workQ.submit("play", { do: "ok", ...script, name, times: 1 }, { key: name, ...options });
const newer = (name: string, options: object, script: object = {}) =>
  workQ.submit("play", { do: "ok", ...script, name, times: 2 }, { key: name, ...options });

/** Gates of a test, opened at its end, whatever became of it. */
const opened: string[] = [];
afterEach(async () => {
  await release();
  await until(
    () => workQ.count({ status: ["pending", "running", "paused", "blocked"] }),
    (count) => count === 0,
  );
});

async function running(name: string): Promise<string> {
  opened.push(name);
  const { id } = await old(name, { do: "hold" });
  await shows(id, "running");
  return id;
}

async function ended(name: string, script: object, status: Status): Promise<string> {
  const { id } = await old(name, script);
  await shows(id, status);
  return id;
}

/** A key whose newest task is in a status: its id, and that of the one before it, where it follows one. */
const HOLDERS: Record<string, (name: string) => Promise<{ id: string; before?: string }>> = {
  scheduled: async (name) => ({ id: (await old(name, {}, { delay: "1h" })).id }),
  pending: async (name) => {
    await workQ.setMaxConcurrency(1);
    await running(`${name} blocker`);
    return { id: (await old(name)).id };
  },
  paused: async (name) => {
    await workQ.pause();
    return { id: (await old(name)).id };
  },
  "retry-scheduled": async (name) => ({ id: await ended(name, { do: "later" }, "scheduled") }),
  running: async (name) => ({ id: await running(name) }),
  claimed: async (name) => {
    // Time stands still, so that every run is quick (the next may take twice as many) and none is recalled.
    clock.freeze();
    await workQ.setMaxConcurrency(1);
    for (let round = 0; ; round += 1) {
      await workQ.submitAll(
        Array.from({ length: 8 }, (_, n) => ({ type: "play", payload: { name: `${name} quick ${round} ${n}` }, key: null })) as never,
      );
      await until(
        () => workQ.count({ status: ["pending", "running"] }),
        (count) => count === 0,
      );
      const blocker = `${name} blocker ${round}`;
      opened.push(blocker);
      const [first, task] = await workQ.submitAll([
        { type: "play", payload: { do: "hold", name: blocker } },
        { type: "play", payload: { name, times: 1 }, key: name },
      ]);
      await shows(first.id, "running");
      const { state } = await books("work");
      const counter = Number(task.id.split("_")[1]);
      if (Object.values(state.runs).some(({ ids }) => ids.some(([from, count]) => counter >= from && counter < from + count)))
        return { id: task.id };
      await workQ.task("play", task.id).cancel();
      gate(blocker).open();
    }
  },
  successor: async (name) => {
    const before = await running(name);
    return { id: (await old(name)).id, before };
  },
  "successor of one sent back": async (name) => {
    const before = await running(name);
    const { id } = await old(name);
    await workQ.pause();
    await shows(before, "paused");
    return { id, before };
  },
  completed: async (name) => ({ id: await ended(name, {}, "completed") }),
  failed: async (name) => ({ id: await ended(name, { do: "permanent" }, "failed") }),
  dead_letter: async (name) => ({ id: await ended(name, { do: "fail" }, "dead_letter") }),
  cancelled: async (name) => {
    const { id } = await old(name, {}, { delay: "1h" });
    await workQ.task("play", id).cancel();
    return { id };
  },
  expired: async (name) => {
    const { id } = await old(name, {}, { delay: "1h", ttl: 1 });
    await shows(id, "expired");
    return { id };
  },
  superseded: async (name) => {
    const id = await running(name);
    const next = await newer(name, { onDuplicate: "supersede", delay: "1h" });
    await workQ.task("play", next.id).cancel();
    await shows(id, "superseded");
    return { id };
  },
};

const DEBOUNCE = { debounce: "1h", maxWait: "2h" } as const;
const STRATEGIES = { skip: "skip", supersede: "supersede", reject: "reject", debounce: DEBOUNCE } as const satisfies Record<
  string,
  OnDuplicate
>;

/**
 * What a newcomer is answered, whether under the id that held the key, what that id shows then (`old → shows`), and how
 * both end once everything may go on; `+` an archived row, `-` a refusal.
 */
const TABLE = `
  scheduled       | skip      | duplicate  | same | old scheduled | completed
  scheduled       | supersede | superseded | same | new pending   | completed  + superseded
  scheduled       | reject    | rejected   | same | old scheduled | completed
  scheduled       | debounce  | debounced  | same | new scheduled | completed
  pending         | skip      | duplicate  | same | old pending   | completed
  pending         | supersede | superseded | same | new pending   | completed  + superseded
  pending         | reject    | rejected   | same | old pending   | completed
  pending         | debounce  | debounced  | same | new scheduled | completed
  paused          | skip      | duplicate  | same | old paused    | completed
  paused          | supersede | superseded | same | new paused    | completed  + superseded
  paused          | reject    | rejected   | same | old paused    | completed
  paused          | debounce  | debounced  | same | new scheduled | completed
  retry-scheduled | skip      | duplicate  | same | old scheduled | completed
  retry-scheduled | supersede | superseded | same | new pending   | completed  + superseded
  retry-scheduled | reject    | rejected   | same | old scheduled | completed
  retry-scheduled | debounce  | debounced  | same | new scheduled | completed
  running         | skip      | requeued   | new  | new blocked   | completed  then completed
  running         | supersede | superseded | new  | new pending   | superseded then completed
  running         | reject    | rejected   | same | old running   | completed
  running         | debounce  | requeued   | new  | new blocked   | completed  then completed
  claimed         | skip      | requeued   | new  | new blocked   | completed  then completed
  claimed         | supersede | superseded | new  | new pending   | superseded then completed
  claimed         | reject    | rejected   | same | old pending   | completed
  claimed         | debounce  | requeued   | new  | new blocked   | completed  then completed
  successor       | skip      | duplicate  | same | old blocked   | completed
  successor       | supersede | superseded | new  | new pending   | superseded then completed
  successor       | reject    | rejected   | same | old blocked   | completed
  successor       | debounce  | debounced  | same | new blocked   | completed
  successor of one sent back | skip      | duplicate  | same | old blocked | completed
  successor of one sent back | supersede | superseded | new  | new paused  | superseded then completed
  successor of one sent back | reject    | rejected   | same | old blocked | completed
  successor of one sent back | debounce  | debounced  | same | new blocked | completed
  ${["completed", "failed", "dead_letter", "cancelled", "expired", "superseded"]
    .flatMap((status) =>
      Object.keys(STRATEGIES).map(
        (strategy) =>
          `${status} | ${strategy} | inserted | new | new ${strategy === "debounce" ? "scheduled" : "pending"} | ${status} then completed`,
      ),
    )
    .join("\n")}
`;
const ROWS = TABLE.trim()
  .split("\n")
  .map((line) => line.split("|").map((cell) => cell.trim()) as [string, keyof typeof STRATEGIES, string, string, string, string]);

/** Everything may go on: gates, caps, pauses and clocks. */
async function release(): Promise<void> {
  clock.thaw();
  for (const name of opened.splice(0)) gate(name).open();
  await workQ.setMaxConcurrency(8);
  await workQ.resume();
}

/** Its end; a delayed one is brought forward. */
async function endOf(id: string): Promise<Status> {
  for (;;) {
    const task = await get(id);
    if (task.finishedAt !== null) return task.status;
    if (task.status === "scheduled")
      await workQ
        .task("play", id)
        .runNow()
        .catch(() => undefined);
    await scheduler.wait(5);
  }
}

describe("[skip] [supersede] [reject] [debounce] #31 onDuplicate, for every strategy and every status that the key's task can have", () => {
  test.each(ROWS)("%s, %s: %s, %s id, shows %s, ends %s", async (status, strategy, outcome, identity, showing, ends) => {
    const name = `${status} ${strategy}`;
    const { id, before } = await HOLDERS[status]!(name);
    const known = await get(id);
    const inserted = (await books("work")).state.totals.inserted;
    const asked = newer(name, { onDuplicate: STRATEGIES[strategy], priority: 200 });
    if (outcome === "rejected") {
      await expect(asked).rejects.toMatchObject({ code: "rejected_duplicate", status: 409, facts: { id } });
      expect((await books("work")).state.totals.inserted).toBe(inserted);
      expect(await get(id)).toMatchObject({ payload: known.payload, priority: known.priority, runAt: known.runAt });
    }
    const answer = outcome === "rejected" ? { outcome, id } : await asked;
    expect(answer.outcome).toBe(outcome);
    expect(answer.id === id ? "same" : "new").toBe(identity);

    const [content, shown] = showing.split(" ") as [string, Status];
    const now = await get(answer.id);
    expect(now.payload).toMatchObject({ times: content === "new" ? 2 : 1 });
    // What is ready may have been started, and have ended, by now.
    if (shown !== "pending" || status === "claimed" || status === "pending") expect(now.status).toBe(shown);
    expect(now.priority).toBe(content === "new" ? 200 : 128);
    // The age of what was superseded goes with it.
    if (identity === "same" && outcome !== "superseded") expect(now.createdAt).toBe(known.createdAt);
    if (strategy === "debounce") expect(Date.parse(now.runAt!) - clock.now()).toBeGreaterThan(3_500_000);
    if (outcome === "debounced" || (outcome === "superseded" && identity === "same")) expect(now.errors).toEqual([]);

    await release();
    const [first, link, second] = ends.split(/\s+/);
    if (outcome === "superseded") {
      const { replacedId } = answer as { replacedId: string };
      expect(replacedId).toBe(identity === "same" ? replacedId : (before ?? id));
      expect(await endOf(replacedId)).toBe("superseded");
      expect(await get(replacedId)).toMatchObject({
        payload: { name, times: 1 },
        createdAt: (before ? await get(before) : known).createdAt,
      });
      if (link === "+")
        expect(await get(replacedId)).toMatchObject({ errors: known.errors, label: known.label, startedAt: known.startedAt });
    }
    expect(await endOf(id)).toBe(first);
    if (link === "then") expect(await endOf(answer.id)).toBe(second);
    if (before) expect(await endOf(before)).toBe(outcome === "superseded" ? "superseded" : "completed");
    expect((await get(answer.id)).payload).toMatchObject({ times: content === "new" ? 2 : 1 });
    await expectBalanced("work");
  });

  test("the table has every strategy for every status", () => {
    expect(ROWS.map(([status, strategy]) => `${status}/${strategy}`).sort()).toEqual(
      Object.keys(HOLDERS)
        .flatMap((status) => Object.keys(STRATEGIES).map((strategy) => `${status}/${strategy}`))
        .sort(),
    );
  });
});

describe("supersede", () => {
  test("the new one starts while the one that had begun still answers, which ends superseded though it completes", async () => {
    const { id } = await old("deaf", { do: "deaf" });
    await shows(id, "running");
    const next = await newer("deaf", { onDuplicate: "supersede" });
    await shows(next.id, "completed");
    expect(await get(id)).toMatchObject({ status: "running" });
    gate("deaf").open();
    expect(await shows(id, "superseded")).toMatchObject({ result: null });
  });

  test("its signal is aborted, then onCancel runs", async () => {
    const id = await running("hook");
    await newer("hook", { onDuplicate: "supersede", delay: "1h" });
    await shows(id, "superseded");
    expect(journal.filter((entry) => entry.id === id).map(({ run }) => run)).toEqual(["started", "aborted", "cancelled"]);
  });

  test("a crash does not forget it: the one that had begun ends superseded", async () => {
    const id = await running("crash");
    const next = await newer("crash", { onDuplicate: "supersede", delay: "1h" });
    await crash("work");
    expect(await get(id)).toMatchObject({ finishedAt: null });
    // Its runner died with the object, so nobody calls in before the lease is over.
    clock.advance(15_000);
    await ring("work");
    await shows(id, "superseded");
    expect(await get(next.id)).toMatchObject({ status: "scheduled" });
    await expectBalanced("work");
  });

  test("one whose submit came to nothing takes no one's place", async () => {
    const id = await running("nothing");
    onPoint((point) => {
      if (point === "submit.written") throw new Error("the disk is gone");
    });
    await expect(newer("nothing", { onDuplicate: "supersede" })).rejects.toThrow();
    onPoint(undefined);
    gate("nothing").open();
    expect(await shows(id, "completed")).toMatchObject({ result: { name: "nothing" } });
    await expectBalanced("work");
  });

  test("[supersede] a waiter of the same id gets the new result; tags, delay, ttl and label are the new one's", async () => {
    const { id } = await old("content", {}, { delay: "1h", tags: { a: "old", b: "old" }, ttl: "1d", label: "old" });
    const result = workQ.task("play", id).result();
    const again = await newer("content", { onDuplicate: "supersede", delay: "2h", tags: { a: "new" }, label: "new", deadline: "3h" });
    const task = await get(id);
    expect(task).toMatchObject({ label: "new", tags: { a: "new" }, status: "scheduled", expiresAt: null });
    expect(task.tags).not.toHaveProperty("b");
    expect(task.deadline).not.toBeNull();
    expect(Date.parse(task.runAt!) - clock.now()).toBeGreaterThan(7_000_000);
    expect((await workQ.list({ tags: { b: "old" } })).items.map((item) => item.id)).toEqual([(again as { replacedId: string }).replacedId]);
    expect((await workQ.list({ tags: { a: "new" } })).items.map((item) => item.id)).toEqual([id]);
    await workQ.task("play", id).runNow();
    expect(await result).toMatchObject({ name: "content" });
  });

  test("a cancel of one that gives way already changes nothing", async () => {
    const { id } = await old("both", { do: "deaf" });
    await shows(id, "running");
    await newer("both", { onDuplicate: "supersede", delay: "1h" });
    await workQ.task("play", id).cancel();
    gate("both").open();
    await shows(id, "superseded");
  });
});

describe("debounce", () => {
  test("[debounce] #34 a burst runs once, with what came last; maxWait ends it", async () => {
    const onDuplicate = { debounce: "1h", maxWait: "90m" } as const;
    const first = await newer("burst", { onDuplicate });
    const at = Date.parse((await get(first.id)).runAt!);
    clock.advance(1_800_000);
    expect(await workQ.submit("play", { name: "burst", times: 3 }, { key: "burst", onDuplicate })).toMatchObject({
      outcome: "debounced",
      id: first.id,
    });
    // An hour from now is 90 minutes after the first.
    expect(Math.abs(Date.parse((await get(first.id)).runAt!) - at - 1_800_000)).toBeLessThan(60_000);
    const latest = (await get(first.id)).runAt;
    clock.advance(600_000);
    expect(await workQ.submit("play", { name: "burst", times: 4 }, { key: "burst", onDuplicate })).toMatchObject({
      outcome: "debounced",
      id: first.id,
    });
    expect(Date.parse((await get(first.id)).runAt!)).toBeLessThanOrEqual(at + 1_800_000);
    expect(Date.parse((await get(first.id)).runAt!)).toBeGreaterThanOrEqual(Date.parse(latest!));
    await workQ.task("play", first.id).runNow();
    expect(await shows(first.id, "completed")).toMatchObject({ payload: { times: 4 }, executions: 1 });
    expect(await newer("burst", { onDuplicate })).toMatchObject({ outcome: "inserted" });
    expect((await books("work")).state.totals.debounced).toBeGreaterThan(0);
  });
});

describe("over HTTP, in batches, as a type's default", () => {
  async function send(path: string, body: unknown): Promise<{ status: number; body: Record<string, unknown> }> {
    const request = new Request(`http://mill/v1/domains/work/tasks${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const response = await mill.fetch(request, { ...env, MILLRACE_AUTH: "open" } as unknown as Cloudflare.Env, createExecutionContext());
    return { status: response.status, body: await response.json() };
  }
  const task = (key: string, times: number, more: object = {}) => ({ type: "play", payload: { name: key, times }, key, ...more });

  test("[supersede] [debounce] [reject] superseded with replacedId, debounced, and 409 with the id", async () => {
    const { body } = await send("", task("http", 1, { delay: "1h" }));
    const replaced = await send("", task("http", 2, { onDuplicate: "supersede", delay: "1h" }));
    expect(replaced).toMatchObject({ status: 200, body: { outcome: "superseded", id: body.id, task: { payload: { times: 2 } } } });
    expect(await get(replaced.body.replacedId as string)).toMatchObject({ status: "superseded", payload: { times: 1 } });
    expect(await send("", task("http", 3, { onDuplicate: { debounce: "30m" } }))).toMatchObject({
      status: 200,
      body: { outcome: "debounced", id: body.id, task: { payload: { times: 3 } } },
    });
    expect(await send("", task("http", 4, { onDuplicate: "reject" }))).toMatchObject({
      status: 409,
      body: { code: "rejected_duplicate", id: body.id },
    });
    expect(await send("", task("http", 5, { onDuplicate: { debounce: "5s" }, delay: "1s" }))).toMatchObject({
      status: 400,
      body: { code: "invalid_request", issues: [{ path: "delay" }] },
    });
  });

  test("[reject] [batch] a rejected one refuses its whole batch, naming every index; the others of a joined transaction go in", async () => {
    const held = await old("batch held", {}, { delay: "1h" });
    const { inserted } = (await books("work")).state.totals;
    const answer = await send("/batch", {
      defaults: { onDuplicate: "reject", delay: "1h" },
      tasks: [task("batch free", 1), task("batch held", 2), task("batch free", 3)],
    });
    expect(answer).toMatchObject({
      status: 409,
      body: { code: "rejected_duplicate", id: held.id, failed: [{ index: 1, id: held.id }], issues: [{ path: "tasks.1" }] },
    });
    expect((await books("work")).state.totals.inserted).toBe(inserted);
    const joined = await Promise.allSettled(
      ["a", "b", "batch held", "c"].map((name) => newer(name, { onDuplicate: "reject", delay: "1h" })),
    );
    expect(joined.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
  });

  test("[batch] in a batch the last of equal keys counts, under its own strategy", async () => {
    const held = await old("last", {}, { delay: "1h" });
    const outcomes = await workQ.submitAll([
      { type: "play", payload: { name: "last", times: 5 }, key: "last", onDuplicate: "reject" },
      { type: "play", payload: { name: "last", times: 6 }, key: "last", onDuplicate: "supersede", delay: "1h" },
    ]);
    expect(outcomes).toMatchObject([
      { outcome: "duplicate", id: held.id },
      { outcome: "superseded", id: held.id },
    ]);
    expect(await get(held.id)).toMatchObject({ payload: { times: 6 } });
  });
});
