import type { Clock } from "../../clock.ts";
import type { Flags, FlagsChange } from "../../policy/coordination/flags.ts";
import { type MillEvent, nextSeq } from "../../policy/events/event.ts";
import type { Watching } from "./watched.ts";
import type { Stream } from "../stream/stream.ts";

/** How long the domains send their events, unless it is asked for again before half of it is over. */
const LISTEN_MS = 3_600_000;

/** Those who listen to the whole mill: the domains send their events only while there are any. */
export class Audience {
  private readonly stream: Stream;
  private readonly clock: Clock;

  constructor(stream: Stream, clock: Clock) {
    this.stream = stream;
    this.clock = clock;
  }

  /** Tells every domain that somebody listens, when it has to know: those that are idle, too, since they may not sync before they have news. */
  refresh({ flags, tell }: Pick<Watching, "flags" | "tell">, hasCome: boolean): void {
    const change = this.change(flags(), hasCome);
    // One that fails is made up for by the next sync, or the next minute.
    if (change) void tell(change).catch(() => undefined);
  }

  /** What the domains are to be told now that somebody has come, or something has been heard of one; undefined: they know. */
  private change({ listening }: Flags, hasCome: boolean): FlagsChange | undefined {
    const now = this.clock.now();
    const { listening: count } = this.stream;
    if (count === 0) return undefined;
    // The first after nobody: domains may have learnt that nobody listens.
    const isFresh = !listening || listening.until <= now || (hasCome && count === 1);
    if (!isFresh && listening.until - now > LISTEN_MS / 2) return undefined;
    return { listening: { since: isFresh ? now : listening.since, until: now + LISTEN_MS } };
  }

  /** A domain's events take their place in the mill's stream, with numbers of its own. */
  forwarded(events: readonly MillEvent[]): { isHeard: boolean } {
    if (this.stream.listening === 0) return { isHeard: false };
    const at = this.clock.now();
    const seq = nextSeq(this.stream.ring.last, at);
    const make = (): MillEvent[] => events.map((event, index) => ({ ...event, seq: seq + index }));
    if (events.length > 0) this.stream.push({ seq, at, count: events.length, event: events[0]!.event, make });
    return { isHeard: true };
  }
}
