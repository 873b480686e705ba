import type { EventVerbs } from "./events.ts";
import type { AuditEntry } from "../policy/audit.ts";
import type { AgingPolicy } from "../policy/aging.ts";
import type { CoordinatorSnapshot, GroupPauseView, PressureView } from "../policy/coordination/protocol.ts";
import type { Duration } from "../policy/duration.ts";
import type { SettingsChange } from "../policy/settings.ts";
import type { GroupView } from "../policy/coordination/view.ts";
import type { GroupChange } from "../policy/group-rules.ts";
import type { Instant, ListQuery } from "./handle.ts";
import type { Listing } from "./listing.ts";
import type { Task } from "./task.ts";

/** The whole mill at a glance. */
export type MillSnapshot = CoordinatorSnapshot;

/** What of the mill can be changed while it runs. */
export interface MillSettings {
  /** How many tasks may run at once in the whole mill. */
  maxConcurrency: number;
  /** The cap of each group that names none; `null`: none. */
  defaultGroupMaxConcurrency: number | null;
  /** How waiting tasks grow more urgent; `null`: not at all. */
  aging: AgingPolicy | null;
}

/** One group, in every domain. */
export interface GroupHandle {
  /** Of the group. */
  readonly name: string;
  /**
   * Nothing of it starts any more; what runs is aborted and goes back uncharged. With `until` it ends by itself.
   *
   * @throws `invalid_request` when `until` has passed, or beyond 1,000 paused groups
   * @example `await mill.group("acme").pause({ until: "2026-12-01T08:00:00Z" });`
   */
  pause(options?: { until?: Instant }): Promise<GroupPauseView>;
  /** Ends its pause; what no other pause holds goes on. */
  resume(): Promise<GroupPauseView>;
  /**
   * Changes its settings, at once and for good; what is lowered ends no run. `null` is what the code says again.
   *
   * @throws `invalid_request` listing everything that is wrong
   * @example `await mill.group("imports").set({ maxConcurrency: 2, rate: { permits: 10, per: "1s" } });`
   */
  set(change: GroupChange): Promise<GroupView>;
}

/** The verbs of the mill itself: the same inside the Worker (`mill.pause()`) and over HTTP (`client.pause()`). */
export interface MillHandle extends EventVerbs {
  /**
   * Nothing starts any more in any domain; running work is aborted and goes back uncharged. Answers when every domain
   * at work knows, after 2 s at most; one that does not answer hears of it before its next grant, within 32 s.
   *
   * @example `await mill.pause();`
   */
  pause(): Promise<MillSnapshot>;
  /** What no other pause holds goes on. */
  resume(): Promise<MillSnapshot>;
  /** A group by its name. Asks nothing yet. */
  group(name: string): GroupHandle;
  /**
   * The live settings; with a change, after it. They are stored and win over the code's; a lowered cap ends no run.
   *
   * @throws `invalid_request` listing everything that is wrong
   * @example `await mill.settings({ maxConcurrency: 32, aging: { grace: "5m", interval: "1m" } });`
   */
  settings(change?: SettingsChange): Promise<MillSettings>;
  /**
   * What a source of backpressure says, 0 (none) to 1, for `ttl`, at most a day; the highest source counts.
   *
   * @throws `invalid_request` listing everything that is wrong
   * @example `await mill.pressure("api-quota", 0.8, "30s");`
   */
  pressure(name: string, value: number, ttl: Duration): Promise<PressureView>;
  /** The whole mill at a glance: pauses, caps, and the slots of each domain. */
  snapshot(): Promise<MillSnapshot>;
  /**
   * Tasks of all domains, newest first.
   *
   * @example `for await (const task of mill.list({ status: "failed" })) console.log(task.id);`
   */
  list(query?: ListQuery): Listing<Task>;
  /**
   * Who changed what by hand, over HTTP or a service binding, newest first.
   *
   * @example `for await (const { at, name, action } of mill.audit()) console.log(at, name, action);`
   */
  audit(query?: { limit?: number; cursor?: string }): Listing<AuditEntry>;
  /** Every group that has settings, tasks or slots, by name: its settings, and what it uses as far as the domains have told. */
  groups(): Promise<GroupView[]>;
}
