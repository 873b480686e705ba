import type { DomainFigures } from "../../../policy/figures.ts";
import { type Confirmation, COORDINATION, type CoordinatorApi, type Grant } from "../../../policy/coordination/protocol.ts";
import { point } from "../../point.ts";
import { figuresFor } from "../look/figures.ts";
import type { Core } from "../core.ts";
import { dispatch } from "../run/dispatch.ts";
import { heed } from "./pause.ts";
import { readTask } from "../rows.ts";
import { Urgent } from "./urgent.ts";
import { wantingOf } from "./wanting.ts";

const AGES_MAX = 2_000;
const FIGURES_MS = 5_000;

/** Gets slots from the coordinator and gives them back: few calls, never one per task. */
export class Syncer {
  private readonly core: Core;
  readonly reach: () => CoordinatorApi;
  private stopTimer: (() => void) | undefined;
  /** Who waits for an answer of the coordinator. */
  private readonly askers = new Set<() => void>();
  /** When the coordinator last said what holds. */
  private heardAt = -Infinity;
  /** When the oldest task of each level was submitted, as far as it was asked for. */
  private readonly ages = new Map<number, number>();
  private turn = 0;
  /** When it last told its figures, and what had happened by then. */
  private toldAt = -Infinity;
  private toldSeq = 0;
  private readonly urgent: Urgent;

  constructor(core: Core, reach: () => CoordinatorApi) {
    this.core = core;
    this.reach = reach;
    this.urgent = new Urgent(core, reach);
  }

  /** After every event that may change what is held or wanted: asks when something is due, else sees when it will be. */
  kick(): void {
    const now = this.core.clock.now();
    const { demands, pending, urgent } = wantingOf(this.core, now, (id) => this.age(id, now), this.turn);
    this.core.holder.setLeases(this.core.leases.end);
    if (this.mayBeStale(now)) this.core.holder.ask();
    if (this.urgent.note(urgent)) this.core.holder.ask();
    const request = this.core.holder.due(now, demands, pending);
    if (request) {
      this.urgent.tell();
      this.turn += 1;
      void this.ask(request, now);
    }
    if (!this.core.holder.asking) this.urgent.look(urgent, now);
    // Also while one is under way: a call that hangs is given up.
    this.wait(now, demands.length > 0);
  }

  /** The coordinator's push: what is held from now on. */
  pushed(incarnation: string, grant: Grant): Confirmation | null {
    point("push.call", this.core.name);
    const answer = this.core.holder.pushed(grant, this.core.clock.now(), incarnation);
    this.use();
    this.kick();
    point("push.answer", this.core.name);
    return answer;
  }

  private async ask(request: NonNullable<ReturnType<Core["holder"]["due"]>>, askedAt: number): Promise<void> {
    const { core } = this;
    core.state.cost.coordinatorCalls += 1;
    try {
      point("sync.call", core.name);
      const answer = await this.reach().sync({ ...request, flags: core.flags.version, ...this.figures(askedAt) });
      point("sync.answered", core.name);
      this.heardAt = askedAt;
      // Before what was granted may be used.
      if (answer.flags) heed(core, answer.flags);
      core.holder.answered(request, answer, askedAt);
    } catch (error) {
      console.warn(JSON.stringify({ message: "the coordinator did not answer; asking again", domain: core.name, error: String(error) }));
      core.holder.failed(request, core.clock.now());
    }
    this.use();
    this.kick();
    for (const answered of [...this.askers]) answered();
    if (core.claimers.size > 0 && !this.core.holder.asking) core.claimers.granted();
  }

  /** What is said of the domain on the way, every few seconds at most. */
  private figures(now: number): { figures?: DomainFigures } {
    if (now - this.toldAt < FIGURES_MS) return {};
    this.toldAt = now;
    this.toldSeq = this.core.state.lastSeq;
    return { figures: figuresFor(this.core, now) };
  }

  /** Nothing may be asked for a while: what has happened since the last time is told by a call of its own. */
  async tell(): Promise<void> {
    const { core } = this;
    if (this.toldSeq === core.state.lastSeq) return;
    const now = core.clock.now();
    this.toldAt = -Infinity;
    const { figures } = this.figures(now);
    core.state.cost.coordinatorCalls += 1;
    try {
      point("figures.call", core.name);
      await this.reach().tellFigures(core.name, figures!);
      point("figures.answered", core.name);
    } catch {
      this.toldSeq = -1;
    }
  }

  /** Waits until leases may last until `end`, which the coordinator is asked for; at most so long. */
  async lease(end: number, waitMs: number): Promise<void> {
    const { core } = this;
    const deadline = core.clock.now() + waitMs;
    while (!core.holder.mayLease(end) && core.clock.now() < deadline) {
      this.kick();
      await new Promise<void>((resolve) => {
        const done = () => {
          stop();
          this.askers.delete(done);
          resolve();
        };
        const stop = core.clock.after(deadline - core.clock.now(), done);
        this.askers.add(done);
      });
    }
  }

  /** Work waits behind a flag of the coordinator that may be gone long since: nobody tells a domain that slept. */
  private mayBeStale(now: number): boolean {
    const { lanes, pauses } = this.core;
    return now - this.heardAt >= COORDINATION.flagsStaleMs && lanes.size > 0 && !pauses.own && pauses.foreign;
  }

  /** Starts what the grant allows. */
  private use(): void {
    const { core } = this;
    if (core.lanes.readySize === 0 && core.claimers.size === 0) return;
    if (!core.pauses.stopped && core.holder.free(core.clock.now()) > 0) core.transact("dispatch", () => dispatch(core));
  }

  private wait(now: number, wanting: boolean): void {
    this.stopTimer?.();
    const at = Math.min(this.core.holder.nextAt(now, wanting) ?? Infinity, this.urgent.nextAt(now) ?? Infinity);
    this.stopTimer = at === Infinity ? undefined : this.core.clock.after(Math.max(1, at - now), () => this.kick());
  }

  private age(id: number, now: number): number {
    if (this.ages.size > AGES_MAX) this.ages.clear();
    let createdAt = this.ages.get(id);
    if (createdAt === undefined) this.ages.set(id, (createdAt = readTask(this.core.store, id)?.created_at ?? now));
    return Math.max(0, now - createdAt);
  }
}
