import type { Core } from "../core.ts";

/** Why a group is out of the ready order while runs are filled. */
const REASON = "slots";

/**
 * Which group may take the next run, while runs are filled: groups that may start nothing, by their cap or rate, are set
 * aside, so that they hold nobody up; and where groups have weights, those that have their share, as long as others have less.
 */
export class GroupGate {
  private readonly core: Core;
  private readonly now: number;
  /** Groups set aside: `true` for one that only has its share. */
  private readonly aside = new Map<string, boolean>();
  private isShared = true;

  constructor(core: Core, now: number) {
    this.core = core;
    this.now = now;
  }

  /** The group of the next run, null for work without one; undefined: nothing may start. */
  next(): string | null | undefined {
    const { holder, lanes } = this.core;
    for (;;) {
      const head = lanes.peek();
      if (!head) {
        if (!this.shareOut()) return undefined;
      } else if (holder.free(this.now, head.group) === 0) this.set(head.group, false);
      else if (this.isShared && head.priority > this.core.preemptAt && !holder.isOwed(head.group)) this.set(head.group, true);
      else return head.group;
    }
  }

  /** Puts every group back: whatever comes next sees the whole order. */
  open(): void {
    for (const group of this.aside.keys()) this.core.lanes.releaseGroup(group, REASON);
    this.aside.clear();
  }

  /** Nothing of this group may start. */
  refuse(group: string | null): void {
    this.set(group, false);
  }

  private set(group: string | null, hasShare: boolean): void {
    this.core.lanes.holdGroup(group ?? "", REASON);
    this.aside.set(group ?? "", hasShare);
  }

  /** Nobody is left who has less than their share: slots that are left are for all. False: nobody had more. */
  private shareOut(): boolean {
    this.isShared = false;
    let any = false;
    for (const [group, hasShare] of this.aside) {
      if (!hasShare) continue;
      any = true;
      this.aside.delete(group);
      this.core.lanes.releaseGroup(group, REASON);
    }
    return any;
  }
}
