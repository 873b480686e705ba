import type { CoordinatorSnapshot } from "../policy/coordination/protocol.ts";

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
}
