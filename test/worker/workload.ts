import { constant } from "millrace";
import { expect } from "vitest";
import { listenTo } from "../../src/durable/listen.ts";
import { reachCoordinator, reachDomain, reachNeighbour } from "../../src/durable/reach.ts";
import { clock } from "./clock.ts";
import { mill, otherQ, workQ } from "./index.ts";
import { crash, survive, type Time } from "./drive.ts";
import { platform } from "./lives.ts";
import { liveRounds } from "./laws.ts";
import { gate, type Script } from "./script.ts";
import { beats, code, deploy, permits } from "./singletons.ts";

interface Promised {
  id: string;
  /** The status it must end in. */
  end: string;
}

let serial = 0;

const SINGLETONS = ["steady", "always"];

/**
 * A bit of everything that a mill is asked for, made by a caller who repeats what broke. `promised` holds every task
 * whose submit was acknowledged, and how it must end.
 */
export class Workload {
  readonly promised: Promised[] = [];
  private readonly time: Time;
  private readonly name = `load ${(serial += 1)}`;
  private gates = 0;

  constructor(time: Time) {
    this.time = time;
  }

  async submit(script: Partial<Script>, end: string, options: object = {}, handle: typeof workQ = workQ): Promise<string> {
    const key = `${this.name} ${(serial += 1)}`;
    const payload = { name: key, ...script };
    const answer = await survive(() => handle.submit("play", payload as never, { ...options, idempotencyKey: key } as never));
    const { id } = answer as { id: string };
    this.promised.push({ id, end });
    return id;
  }

  async batch(type: "play" | "plain" | "forgotten", payloads: object[]): Promise<string[]> {
    const key = `${this.name} ${(serial += 1)}`;
    const answers = (await survive(
      () => workQ.submitAll(payloads.map((payload) => ({ type, payload })) as never, { idempotencyKey: key }) as Promise<unknown>,
    )) as { id: string }[];
    const end = type === "forgotten" ? "gone" : "completed";
    for (const { id } of answers) this.promised.push({ id, end });
    return answers.map(({ id }) => id);
  }

  readonly phases: Record<string, () => Promise<void>> = {
    small: () => this.small(),
    endings: () => this.endings(),
    crowd: () => this.crowd(),
    silent: () => this.silent(),
    recalled: () => this.recalled(),
    interrupted: () => this.interrupted(),
    lapsed: () => this.lapsed(),
    control: () => this.control(),
    urgent: () => this.urgent(),
    replaced: () => this.replaced(),
    graph: () => this.graph(),
    leased: () => this.leased(),
    rounds: () => this.rounds(),
    families: () => this.families(),
    across: () => this.across(),
    again: () => this.again(),
    clans: () => this.clans(),
    listened: () => this.listened(),
    bulk: () => this.bulk(),
  };

  /** Somebody listens to the whole mill, and again when the line breaks, until a task of it is heard of. */
  private async listened(): Promise<void> {
    let socket: WebSocket | undefined;
    let isHeard = false;
    const listen = async (): Promise<void> => {
      socket = await survive(() => listenTo(null, { events: ["task.completed"] }, undefined, false, clock));
      socket?.addEventListener("message", () => (isHeard = true));
      socket?.addEventListener("close", () => (socket = undefined));
      socket?.accept();
    };
    await this.time.until(
      "an event of the whole mill",
      async () => {
        if (!socket) await listen();
        await this.submit({}, "completed");
        return isHeard;
      },
      10_000,
    );
    socket?.close();
  }

  /** Short tasks: alone, in batches, and joined. */
  private async small(): Promise<void> {
    await this.batch(
      "plain",
      Array.from({ length: 20 }, (_, n) => ({ n })),
    );
    await this.batch("forgotten", [{ n: 1 }, { n: 2 }]);
    await Promise.all(Array.from({ length: 5 }, (_, n) => this.submit({}, "completed", { priority: n * 50 })));
    const key = `${this.name} key`;
    for (let n = 0; n < 3; n += 1) await this.submit({}, "completed", { key });
  }

  private async quick(count: number): Promise<void> {
    const ids = await this.batch(
      "play",
      Array.from({ length: count }, () => ({ name: `${this.name} ${(serial += 1)}` })),
    );
    await this.time.until("the end of short tasks", async () => (await this.status(ids.at(-1)!)) === "completed");
  }

  private async endings(): Promise<void> {
    await this.submit({ do: "permanent" }, "failed");
    await this.submit({ do: "flaky", times: 2 }, "completed");
    const dead = await this.submit({ do: "fail" }, "dead_letter");
    await this.submit({}, "completed", { delay: "3s" });
    await this.submit({}, "expired", { delay: "20s", ttl: "2s" });
    const soon = await this.submit({}, "completed", { delay: "1d" });
    await survive(() => workQ.task("play", soon).runNow());
    const waiting = await this.submit({}, "cancelled", { delay: "1d" });
    await survive(() => workQ.task("play", waiting).cancel());
    await this.time.until("the dead letter", async () => (await this.status(dead)) === "dead_letter");
    await survive(() => workQ.task("play", dead).retry());
  }

  /** Every slot taken, so that the other domain has to ask for one. */
  private async crowd(): Promise<void> {
    const gates = await this.hold(8);
    await this.submit({}, "completed", {}, otherQ as never);
    const cancelled = await this.submit({ do: "hold", name: "never" }, "cancelled", { priority: "high" });
    await survive(() => workQ.task("play", cancelled).why());
    gates.open(2);
    await this.time.until("the one to cancel", async () => (await this.status(cancelled)) === "running");
    // It has handed over its control by then.
    await this.pass(50, 5);
    await survive(() => workQ.task("play", cancelled).cancel());
    gates.open(8);
  }

  /** A coordinator that has forgotten who holds its slots, and asks in vain, again and again. */
  private async silent(): Promise<void> {
    const gates = await this.hold(8);
    await crash("mill");
    platform.cutOff = "work";
    await this.submit({}, "completed", {}, otherQ as never);
    await this.pass(12_000, 250);
    platform.cutOff = "";
    gates.open(8);
  }

  /** A long task, and behind it, in its run, some that have to be asked back. */
  private async recalled(): Promise<void> {
    // Enough short ones before, so that the domain has learnt to put many into a run.
    this.time.stepMs = 1;
    for (let most = 0, round = 0; most < 3 && round < 12 && !this.time.isInHurry; round += 1) {
      const before = platform.runs.length;
      await this.quick(24);
      most = Math.max(...platform.runs.slice(before).map((run) => run.length));
    }
    this.time.stepMs = 5;
    const name = this.gate();
    await this.batch("play", [{ do: "hold", name }, ...Array.from({ length: 30 }, (_, n) => ({ name: `${name} ${n}` }))]);
    await this.pass(150, 5);
    gate(name).open();
  }

  /** An object dies under runs that live on, a run breaks under an object that lives on. */
  private async interrupted(): Promise<void> {
    platform.outlive = true;
    const gates = await this.hold(3);
    platform.outlive = false;
    await crash("work");
    this.time.stepMs = 100;
    await this.quick(1);
    gates.open(3);
    platform.breaks = 1;
    await this.submit({}, "completed");
    await this.time.until("the broken run", () => platform.breaks === 0);
    this.time.stepMs = 5;
  }

  /** The coordinator is out of reach for so long that the grant ends. */
  private async lapsed(): Promise<void> {
    const gates = await this.hold(1);
    platform.cutOff = "work";
    await this.pass(40_000, 500);
    platform.cutOff = "";
    gates.open(1);
  }

  /** Newer submissions take the place of one that runs, and of one that does not. */
  private async replaced(): Promise<void> {
    for (const options of [{}, { delay: "2s" }]) {
      const key = this.gate();
      const submit = (script: object, more: object) =>
        survive(() =>
          workQ.submit(
            "play",
            { name: key, ...script } as never,
            { key, idempotencyKey: `${key} ${JSON.stringify(script)}`, ...more } as never,
          ),
        ) as Promise<{ id: string; replacedId: string }>;
      const { id } = await submit({ do: "hold" }, options);
      if (!("delay" in options)) await this.time.until("its start", async () => (await this.status(id)) === "running");
      // Sent back by a crash, it has not begun any more, and its id gets the new content.
      const next = await submit({ times: 2 }, { onDuplicate: "supersede" });
      this.promised.push({ id: next.id, end: "completed" }, { id: next.replacedId, end: "superseded" });
    }
  }

  /** Pull workers: one that completes, renews, fails, gives back, and one that dies with its lease. */
  private async leased(): Promise<void> {
    for (let n = 0; n < 4; n += 1) {
      const key = `${this.name} ${(serial += 1)}`;
      const { id } = (await survive(() => workQ.submit("pulled", { name: key }, { idempotencyKey: key, retry: constant(20, 0) })))!;
      this.promised.push({ id, end: "completed" });
    }
    for (const act of ["forget", "release", "fail", "complete"]) await this.work(act);
    await this.time.until(
      "the end of what is leased",
      async () => {
        await this.work("complete");
        return (await survive(() => workQ.count({ type: "pulled", status: ["pending", "scheduled", "running", "paused"] }))) === 0;
      },
      10_000,
    );
  }

  /** One claim, and what its worker makes of it. A claim whose answer is lost comes back when its lease ends. */
  private async work(act: string): Promise<void> {
    this.time.stepMs = 100;
    for (const held of (await survive(() => workQ.claim({ worker: "w", types: ["pulled"], lease: "5s", wait: "1s" }))) ?? []) {
      if (act === "forget") continue;
      await survive(() => held.renew({ progress: 0.5 }));
      if (act === "release") await survive(() => held.release());
      else if (act === "fail") await survive(() => held.fail("once"));
      else await survive(() => held.complete("done"));
    }
    this.time.stepMs = 5;
  }

  private async control(): Promise<void> {
    await survive(() => workQ.pause());
    await this.submit({}, "completed");
    await survive(() => workQ.setMaxConcurrency(4));
    await survive(() => workQ.resume());
    await survive(() => workQ.setMaxConcurrency(8));
    const schedule = (await survive(
      () => workQ.schedule({ name: "often", type: "play", payload: { name: "often" }, every: "10m" } as never) as never,
    )) as { id: string };
    await survive(() => workQ.schedule(schedule.id).trigger());
    await survive(() => workQ.schedule(schedule.id).delete());
    await survive(() => reachCoordinator(clock).configure({ maxConcurrency: 8 }));
    await survive(() => mill.group("crowd").set({ maxConcurrency: 4 }));
    await this.stopped();
    await survive(() => reachCoordinator(clock).sweepList());
    const { version, wake, start } = (await survive(() =>
      reachCoordinator(clock).startup({ version: this.name, wake: ["work"], start: [] }),
    ))!;
    await survive(() => reachCoordinator(clock).started({ version, woken: wake, started: start, failed: [] }));
  }

  /** Urgent work finds every slot of the mill taken, by its own domain and by another, then its domain's only one. */
  private async urgent(): Promise<void> {
    const other = otherQ as unknown as typeof workQ;
    const take = async (handle: typeof workQ): Promise<string> => {
      const name = this.gate();
      const id = await this.submit({ do: "hold", name }, "completed", { priority: "idle" }, handle);
      await this.time.until("a slot taken", async () => (await this.status(id)) === "running", 20_000);
      return name;
    };
    const rush = async (): Promise<void> => {
      const id = await this.submit({}, "completed", { priority: "realtime" });
      await this.time.until("the urgent one's end", async () => (await this.status(id)) === "completed", 20_000);
    };
    await survive(() => reachCoordinator(clock).configure({ maxConcurrency: 2 }));
    const names = [await take(workQ), await take(other)];
    await rush();
    await survive(() => reachCoordinator(clock).configure({ maxConcurrency: 8 }));
    await survive(() => workQ.setMaxConcurrency(1));
    await rush();
    await survive(() => workQ.setMaxConcurrency(8));
    for (const name of names) gate(name).open();
  }

  /** The whole mill is paused while something runs, and goes on: told to those at work, and to one that does not hear of it. */
  private async stopped(): Promise<void> {
    const gates = await this.hold(2);
    await survive(() => mill.pause());
    gates.open(1);
    const id = await this.submit({}, "completed");
    await this.time.until("the pause", async () => (await this.status(id)) === "paused");
    await survive(() => mill.group("g").pause());
    const member = await this.submit({}, "completed", { group: "g" });
    await survive(() => mill.resume());
    await this.time.until("the group's pause", async () => (await this.status(member)) === "paused");
    await survive(() => mill.group("g").resume());
    // One of them does not end in time, and is given back; it needs a slot again first, which takes as long as a sync does.
    await this.time.until("work to drain", async () => (await this.status(gates.last)) === "running", 20_000);
    await survive(() => workQ.drain({ timeout: 100 }));
    gates.open(2);
    await survive(() => workQ.resume());
    await survive(() => mill.settings({ aging: null }));
  }

  /** Tasks that wait for others, and what becomes of them however those end. */
  private async graph(): Promise<void> {
    const gates = await this.hold(1);
    const top = this.promised.at(-1)!.id;
    const middle = await this.submit({}, "completed", { dependsOn: [top] });
    await this.submit({}, "completed", { dependsOn: [top, middle], onDependencyFailure: "fail" });
    const waiting = await this.submit({}, "cancelled", { delay: "1d" });
    const failing = await this.submit({ do: "permanent" }, "failed", { delay: "1d" });
    const expiring = await this.submit({}, "expired", { delay: "20s", ttl: "2s" });
    for (const id of [failing, expiring, waiting]) {
      const fallen = await this.submit({}, "dependency_failed", { dependsOn: [middle, id] });
      // Had that one ended before, `ignore` would see a failure as any other; it is taken along only by the fall itself.
      if (id !== expiring) await this.submit({}, "dependency_failed", { dependsOn: [fallen, id], onDependencyFailure: "ignore" });
      const failed = await this.submit({}, "dependency_failed", { dependsOn: [id], onDependencyFailure: "fail" });
      await this.submit({}, "completed", { dependsOn: [failed, middle], onDependencyFailure: "ignore" });
    }
    gates.open(1);
    await survive(() => workQ.task("play", waiting).cancel());
    await survive(() => workQ.task("play", failing).runNow());
    await this.time.until("the failure", async () => (await this.status(failing)) === "failed");
  }

  /** Singletons that a deploy brings, one of which follows itself at once, and that the next one takes away: one round of each lives. */
  private async rounds(): Promise<void> {
    deploy(...SINGLETONS);
    await survive(() => reachDomain("rounds").poke());
    for (let n = 0; n < 3; n += 1) {
      const before = beats.length;
      permits["always"] = 1;
      await this.time.until("another round", () => beats.slice(before).some(({ name }) => name === "always"), 20_000);
      for (const name of SINGLETONS) expect(await survive(() => liveRounds(name)), `live rounds of ${name}`).toBe(1);
    }
    permits["always"] = 0;
    for (const name of SINGLETONS) code.delete(name);
    await survive(() => reachDomain("rounds").poke());
    for (const name of SINGLETONS)
      await this.time.until(`the end of ${name}`, async () => (await survive(() => liveRounds(name))) === 0, 20_000);
    // Its grant ends, so that all slots are the others' again.
    await this.pass(35_000, 500);
  }

  /** Parents and children: one that ends well, one that fails by a child, one that is cancelled; no parent is left waiting. */
  private async families(): Promise<void> {
    const child = (script: object = {}, options: object = {}) => ({
      payload: { name: `${this.name} child`, ...script },
      options: { key: null, ...options },
    });
    const parent = (name: string, more: object) => ({ type: "parent", payload: { name: `${this.name} ${name}`, ...more } });
    const sibling = { type: "lone", payload: { name: `${this.name} sister`, siblings: true, children: [child()] } };
    const again = await this.parent({}, "completed");
    await this.time.until("its end", async () => (await this.status(again)) === "completed", 20_000);
    await survive(() => workQ.task("play", again).backfill());
    await this.parent({ children: [child({ do: "flaky", times: 1 }), sibling, parent("branch", { children: [child()] })] }, "completed");
    await this.parent({ children: [child(), child({ do: "permanent" })] }, "completed", { failFast: false });
    await this.parent({ together: true, children: [child({ do: "hold", name: "never" }), child({ do: "permanent" })] }, "failed");
    const far = (script: object = {}, options: object = {}) => ({ ...child(script, options), type: "other::play" });
    // What hangs is given up after a while.
    this.time.stepMs = 100;
    platform.lostMessages = 1;
    await this.parent({ children: [far({ do: "flaky", times: 1 }), child(), far()] }, "completed");
    platform.lostAnswers = 1;
    await this.parent({ children: [far({}, { delay: "1d" }), far({ do: "permanent" })] }, "failed");
    await this.joined();
    const doomed = await this.parent(
      { children: [parent("doomed", { children: [child({}, { delay: "1d" }), far({}, { delay: "1d" })] })] },
      "cancelled",
    );
    await this.time.until("its wait", async () => (await this.status(doomed)) === "waiting");
    await survive(() => workQ.task("play", doomed).cancel());
    for (const { id } of [...this.parents]) await this.census(id);
    this.time.stepMs = 5;
  }

  /** A child from outside, for another domain, while its parent runs. */
  private async joined(): Promise<void> {
    const name = this.gate();
    const id = await this.parent({ script: { do: "hold", name } }, "completed");
    await this.time.until("its start", async () => (await this.status(id)) === "running", 20_000);
    await survive(() =>
      otherQ.submit("play", { name: `${name} child` } as never, { parent: id, idempotencyKey: `${name} child` } as never),
    );
    gate(name).open();
  }

  private readonly parents: Promised[] = [];

  private async parent(family: object, end: string, options: object = {}): Promise<string> {
    const key = `${this.name} ${(serial += 1)}`;
    const payload = { name: key, ...family };
    const { id } = (await survive(() => workQ.submit("parent", payload as never, { ...options, idempotencyKey: key } as never)))!;
    this.promised.push({ id, end });
    this.parents.push({ id, end });
    return id;
  }

  /** Its children count as promised, too, once it has ended; how they must end, their parent's end tells. */
  private async census(id: string): Promise<void> {
    const over = async (one: string) =>
      (await survive((): Promise<{ finishedAt: string | null }> => workQ.task("play", one).get()))?.finishedAt !== null;
    await this.time.until(`the end of ${id}`, () => over(id), 20_000);
    for (const { id: child } of (await survive(() => workQ.list({ parent: id })))?.items ?? []) {
      await this.time.until(`the end of ${child}`, () => over(child), 20_000);
      this.promised.push({ id: child, end: await this.status(child) });
      await this.census(child);
    }
    const away = otherQ as unknown as typeof workQ;
    for (const { id: child } of (await survive(() => away.list({ parent: id })))?.items ?? []) {
      const isOver = async () =>
        (await survive((): Promise<{ finishedAt: string | null }> => away.task("play", child).get()))?.finishedAt !== null;
      await this.time.until(`the end of ${child}`, isOver, 20_000);
    }
  }

  /** Tasks that wait for some of another domain, while messages between them are lost. */
  private async across(): Promise<void> {
    const name = this.gate();
    const away = otherQ as unknown as typeof workQ;
    // After a crash it may take most of a minute until a slot comes free.
    this.time.stepMs = 50;
    const held = await this.submit({ do: "hold", name }, "completed", {}, away);
    const failing = await this.submit({ do: "permanent" }, "failed", { delay: "1d" }, away);
    const cancelled = await this.submit({}, "cancelled", { delay: "1d" }, away);
    platform.lostMessages = 1;
    const first = await this.submit({}, "completed", { dependsOn: [held] });
    await this.submit({}, "completed", { dependsOn: [first] }, away);
    await this.submit({}, "completed", { dependsOn: [held, first, failing], onDependencyFailure: "ignore" });
    const fallen = await this.submit({}, "dependency_failed", { dependsOn: [cancelled, held] });
    await this.submit({}, "dependency_failed", { dependsOn: [fallen], onDependencyFailure: "fail" }, away);
    await this.submit({}, "dependency_failed", { dependsOn: [failing], onDependencyFailure: "fail" });
    // Of another version of the code, say; those beside it go their way.
    const bad = { id: 1, kind: "nonsense", body: null };
    await survive(() => reachNeighbour("work", clock).deliver("other", [bad, { id: 2, kind: "unwatch", body: [] }]));
    platform.lostAnswers = 1;
    await this.overtaken(away);
    await survive(() => workQ.task("play", first).graph());
    gate(name).open();
    await survive(() => away.task("play", cancelled).cancel());
    await survive(() => away.task("play", failing).runNow());
    await this.time.until("the failure", async () => (await this.status(failing)) === "failed");
    await this.time.until("the end of what waited for it", async () => (await this.status(first)) === "completed");
    this.time.stepMs = 5;
  }

  /** A chain through both domains that has ended, well or not, runs once more from its top. */
  private async again(): Promise<void> {
    const away = otherQ as unknown as typeof workQ;
    this.time.stepMs = 50;
    const top = await this.submit({}, "completed");
    const middle = await this.submit({}, "completed", { dependsOn: [top] }, away);
    const last = await this.submit({}, "completed", { dependsOn: [middle, top] });
    const cancelled = await this.submit({}, "completed", { dependsOn: [middle, last], delay: "1d" }, away);
    const fallen = await this.submit({}, "completed", { dependsOn: [cancelled] });
    await this.time.until("the end of the chain", async () => (await this.status(last)) === "completed");
    await survive(() => away.task("play", cancelled).cancel());
    await this.time.until("the fall", async () => (await this.status(fallen)) === "dependency_failed");
    platform.lostMessages = 1;
    await survive(() => workQ.task("play", top).backfill());
    platform.lostAnswers = 1;
    const executions = async (id: string) =>
      (await survive((): Promise<{ executions: number }> => (id.startsWith("work_") ? workQ : away).task("play", id).get()))!.executions;
    for (const id of [top, middle, last])
      await this.time.until(
        `another execution of ${id}`,
        async () => (await executions(id)) > 1 && (await this.status(id)) === "completed",
      );
    for (const id of [cancelled, fallen])
      await this.time.until(`the execution of ${id}`, async () => (await this.status(id)) === "completed");
    this.time.stepMs = 5;
  }

  /** Families over both domains, in which members fail, are cancelled, give way to others, and wait for tasks outside. */
  private async clans(): Promise<void> {
    const away = otherQ as unknown as typeof workQ;
    this.time.stepMs = 100;
    const near = (script: object = {}, options: object = {}) => ({
      payload: { name: `${this.name} near`, ...script },
      options: { key: null, ...options },
    });
    const far = (script: object = {}, options: object = {}) => ({ ...near(script, options), type: "other::play" });
    const apart = await this.submit({}, "completed", { delay: "2s" }, away);
    const sister = {
      type: "other::lone",
      payload: { name: `${this.name} sister`, siblings: true, children: [{ ...near(), type: "work::play" }, far()] },
    };
    const earlier = this.parents.length;
    const whole = await this.parent({ children: [far({}, { dependsOn: [apart] }), near({}, { dependsOn: [apart] }), sister] }, "completed");
    // Two domains, one after the other: what waits for a family, and what it is handed.
    await this.submit({}, "completed", { dependsOn: [whole] }, away);
    await this.parent({ children: [near({ do: "hold", name: "never" }), far({ do: "permanent" })] }, "failed");
    await this.parent({ children: [far({}, { delay: "1d" }), far({ do: "hold", name: "never" }), near({ do: "permanent" })] }, "failed");
    await this.parent({ children: [far({ do: "permanent" }), near({ do: "permanent" }), far()] }, "completed", { failFast: false });
    const key = this.gate();
    const old = await this.parent({ children: [far({}, { delay: "1d" }), near({}, { delay: "1d" })] }, "superseded", { key });
    await this.time.until("the wait of what gives way", async () => (await this.status(old)) === "waiting", 20_000);
    await this.parent({ name: `${key} next`, children: [far()] }, "completed", { key, onDuplicate: "supersede" });
    for (const { id } of this.parents.slice(earlier)) await this.census(id);
    this.time.stepMs = 5;
  }

  /** A begun task on which some of both domains depend gives way to a newer one, which they wait for from then on. */
  private async overtaken(away: typeof workQ): Promise<void> {
    const key = this.gate();
    const submit = (script: object, more: object) =>
      survive(() =>
        workQ.submit(
          "play",
          { name: key, ...script } as never,
          { key, idempotencyKey: `${key} ${JSON.stringify(script)}`, ...more } as never,
        ),
      ) as Promise<{ id: string; replacedId: string }>;
    const old = await submit({ do: "hold" }, {});
    await this.time.until("the start of what gives way", async () => (await this.status(old.id)) === "running");
    await this.submit({}, "completed", { dependsOn: [old.id] });
    await this.submit({}, "completed", { dependsOn: [old.id] }, away);
    const apart = await this.submit({}, "completed", {}, away);
    const next = await submit({ times: 2 }, { onDuplicate: "supersede", dependsOn: [apart] });
    // Sent back by a crash, it has not begun any more, and its id gets the new content.
    this.promised.push({ id: next.id, end: "completed" }, { id: next.replacedId, end: "superseded" });
  }

  /** Many at once, from a backlog that nothing runs: what is cancelled is run again, by two jobs one after the other. */
  private async bulk(): Promise<void> {
    const name = `${this.name} bulk ${(serial += 1)}`;
    for (let n = 0; n < 4; n += 1) await this.submit({ name: `${name} ${n}` }, "completed", { delay: "1d", tags: { bulk: name } });
    for (const action of ["cancel", "retry"] as const) {
      const filter = { tags: { bulk: name }, ...(action === "retry" ? { status: "cancelled" as const } : {}) };
      const start = () => (action === "cancel" ? workQ.cancelWhere : workQ.retryWhere)(filter, { idempotencyKey: `${name} ${action}` });
      const job = (await survive(start))!;
      await this.time.until(`the end of ${action}`, async () => (await survive(() => job.get()))?.finished === true, 20_000);
      expect(await job.get()).toMatchObject({ matched: 4, done: 4, failed: 0 });
    }
  }

  /** Time passes, in steps. */
  private async pass(ms: number, stepMs: number): Promise<void> {
    const end = clock.now() + ms;
    this.time.stepMs = stepMs;
    await this.time.until("the passing of time", () => clock.now() >= end);
    this.time.stepMs = 5;
  }

  /** Tasks that run until their gates are opened; all of them are under way when it answers, if nothing dies meanwhile. */
  private async hold(count: number): Promise<{ last: string; open(upTo: number): void }> {
    const names = Array.from({ length: count }, () => this.gate());
    const ids: string[] = [];
    for (const name of names) ids.push(await this.submit({ do: "hold", name }, "completed", { priority: "realtime" }));
    const last = ids.at(-1)!;
    await this.time.until("the start of the last", async () => (await this.status(last)) === "running", 20_000);
    return { last, open: (upTo) => names.slice(0, upTo).forEach((name) => gate(name).open()) };
  }

  private gate(): string {
    return `${this.name} gate ${(this.gates += 1)}`;
  }

  private async status(id: string): Promise<string> {
    const handle = id.startsWith("work_") ? workQ : (otherQ as unknown as typeof workQ);
    return (await survive((): Promise<{ status: string }> => handle.task("play", id).get()))?.status ?? "gone";
  }

  /** Time passes until everything promised has come true. */
  async drain(): Promise<void> {
    this.time.stepMs = 250;
    const rest = new Map(this.promised.map(({ id, end }) => [id, end]));
    await this.time.until("the end of everything", async () => {
      for (const id of rest.keys()) {
        const handle = id.startsWith("work_") ? workQ : otherQ;
        const task = await survive((): Promise<{ status: string; finishedAt: string | null }> =>
          (handle as typeof workQ).task("play", id).get(),
        );
        if (task !== undefined && task.finishedAt === null) return false;
        const status = task?.status ?? "gone";
        if (status !== rest.get(id)) throw new Error(`${id} was to end ${rest.get(id)}, and is ${status}: ${JSON.stringify(task)}`);
        rest.delete(id);
      }
      return true;
    });
    this.time.stepMs = 5;
  }

  /** Time passes until domains have told each other everything. */
  async delivered(): Promise<void> {
    this.time.stepMs = 250;
    const waiting = (handle: typeof workQ) => survive(() => handle.snapshot()).then((snapshot) => snapshot!.outbox.length);
    await this.time.until(
      "the delivery of every message",
      async () => (await waiting(workQ)) + (await waiting(otherQ as unknown as typeof workQ)) === 0,
    );
    this.time.stepMs = 5;
  }

  /** Every slot can be used again. */
  async fillAllSlots(): Promise<void> {
    // Others hold theirs until their grants end.
    this.time.stepMs = 100;
    const gates = await this.hold(8);
    const running = () => survive(() => workQ.snapshot()).then((snapshot) => snapshot?.running.length);
    await this.time.until("the use of all slots", async () => (await running()) === 8);
    gates.open(8);
    this.time.stepMs = 5;
  }
}
