import { type Flags, isPaused, nextEnd, pausedMsOf, pausedWithin } from "../../../policy/coordination/flags.ts";
import { own } from "../../../policy/own.ts";
import type { OwnPause } from "../state.ts";
import type { Core } from "../core.ts";

/** The reason for which the lanes of a paused group are set aside. */
const HELD = "paused";

/** Why a ready task does not run although nothing is wrong with it. */
export type PauseReason = "mill" | "domain" | "group";

/** What holds back ready work by a flag: the mill's and the groups' as the coordinator last told, the domain's own. By the clock: one that has ended holds nothing. */
export class Pauses {
  private readonly core: Core;
  private changesAt = Infinity;
  /** Who waits until nothing runs. */
  private readonly watchers = new Set<() => void>();
  /** What the drain under way has given back. */
  readonly returned = new Set<number>();

  constructor(core: Core) {
    this.core = core;
  }

  /** As the coordinator last told. */
  get flags(): Flags {
    return this.core.state.flags;
  }

  /** Whether nothing at all starts. */
  get stopped(): boolean {
    const now = this.core.clock.now();
    return isPaused(this.core.state.pause, now) || isPaused(this.flags.paused, now);
  }

  /** Whether the domain itself is paused. */
  get own(): boolean {
    return isPaused(this.core.state.pause, this.core.clock.now());
  }

  /** Whether the coordinator holds back anything here: what may have ended without a word of it, or by age. */
  get foreign(): boolean {
    if (this.core.lanes.isPressed) return true;
    const now = this.core.clock.now();
    return isPaused(this.flags.paused, now) || Object.values(this.flags.groups).some((pause) => isPaused(pause, now));
  }

  /** Whether what runs of that group has to stop. */
  stops(group: string | null): boolean {
    const now = this.core.clock.now();
    const { pause } = this.core.state;
    if (isPaused(pause, now) && (pause?.abortAt ?? now) <= now) return true;
    return isPaused(this.flags.paused, now) || (group !== null && isPaused(own(this.flags.groups, group), now));
  }

  /** Sets the lanes of groups aside, or lets them go, as it is now. */
  holdGroups(now: number): void {
    const { lanes } = this.core;
    const held = Object.entries(this.flags.groups).filter(([, pause]) => isPaused(pause, now));
    const names = new Set(held.map(([name]) => name));
    for (const [name, reasons] of lanes.heldGroups()) if (reasons.includes(HELD) && !names.has(name)) lanes.releaseGroup(name, HELD);
    for (const name of names) lanes.holdGroup(name, HELD);
    this.changesAt = this.nextAt(now) ?? Infinity;
  }

  /** A pause may have ended since: asked before anything is taken. */
  refresh(now: number): void {
    if (now >= this.changesAt) this.holdGroups(now);
  }

  /** Everything that holds a task of that group. */
  reasons(group: string | null): PauseReason[] {
    const now = this.core.clock.now();
    const reasons: PauseReason[] = [];
    if (isPaused(this.flags.paused, now)) reasons.push("mill");
    if (isPaused(this.core.state.pause, now)) reasons.push("domain");
    if (group !== null && isPaused(own(this.flags.groups, group), now)) reasons.push("group");
    return reasons;
  }

  /**
   * For how long tasks of that group (null: of none) have been held in all, in ms: what a task notes when it is submitted, and
   * the difference is what its age does not count. Only grows.
   */
  pausedMs(group: string | null): number {
    const now = this.core.clock.now();
    const { pausedMs, pausedAt } = this.core.state;
    return pausedMs + this.since(pausedAt, now) + pausedMsOf(this.flags, group, now);
  }

  /** When the next one ends by itself, or a drain has lasted long enough; or null. */
  nextAt(now: number): number | null {
    const { until = Infinity, abortAt = Infinity } = this.core.state.pause ?? {};
    const next = Math.min(nextEnd(this.flags, now) ?? Infinity, until > now ? until : Infinity, abortAt > now ? abortAt : Infinity);
    return next === Infinity ? null : next;
  }

  /** Resolves when no run is under way here (and no lease is out, with `leases`), or at `at`. */
  async quiet(at: number, what: "runs" | "leases"): Promise<boolean> {
    const { clock, runs, leases } = this.core;
    const isQuiet = () => runs.size === 0 && (what === "runs" || leases.size === 0);
    const wait = at - clock.now();
    if (isQuiet() || wait <= 0) return isQuiet();
    await new Promise<void>((resolve) => {
      const stop = clock.after(wait, () => done());
      const done = (): void => {
        stop();
        this.watchers.delete(look);
        resolve();
      };
      const look = (): void => {
        if (isQuiet()) done();
      };
      this.watchers.add(look);
    });
    return isQuiet();
  }

  /** A slot is free. */
  vacated(): void {
    for (const look of this.watchers) look();
  }

  /** Before anything that holds back changes: the time that the domain's own pause took is added up. Part of a transaction. */
  account(now: number): void {
    const state = this.core.touch();
    state.pausedMs += this.since(state.pausedAt, now);
    state.pausedAt = now;
    if (!isPaused(state.pause, now)) state.pause = null;
  }

  /** Sets or ends the domain's own pause. Part of a transaction. */
  set(pause: OwnPause | null, now: number): void {
    this.account(now);
    const { state } = this.core;
    state.pause = pause && { ...pause, since: state.pause?.since ?? pause.since };
  }

  /** How long the domain was paused since, while the mill was not. */
  private since(from: number, now: number): number {
    return pausedWithin(this.core.state.pause, from, now, this.flags.paused);
  }
}
