import { createExecutionContext, env, runInDurableObject } from "cloudflare:test";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { reachCoordinator } from "../../src/durable/reach.ts";
import type { GateName, Why } from "../../src/policy/why.ts";
import { clock } from "../worker/clock.ts";
import { crash, survive, Time } from "../worker/drive.ts";
import { found } from "../worker/faults.ts";
import { mill, otherQ, workQ } from "../worker/index.ts";
import { platform } from "../worker/lives.ts";
import { rows, stub } from "../worker/reach.ts";
import { gate } from "../worker/script.ts";

const time = new Time(["work"]);
const coordinator = reachCoordinator(clock);
beforeAll(() => {
  clock.takeOver();
  time.stepMs = 50;
  time.start();
});
afterAll(() => time.stop());

let serial = 0;
/** A run is under way that nobody will ever answer for. */
let broken = false;
/** What a test holds on to, let go at its end whatever became of it. */
const held: string[] = [];
const fresh = (): string => {
  const name = `why ${(serial += 1)}`;
  held.push(name);
  return name;
};
afterEach(async () => {
  platform.cutOff = "";
  platform.takes = undefined;
  await coordinator.configure({ maxConcurrency: 8 });
  await workQ.setMaxConcurrency(8);
  await mill.resume();
  await mill.pressure("quota", 0, "1s");
  await mill.group("halted").resume();
  for (const { name } of await mill.groups()) await mill.group(name).set({ maxConcurrency: null, rate: null });
  await workQ.resume();
  for (const name of held.splice(0)) gate(name).open();
  const live = await workQ.list({ status: ["pending", "scheduled", "blocked", "running", "paused"], limit: 500 });
  for (const { id } of live.items) await survive(() => workQ.task("play", id).cancel());
  if (broken) await crash("work");
  broken = false;
  // What nobody answers for runs out: leases, and runs of an object that died.
  time.stepMs = 1_000;
  await time.until("quiet", async () => {
    const { counts } = await workQ.snapshot();
    return counts.pending + counts.running + counts.blocked + counts.scheduled + counts.paused === 0;
  });
  time.stepMs = 50;
});

const get = (id: string) => workQ.task("play", id).get();
const why = (id: string): Promise<Why> => workQ.task("play", id).why();
const counter = (id: string) => Number(id.split("_")[1]);
const submit = async (script: object = {}, options: object = {}): Promise<string> =>
  (await workQ.submit("play", { do: "hold", name: fresh(), ...script }, { key: null, ...options })).id;
const shows = (id: string, status: string) => time.until(`${id} to be ${status}`, async () => (await get(id)).status === status);
const running = async (script: object = {}, options: object = {}): Promise<string> => {
  const id = await submit(script, options);
  await shows(id, "running");
  return id;
};
const settled = (): Promise<void> =>
  time.until("the coordinator's answer", async () => (await coordinator.snapshot()).holders.some(({ wanting }) => wanting > 0));

/** Enough short tasks that the domain puts many into one run. */
async function learn(): Promise<void> {
  for (let most = 0; most < 3;) {
    const before = platform.runs.length;
    clock.freeze();
    const answers = await workQ.submitAll(
      Array.from({ length: 24 }, (_, n) => ({ type: "play" as const, payload: { name: `quick ${before} ${n}` }, key: null })) as never,
    );
    for (const { id } of answers as { id: string }[]) await shows(id, "completed");
    clock.thaw();
    most = Math.max(...platform.runs.slice(before).map((run) => run.length));
  }
}

interface Case {
  /** All the gates that hold it, in their order. */
  gates: GateName[];
  /** What is said of the first one. */
  says: RegExp | ((id: string) => string);
  /** How far ahead the first one opens, in ms; absent: nobody knows. */
  opens?: number;
  make(): Promise<string>;
}

/** A task held by each gate, and by several at once. */
const CASES: Record<string, Case> = {
  "a run time in the future": { gates: ["scheduled"], says: /not come/, opens: 3_600_000, make: () => submit({}, { delay: "1h" }) },
  "a retry's delay": {
    gates: ["retry"],
    says: /^Attempt 1 failed \(Try again in/,
    opens: 3_600_000,
    make: async () => {
      const id = await submit({ do: "later" });
      await shows(id, "scheduled");
      return id;
    },
  },
  dependencies: {
    gates: ["dependencies"],
    says: /waits for 2 tasks .*work_\d+ \(scheduled\), work_\d+ \(scheduled\)/,
    make: async () => submit({}, { dependsOn: [await submit({}, { delay: "1h" }), await submit({}, { delay: "1h" })] }),
  },
  "dependencies and a run time": {
    gates: ["scheduled", "dependencies"],
    says: /not come/,
    opens: 7_200_000,
    make: async () => submit({}, { dependsOn: [await submit({}, { delay: "1h" })], delay: "2h" }),
  },
  "a dependency of another domain": {
    gates: ["dependencies"],
    says: /waits for 1 task that it depends on: other_\d+ \(/,
    make: async () => {
      const { id } = await otherQ.submit("play", { name: fresh() }, { delay: "1h" });
      return submit({}, { dependsOn: [id] });
    },
  },
  "one that has begun under its key": {
    gates: ["successor"],
    says: /^It follows work_\d+,/,
    make: async () => {
      const key = fresh();
      await running({}, { key });
      return submit({}, { key });
    },
  },
  children: {
    gates: ["children"],
    says: /waits for 2 of its 2 children: work_\d+, work_\d+\.$/,
    make: async () => {
      const child = () => ({ type: "play", payload: { do: "hold", name: fresh() } });
      const { id } = await workQ.submit("parent", { name: fresh(), children: [child(), child()] } as never, { key: null } as never);
      await shows(id, "waiting");
      return id;
    },
  },
  "a pause of the mill": {
    gates: ["mill_paused"],
    says: /whole mill is paused/,
    make: async () => (await mill.pause(), submit()),
  },
  "a pause of the domain, and of the mill, before its run time": {
    gates: ["scheduled", "mill_paused", "domain_paused"],
    says: /not come/,
    opens: 3_600_000,
    make: async () => (await workQ.pause(), await mill.pause(), submit({}, { delay: "1h" })),
  },
  "a pause of its group, with an end": {
    gates: ["group_paused"],
    says: /^Its group halted is paused; it goes on by itself/,
    opens: 3_600_000,
    make: async () => {
      await mill.group("halted").pause({ until: new Date(clock.now() + 3_600_000) });
      return submit({}, { group: "halted" });
    },
  },
  "a type that the code does not have": {
    gates: ["unregistered"],
    says: /no type gone in domain work/,
    make: async () => {
      await workQ.pause();
      const id = await submit();
      await found("work", (sql) => sql.exec("UPDATE tasks SET type = 'gone' WHERE id = ?", counter(id)));
      await workQ.resume();
      return id;
    },
  },
  "no pull worker that asks": {
    gates: ["claimers"],
    says: /for pull workers, and none is asking/,
    make: async () => (await workQ.submit("pulled", { name: fresh() })).id,
  },
  "the domain's cap": {
    gates: ["domain_cap"],
    says: /1 of 1 slots/,
    make: async () => {
      await workQ.setMaxConcurrency(1);
      await running();
      return submit();
    },
  },
  "the domain's cap, behind others": {
    gates: ["order", "domain_cap"],
    says: /^3 ready tasks/,
    make: async () => {
      await workQ.setMaxConcurrency(1);
      await running();
      await submit({}, { priority: "high" });
      await submit();
      await submit();
      const id = await submit();
      await submit();
      return id;
    },
  },
  "an isolate that ended under it and others": {
    gates: ["suspect", "order", "domain_cap"],
    says: /runs alone/,
    make: async () => {
      await workQ.setMaxConcurrency(1);
      await running();
      await submit();
      const id = await submit();
      await rows("work", "UPDATE tasks SET suspect = 1 WHERE id = ? RETURNING id", counter(id));
      return id;
    },
  },
  pressure: {
    gates: ["pressure"],
    says: /^The pressure is 0.8, said by quota; tasks of its priority wait while it is above 0.75\.$/,
    opens: 3_600_000,
    make: async () => {
      await mill.pressure("quota", 0.8, "1h");
      return submit();
    },
  },
  "its group's cap": {
    gates: ["group_cap"],
    says: /^The cap of group narrow: 1 of the 1 slot .*, 1 of 1 in the whole mill\.$/,
    make: async () => {
      await mill.group("narrow").set({ maxConcurrency: 1 });
      await running({}, { group: "narrow" });
      const id = await submit({}, { group: "narrow" });
      await time.until("the gate", async () => (await why(id)).gates.some(({ gate }) => gate === "group_cap"));
      return id;
    },
  },
  "its group's rate limit": {
    gates: ["group_rate"],
    says: /^The rate limit of group slow: no token is left\.$/,
    opens: 3_600_000,
    make: async () => {
      await mill.group("slow").set({ rate: { permits: 1, per: "1h", burst: 1 } });
      const first = await submit({ do: "ok" }, { group: "slow" });
      await shows(first, "completed");
      const id = await submit({}, { group: "slow" });
      await time.until("the gate", async () => (await why(id)).gates.some(({ until }) => until !== undefined));
      return id;
    },
  },
  "the mill's cap": {
    gates: ["mill_cap"],
    says: /2 of 2 slots are taken/,
    make: async () => {
      await coordinator.configure({ maxConcurrency: 2 });
      await running();
      await running();
      const id = await submit();
      await settled();
      return id;
    },
  },
  "a coordinator that has granted nothing": {
    gates: ["slot"],
    says: /all of the 0 slots/,
    make: async () => {
      // The grant runs out, and no sync gets through.
      platform.cutOff = "work";
      time.stepMs = 1_000;
      const end = clock.now() + 60_000;
      await time.until("the end of the grant", () => clock.now() > end);
      time.stepMs = 50;
      return submit();
    },
  },
  "a run whose tasks come first": {
    gates: ["run"],
    says: /one after another: work_\d+.* first/,
    make: async () => {
      await learn();
      await workQ.setMaxConcurrency(1);
      platform.takes = async () => {
        for (;;) await scheduler.wait(1);
      };
      const answers = (await workQ.submitAll(
        Array.from({ length: 4 }, () => ({ type: "play" as const, payload: { name: fresh() }, key: null })) as never,
      )) as { id: string }[];
      await shows(answers[0]!.id, "running");
      const [ids] = platform.runs.slice(-1);
      broken = true;
      expect(ids!.length).toBeGreaterThan(1);
      return `work_${ids!.at(-1)}`;
    },
  },
  "a restart of the object, with its run under way": {
    gates: ["orphaned"],
    says: /has restarted/,
    make: async () => {
      const id = await running();
      await crash("work");
      return id;
    },
  },
  "a cancel that its executor has not heeded": {
    gates: ["stopping"],
    says: /^It was cancelled, and its executor has not answered/,
    make: async () => {
      const id = await running({ do: "deaf" });
      await workQ.task("play", id).cancel();
      return id;
    },
  },
  "a pause that its executor has not heeded": {
    gates: ["stopping"],
    says: /^It was paused/,
    make: async () => {
      const id = await running({ do: "deaf" });
      await workQ.pause();
      return id;
    },
  },
  "a cancel that its worker has not seen": {
    gates: ["stopping"],
    says: /^It was cancelled, and worker w7 has not answered/,
    opens: 60_000,
    make: async () => {
      const { id } = await workQ.submit("pulled", { name: fresh() });
      await workQ.claim({ worker: "w7", types: ["pulled"], lease: "1m", wait: "20s" });
      await workQ.task("pulled", id).cancel();
      return id;
    },
  },
};

describe("[why] a task held by", { timeout: 180_000 }, () => {
  test.each(Object.entries(CASES))("%s", async (_name, { gates, says, opens, make }) => {
    const id = await make();
    const { runnable, gates: seen } = await why(id);
    expect(runnable).toBe(false);
    expect(seen.map(({ gate }) => gate)).toEqual(gates);
    expect(seen[0]!.detail).toMatch(typeof says === "function" ? says(id) : says);
    if (opens === undefined && gates[0] !== "orphaned") expect(seen[0]).not.toHaveProperty("until");
    else expect(Date.parse(seen[0]!.until!)).toBeGreaterThan(clock.now());
    if (opens !== undefined) expect(Date.parse(seen[0]!.until!)).toBeLessThanOrEqual(clock.now() + opens);
  });

  test("many gates at once: each is named until it opens, and no longer", async () => {
    const named = async (id: string) => (await why(id)).gates.map(({ gate }) => gate);
    await workQ.setRate("play", { permits: 1, per: "1h" });
    await shows(await submit({ do: "ok" }), "completed");
    await mill.group("crowd").set({ rate: { permits: 1, per: "1h" } });
    await shows((await workQ.submit("plain", { n: 1 }, { group: "crowd" })).id, "completed");
    await mill.pressure("quota", 0.8, "1h");
    await mill.group("crowd").pause();
    await workQ.pause();
    await mill.pause();
    const id = await submit({ do: "ok" }, { group: "crowd" });
    const inside = ["pressure", "type_rate"];
    expect(await named(id)).toEqual(["mill_paused", "domain_paused", "group_paused", ...inside, "group_rate"]);
    await mill.resume();
    expect(await named(id)).toEqual(["domain_paused", "group_paused", ...inside, "group_rate"]);
    await mill.group("crowd").resume();
    expect(await named(id)).toEqual(["domain_paused", ...inside, "group_rate"]);
    await workQ.resume();
    expect((await named(id)).slice(0, 2)).toEqual(inside);
    await mill.pressure("quota", 0, "1s");
    expect((await named(id))[0]).toBe("type_rate");
    await workQ.setRate("play", null);
    await time.until("its group's gate alone", async () => (await named(id)).join() === "group_rate");
    await mill.group("crowd").set({ rate: null });
    await shows(id, "completed");
  });

  test("nothing: one that runs is runnable, one that has ended is not", async () => {
    const id = await running();
    expect(await why(id)).toEqual({ runnable: true, gates: [] });
    gate(held.at(-1)!).open();
    await shows(id, "completed");
    expect(await why(id)).toEqual({ runnable: false, gates: [] });
  });

  test("and it opens when it said that it would", async () => {
    const id = await submit({ do: "ok" }, { delay: "10s" });
    const { gates } = await why(id);
    await time.until("its end", async () => (await get(id)).finishedAt !== null);
    expect(Date.parse((await get(id)).startedAt!)).toBeGreaterThanOrEqual(Date.parse(gates[0]!.until!));
  });
});

test("[why] over HTTP, and for a task that is not there", async () => {
  const ask = async (id: string) => {
    const response = await mill.fetch(
      new Request(`http://mill/v1/tasks/${id}/why`),
      { ...env, MILLRACE_AUTH: "open" } as unknown as Cloudflare.Env,
      createExecutionContext(),
    );
    return { status: response.status, body: await response.json() };
  };
  const id = await submit({}, { delay: "1h" });
  expect(await ask(id)).toEqual({ status: 200, body: await why(id) });
  expect(await ask("work_999999")).toMatchObject({ status: 404, body: { code: "task_not_found" } });
});

test("[why] a question writes nothing", async () => {
  await workQ.setMaxConcurrency(1);
  await running();
  const id = await submit();
  const written = () =>
    runInDurableObject(stub("work"), (_object, { storage }) => storage.sql.exec<{ json: string }>("SELECT json FROM state").one().json);
  const before = await written();
  await time.stop();
  await why(id);
  expect(await written()).toBe(before);
  time.start();
});
