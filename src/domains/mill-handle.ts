import type { CoordinatorSnapshot } from "../policy/coordination/protocol.ts";
import type { GroupView } from "../policy/coordination/view.ts";
import type { GroupChange } from "../policy/group-rules.ts";

/** The whole mill at a glance. */
export type MillSnapshot = CoordinatorSnapshot;

/** The verbs of the mill itself: the same inside the Worker (`mill.pause()`) and over HTTP (`client.pause()`). */
export interface MillHandle {
  /**
   * Nothing starts any more in any domain; running work is aborted and goes back uncharged. Answers when every domain
   * at work knows, after 2 s at most; one that does not answer hears of it before its next grant, within 32 s.
   *
   * @example `await mill.pause();`
   */
  pause(): Promise<MillSnapshot>;
  /** What no other pause holds goes on. */
  resume(): Promise<MillSnapshot>;
  snapshot(): Promise<MillSnapshot>;
  /** Every group that has settings, tasks or slots, by name: its settings, and what it uses as far as the domains have told. */
  groups(): Promise<GroupView[]>;
  /**
   * One group, across all domains; it need not have settings yet.
   *
   * @param name free text of 1 to 128 bytes
   * @example `await mill.group("imports").set({ maxConcurrency: 2, rate: { permits: 10, per: "1s" } });`
   */
  group(name: string): GroupHandle;
}

/** The verbs of one group. */
export interface GroupHandle {
  readonly name: string;
  /**
   * Changes its settings, at once and for good; what is lowered ends no run. `null` is what the code says again.
   *
   * @throws `invalid_request` listing everything that is wrong
   */
  set(change: GroupChange): Promise<GroupView>;
}
