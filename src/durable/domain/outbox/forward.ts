import type { CoordinatorApi } from "../../../policy/coordination/protocol.ts";
import { birthSeq, type MillEvent } from "../../../policy/events/event.ts";
import { point } from "../../point.ts";
import type { Stream } from "../../stream/stream.ts";
import type { Core } from "../core.ts";

/** Events are gathered for so long before they go to the coordinator. */
const GATHER_MS = 100;
const RETRY_MS = 1_000;
/** Of one call. */
const BATCH_MAX = 1_000;

/**
 * Sends the events of a domain to the coordinator, for those who listen to the whole mill; only while somebody does. That is a
 * flag with a deadline, and the coordinator's answer says when the last one has gone before it.
 */
export class Forwarder {
  private readonly core: Core;
  private readonly stream: Stream;
  private readonly reach: () => Pick<CoordinatorApi, "forward">;
  private cursor: number;
  private isBusy = false;
  /** The flag after which nobody listened any more. */
  private gone = -1;
  private stopTimer: (() => void) | undefined;

  constructor(core: Core, stream: Stream, reach: () => Pick<CoordinatorApi, "forward">) {
    this.core = core;
    this.stream = stream;
    this.reach = reach;
    this.cursor = stream.ring.floor;
    stream.onPush = () => this.kick(GATHER_MS);
    core.events.onFlags = () => this.kick(0);
  }

  private kick(ms: number): void {
    if (this.isBusy || this.stopTimer || this.since() === undefined || this.cursor >= this.stream.ring.last) return;
    this.stopTimer = this.core.clock.after(ms, () => {
      this.stopTimer = undefined;
      void this.send();
    });
  }

  /** From when on somebody listens; undefined: nobody does. */
  private since(): number | undefined {
    const { listening } = this.core.flags;
    return listening && listening.until > this.core.clock.now() && listening.since !== this.gone ? listening.since : undefined;
  }

  private async send(): Promise<void> {
    const since = this.since();
    if (since === undefined || this.isBusy) return;
    this.isBusy = true;
    const { core } = this;
    const { events, upTo } = this.next(since);
    let isSent = true;
    try {
      if (events.length > 0) {
        core.state.cost.coordinatorCalls += 1;
        point("forward.call", core.name);
        const { isHeard } = await this.reach().forward(events);
        point("forward.answered", core.name);
        if (!isHeard) this.gone = since;
      }
      this.cursor = upTo;
    } catch (error) {
      isSent = false;
      console.warn(
        JSON.stringify({ message: "events did not reach the coordinator; sending them again", domain: core.name, error: String(error) }),
      );
    } finally {
      this.isBusy = false;
    }
    this.kick(isSent ? GATHER_MS : RETRY_MS);
  }

  /** What comes next; the mill's own events are told by the coordinator itself. */
  private next(since: number): { events: MillEvent[]; upTo: number } {
    const { ring } = this.stream;
    const start = Math.max(this.cursor, birthSeq(since));
    const events: MillEvent[] = [];
    let upTo = Math.max(start, ring.floor);
    if (start < ring.floor) events.push(this.stream.missed(start + 1, ring.floor));
    for (const event of ring.after(upTo)) {
      if (events.length >= BATCH_MAX) return { events, upTo };
      upTo = event.seq;
      if (event.domain !== null) events.push(event);
    }
    return { events, upTo };
  }
}
