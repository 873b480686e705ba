import { type Flags, isPaused, nextEnd, type Pause, pausedMsOf, pausedWithin } from "../../policy/coordination/flags.ts";
import type { Core } from "./core.ts";

/** Why a ready task does not run although nothing is wrong with it. */
export type PauseReason = "mill" | "domain" | "group";

/** What holds back ready work by a flag: the mill's and the groups' as the coordinator last told, the domain's own. By the clock: one that has ended holds nothing. */
export class Pauses {
  private readonly core: Core;

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

  /** Whether the coordinator holds back anything here: what may have ended without a word of it. */
  get foreign(): boolean {
    const now = this.core.clock.now();
    return isPaused(this.flags.paused, now) || Object.values(this.flags.groups).some((pause) => isPaused(pause, now));
  }

  /** Everything that holds a task of that group. */
  reasons(group: string | null): PauseReason[] {
    const now = this.core.clock.now();
    const reasons: PauseReason[] = [];
    if (isPaused(this.flags.paused, now)) reasons.push("mill");
    if (isPaused(this.core.state.pause, now)) reasons.push("domain");
    if (group !== null && isPaused(this.flags.groups[group], now)) reasons.push("group");
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

  /** When the next one ends by itself, or null. */
  endsAt(now: number): number | null {
    const own = this.core.state.pause?.until;
    const next = Math.min(own !== undefined && own > now ? own : Infinity, nextEnd(this.flags, now) ?? Infinity);
    return next === Infinity ? null : next;
  }

  /** Before anything that holds back changes: the time that the domain's own pause took is added up. Part of a transaction. */
  account(now: number): void {
    const state = this.core.touch();
    state.pausedMs += this.since(state.pausedAt, now);
    state.pausedAt = now;
    if (!isPaused(state.pause, now)) state.pause = null;
  }

  /** Sets or ends the domain's own pause. Part of a transaction. */
  set(pause: Pause | null, now: number): void {
    this.account(now);
    const { state } = this.core;
    state.pause = pause && { ...pause, since: state.pause?.since ?? pause.since };
  }

  /** How long the domain was paused since, while the mill was not. */
  private since(from: number, now: number): number {
    return pausedWithin(this.core.state.pause, from, now, this.flags.paused);
  }
}
