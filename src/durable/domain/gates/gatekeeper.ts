import { ask, type GateHold } from "../../../policy/gate.ts";
import { LIMITS } from "../../../policy/limits.ts";
import { SetAside } from "../../../policy/set-aside.ts";
import type { Core } from "../core.ts";
import { countDenied } from "./held.ts";
import { FAMILY, queue, unqueue } from "../run/order.ts";
import { gatedLane } from "../run/ready.ts";
import { readTask, readTasks } from "../rows.ts";
import { view } from "../look/view.ts";

/** What comes sooner is waited for by a timer, which costs no row; the alarm only makes sure. */
const TIMER_MAX_MS = 10_000;
/** How long a dispatch rests that was told "no" as often as one may be. */
const REST_MS = 10;

/**
 * The domain's own gate: asked about each task when it could start. What it holds is set aside singly, in memory: nothing is
 * written, and after a crash it is asked again.
 */
export class Gatekeeper {
  private readonly core: Core;
  private readonly aside = new SetAside();
  /** How often it has said no in this dispatch. */
  private refusals = 0;
  /** Those that it held before and is to be asked about again: a "no" is nothing new. */
  private readonly again = new Set<number>();
  private timerAt = Infinity;

  constructor(core: Core) {
    this.core = core;
  }

  /** Why a task is held; undefined: it is not. */
  heldBy(id: number): GateHold | undefined {
    return this.aside.get(id);
  }

  /** It has said no so often that other work of the object comes first. */
  get isTired(): boolean {
    return this.refusals >= LIMITS.gateAsksMax;
  }

  /** A dispatch begins: whose turn it is to be asked about again is ready. */
  begin(now: number): void {
    this.refusals = 0;
    const { core } = this;
    const ids = this.aside.take(now);
    for (const id of ids) this.again.add(id);
    for (const row of readTasks(core.store, ids)) if (core.lanes.remove(gatedLane(row.grp), row.priority, row.id) > 0) queue(core, row);
  }

  /** Whether a task that could start may; one that may not is set aside. What is left of a parent always may: it has begun. */
  admits(id: number, family: number | null, now: number): boolean {
    const { core } = this;
    const gate = core.definition?.gate;
    if (gate === undefined || family === FAMILY.finalizing) return true;
    const row = readTask(core.store, id)!;
    const hold = ask(gate, view(core, row, now), now);
    const isNew = !this.again.delete(id);
    if (hold === null) return true;
    this.refusals += 1;
    unqueue(core, row);
    this.aside.put(id, hold, now);
    queue(core, row);
    if (isNew) countDenied(core, hold.isError ? "gate_error" : "gate");
    return false;
  }

  /** It has left the order, or comes to another place in it: it is asked about anew. */
  forget(id: number): void {
    this.aside.delete(id);
    this.again.delete(id);
  }

  /** At the end of a dispatch: `later` is called when it is to go on. */
  watch(now: number, later: () => void): void {
    const next = this.isTired ? now + REST_MS : this.aside.nextAt(now);
    if (next === null) return;
    const at = Math.max(next, now + 1);
    this.core.alarm.soon("gate", this.alarmAt(now)!);
    if (at - now > TIMER_MAX_MS || (this.timerAt > now && this.timerAt <= at)) return;
    this.core.after(() => {
      this.timerAt = at;
      this.core.clock.after(at - now, () => {
        if (this.timerAt === at) this.timerAt = Infinity;
        later();
      });
    });
  }

  /** When the alarm has to ring for it, or null. */
  alarmAt(now: number): number | null {
    const next = this.isTired ? now : this.aside.nextAt(now);
    if (next === null) return null;
    return next - now > TIMER_MAX_MS ? next : now + LIMITS.deadManMs;
  }

  /** The ready order is made anew: everything is asked about again. */
  clear(): void {
    for (const id of this.aside.ids()) this.again.add(id);
    this.aside.clear();
  }
}
