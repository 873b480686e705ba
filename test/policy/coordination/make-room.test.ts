import fc from "fast-check";
import { expect, test } from "vitest";
import { makeRoom } from "../../../src/policy/coordination/make-room.ts";
import { Ledger } from "../../../src/policy/coordination/ledger.ts";
import type { Demand, SyncAnswer } from "../../../src/policy/coordination/protocol.ts";
import { givesWayFirst, type Room, type RoomOrder, type Victim } from "../../../src/policy/coordination/victims.ts";

const START = 1_800_000_000_000;
const demand = (priority: number, count: number): Demand => ({ group: null, priority, count, oldestMs: 0 });

/** A mill whose slots are all in use; nobody who is told to stop has answered yet. Every message takes its turn. */
class Mill {
  readonly ledger: Ledger;
  readonly runs = new Map<string, (Victim & { yields: "" | "away" | "here" })[]>();
  asked = 0;
  #seq = 0;

  constructor(maxConcurrency: number) {
    this.ledger = new Ledger({ maxConcurrency, marks: [], now: START, urgentAt: 0 });
  }

  /** A domain runs these, by priority. */
  start(domain: string, running: readonly number[]): void {
    const { grant } = this.#sync(domain, 0, 0, [demand(255, running.length)]);
    expect(grant.slots).toBe(running.length);
    const victims = running.map((priority, n) => ({
      id: `${domain} ${n}`,
      priority,
      startedMsAgo: n,
      isLease: false,
      yields: "" as const,
    }));
    this.runs.set(domain, victims);
    this.#sync(domain, grant.version, running.length, []);
  }

  /** It waits for so many urgent ones, or others. */
  wants(domain: string, wanting: Demand[]): void {
    this.#sync(domain, START * 2, this.runs.get(domain)?.length ?? 0, wanting);
  }

  #sync(domain: string, version: number, using: number, wanting: Demand[]): SyncAnswer {
    const seq = (this.#seq += 1);
    return this.ledger.sync({ holder: domain, incarnation: domain, seq, version, holding: using, using, cap: null, wanting }, START);
  }

  async ask(domain: string, { over, most, stop }: RoomOrder): Promise<Room> {
    this.asked += 1;
    for (let turn = 0; turn < 3; turn += 1) await Promise.resolve();
    const runs = this.runs.get(domain) ?? [];
    const told = runs.filter((run) => stop?.ids.includes(run.id) && !run.yields);
    for (const run of told) run.yields = stop!.isForeign ? "away" : "here";
    const victims = runs.filter((run) => !run.yields && run.priority > over).sort(givesWayFirst);
    const to = (where: string) => runs.filter(({ yields }) => yields === where).length;
    return { victims: victims.slice(0, most), coming: to("away"), kept: to("here"), ...(stop ? { stopped: told.length } : {}) };
  }

  urgent(domain: string, count = 1): Promise<number> {
    const request = { domain, group: null, wishes: [{ priority: 0, count }] };
    const outlook = () => this.ledger.outlook(request, START);
    return makeRoom(request, { outlook, ask: (name, order) => this.ask(name, order) });
  }

  stopped(domain: string): number {
    return (this.runs.get(domain) ?? []).filter(({ yields }) => yields !== "").length;
  }
}

test("[preemption] two domains at the same instant: each has a victim of its own", async () => {
  const mill = new Mill(2);
  mill.start("c", [128, 255]);
  mill.wants("a", [demand(0, 1)]);
  mill.wants("b", [demand(0, 1)]);
  expect(await Promise.all([mill.urgent("a"), mill.urgent("b")])).toEqual([1, 2]);
  expect(mill.stopped("c")).toBe(2);
});

test("[preemption] asked again before the victims have answered, nobody else is stopped", async () => {
  const mill = new Mill(4);
  mill.start("c", [128, 128, 192, 255]);
  mill.wants("a", [demand(0, 1)]);
  mill.wants("b", [demand(0, 1)]);
  await mill.urgent("a");
  expect(mill.stopped("c"), "for a alone: b has not asked").toBe(1);
  await mill.urgent("b");
  for (const domain of ["a", "b", "a", "b"]) await mill.urgent(domain);
  expect(mill.runs.get("c")!.map(({ yields }) => yields)).toEqual(["", "", "away", "away"]);
});

test("[preemption] less urgent work that waits elsewhere keeps no slot from it", async () => {
  const mill = new Mill(2);
  mill.start("c", [255, 255]);
  mill.wants("b", [demand(128, 5)]);
  mill.wants("a", [demand(0, 1)]);
  await mill.urgent("a");
  await mill.urgent("a");
  expect(mill.stopped("c")).toBe(1);
});

test("[preemption] a storm of them stops no more than there are urgent tasks, and as many as can be", { timeout: 60_000 }, async () => {
  const domain = fc.record({ running: fc.array(fc.constantFrom(0, 128, 192, 255), { maxLength: 4 }), urgent: fc.nat({ max: 4 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(domain, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 3 }), async (domains, times) => {
      const cap = domains.reduce((sum, { running }) => sum + running.length, 0);
      fc.pre(cap > 0);
      const mill = new Mill(cap);
      for (const [n, { running }] of domains.entries()) mill.start(`d${n}`, running);
      for (const [n, { urgent }] of domains.entries()) if (urgent > 0) mill.wants(`d${n}`, [demand(0, urgent)]);
      const asking = domains.flatMap(({ urgent }, n) => (urgent > 0 ? [{ name: `d${n}`, urgent }] : []));
      for (let time = 0; time < times; time += 1) await Promise.all(asking.map(({ name, urgent }) => mill.urgent(name, urgent)));
      const all = [...mill.runs.values()].flat();
      const stopped = all.filter(({ yields }) => yields !== "");
      const wanted = asking.reduce((sum, { urgent }) => sum + urgent, 0);
      const could = all.filter(({ priority }) => priority > 0).length;
      expect(stopped.length).toBeLessThanOrEqual(wanted);
      expect(stopped.every(({ priority }) => priority > 0)).toBe(true);
      // Where a domain loses a run and wants a slot, its share is known only when that run has ended: then it asks again.
      if (domains.every(({ running, urgent }) => running.length === 0 || urgent === 0))
        expect(stopped.length).toBe(Math.min(wanted, could));
    }),
    { numRuns: 300 },
  );
});
