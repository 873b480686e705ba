import type { Clock } from "../../clock.ts";
import type { Flags, FlagsChange } from "../../policy/coordination/flags.ts";
import { birthSeq, type MillEvent, nextSeq } from "../../policy/events/event.ts";
import type { Watching } from "./watched.ts";
import type { Stream } from "../stream/stream.ts";

/** How long the domains send their events, unless it is asked for again before half of it is over. */
const LISTEN_MS = 3_600_000;
/** So long after the last listener has gone they go on: one that only lost its connection comes back and has missed nothing. */
const LINGER_MS = 60_000;

/** Those who listen to the whole mill: the domains send their events only while there are any. */
export class Audience {
  private readonly stream: Stream;
  private readonly clock: Clock;
  /** The first has come after a time without anybody: domains may have learnt that nobody listens. */
  private isFresh = false;
  /** The last event of each domain that was taken in, in that domain's numbers. */
  private readonly heard = new Map<string | null, number>();

  constructor(stream: Stream, clock: Clock) {
    this.stream = stream;
    this.clock = clock;
  }

  /** Before somebody comes in: whatever went by while nobody listened is not kept, and whoever resumes is told so. */
  welcome(): void {
    if (this.isAttended()) return;
    this.isFresh = true;
    this.stream.ring.skipTo(birthSeq(this.clock.now()));
  }

  /** Tells every domain that somebody listens, when it has to know: those that are idle, too, since they may not sync before they have news. */
  refresh({ flags, tell }: Pick<Watching, "flags" | "tell">): void {
    const change = this.change(flags());
    // One that fails is made up for by the next sync, or the next minute.
    if (change) void tell(change).catch(() => undefined);
  }

  /** A domain's events take their place in the mill's stream, with numbers of its own. A batch whose answer was lost comes twice. */
  forwarded(batch: readonly MillEvent[]): { isHeard: boolean } {
    if (!this.isAttended()) return { isHeard: false };
    const events = batch.filter(({ domain, seq }) => seq > (this.heard.get(domain) ?? -1));
    const latest = events.at(-1);
    if (latest === undefined) return { isHeard: true };
    this.heard.set(latest.domain, latest.seq);
    const at = this.clock.now();
    const seq = nextSeq(this.stream.ring.last, at);
    const make = (): MillEvent[] => events.map((event, index) => ({ ...event, seq: seq + index }));
    this.stream.push({ seq, at, count: events.length, event: latest.event, make });
    return { isHeard: true };
  }

  /** What the domains are to be told now that somebody has come, or something has been heard of one; undefined: they know. */
  private change({ listening }: Flags): FlagsChange | undefined {
    if (this.stream.listening === 0) return undefined;
    const now = this.clock.now();
    const isFresh = this.isFresh || !listening;
    this.isFresh = false;
    if (!isFresh && listening.until - now > LISTEN_MS / 2) return undefined;
    return { listening: { since: isFresh ? now : listening.since, until: now + LISTEN_MS } };
  }

  private isAttended(): boolean {
    return this.stream.listening > 0 || this.clock.now() - this.stream.leftAt < LINGER_MS;
  }
}
