import type { Clock } from "../../clock.ts";
import type { Registry } from "../../domains/definition.ts";
import { type EventName, type MillEvent, nextSeq, type Place } from "../../policy/events/event.ts";
import { type EventFilter, passes } from "../../policy/events/filter.ts";
import { type Entry, EventRing } from "../../policy/events/ring.ts";

/** How often listeners are told while much happens; the first event after a silence goes at once. */
const FLUSH_MS = 50;
/** How many events a listener gets each time; one that does not confirm is sent 20,000 a second at most. */
const FLUSH_MAX = 1_000;
/** The platform's own bound is 32,768 sockets of an object. */
const LISTENERS_MAX = 30_000;
/** How many events a listener that confirms has before it at most. */
const WINDOW = 1_000;

/** What a socket carries through hibernation. */
interface Attachment {
  filter: EventFilter;
  /** It confirms what it has read. */
  confirms?: true;
  /** Where it stands, when there is more that it has no room for: it is owed that, or a word of it. */
  behind?: number;
}

/** Somebody who is told. */
interface Listener {
  readonly filter: EventFilter;
  /** The last event that it was told of, or that was none of its business. */
  cursor: number;
  /** What it has not confirmed yet; absent: it does not. */
  open?: number[];
  send(text: string): void;
  /** Writes down where it stands, or that it has been told all. */
  mark(behind: number | undefined): void;
}

/**
 * The events of an object, and everybody who listens. The ring is the buffer of all: each listener has a place in it, and
 * one that falls behind what is kept is told what it missed. Sockets hibernate: what is known of them is on them.
 */
export class Stream {
  readonly ring: EventRing;
  private readonly ctx: DurableObjectState;
  private readonly clock: Clock;
  private readonly registry: Registry;
  private readonly domain: string | null;
  private sockets: Map<WebSocket, Listener> | undefined;
  private stopTimer: (() => void) | undefined;
  private flushedAt = -Infinity;
  /** When a listener last went, in this life. */
  leftAt = -Infinity;
  private readonly texts = new WeakMap<MillEvent, string>();
  /** Is given every entry. */
  onEntry: ((entry: Entry) => void) | undefined;
  /** Hears of every event, before the listeners do. */
  onPush: (() => void) | undefined;

  /** @param floor the last event of the lives before */
  constructor(ctx: DurableObjectState, options: { clock: Clock; registry: Registry; domain: string | null; floor: number }) {
    this.ctx = ctx;
    this.clock = options.clock;
    this.registry = options.registry;
    this.domain = options.domain;
    this.ring = new EventRing(options.floor);
  }

  /** How many listen. */
  get listening(): number {
    return this.listeners().size;
  }

  /** Events that have happened: what storage cannot take back any more. */
  push(entry: Entry): void {
    this.ring.push(entry);
    this.onEntry?.(entry);
    this.onPush?.();
    if (this.listeners().size > 0) this.soon();
  }

  /** Something that is nobody's transaction, or whose transaction has committed. */
  say(event: EventName, facts: Record<string, unknown>): void {
    const at = this.clock.now();
    const seq = nextSeq(this.ring.last, at);
    this.push({ seq, at, count: 1, event, make: () => [{ seq, at: new Date(at).toISOString(), event, domain: this.domain, ...facts }] });
  }

  /** Takes a listener in: the answer is the other end of its socket. Replays what is kept after `since`. */
  accept(filter: EventFilter, since: number | undefined, confirms: boolean): Response {
    const listeners = this.listeners();
    if (listeners.size >= LISTENERS_MAX) return new Response(null, { status: 429 });
    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    const attachment: Attachment = confirms ? { filter, confirms } : { filter };
    this.ctx.acceptWebSocket(server);
    server.serializeAttachment(attachment);
    const listener = this.listener(server, attachment, Math.min(since ?? Infinity, this.ring.last));
    listeners.set(server, listener);
    if (confirms && since === undefined) listener.send(JSON.stringify({ seq: listener.cursor } satisfies Place));
    this.ring.trim(this.clock.now());
    this.flush();
    return new Response(null, { status: 101, webSocket: client });
  }

  /** A listener says how far it has read: `{"ack": seq}`. From the first time on it gets no more than it can take. */
  heard(socket: WebSocket, message: string | ArrayBuffer): void {
    const listener = this.listeners().get(socket);
    const seq = ackOf(message);
    if (!listener || seq === undefined) return;
    if (!listener.open) {
      socket.serializeAttachment({ filter: listener.filter, confirms: true } satisfies Attachment);
      listener.open = [];
    }
    const left = listener.open.findIndex((sent) => sent > seq);
    listener.open.splice(0, left === -1 ? listener.open.length : left);
    // It has room again: at once, since it sets the pace itself.
    if (listener.cursor < this.ring.last) this.tell(listener);
  }

  /** It has gone. */
  left(socket: WebSocket): void {
    if (this.listeners().delete(socket)) this.leftAt = this.clock.now();
  }

  /** From hibernation sockets come back with what is on them; they have been told of all that happened before, but for those with no room for it. */
  private listeners(): Map<WebSocket, Listener> {
    if (this.sockets) return this.sockets;
    this.sockets = new Map();
    for (const socket of this.ctx.getWebSockets()) {
      const attachment = socket.deserializeAttachment() as Attachment | null;
      if (attachment) this.sockets.set(socket, this.listener(socket, attachment, attachment.behind ?? this.ring.floor));
    }
    return this.sockets;
  }

  private listener(socket: WebSocket, attachment: Attachment, cursor: number): Listener {
    const { filter, confirms } = attachment;
    let { behind } = attachment;
    return {
      filter,
      cursor,
      ...(confirms ? { open: [] } : {}),
      send: (text) => {
        try {
          socket.send(text);
        } catch {
          this.left(socket);
        }
      },
      mark: (at) => {
        if (at === behind) return;
        behind = at;
        socket.serializeAttachment({ filter, confirms: true, ...(at === undefined ? {} : { behind: at }) } satisfies Attachment);
      },
    };
  }

  private soon(): void {
    if (this.stopTimer) return;
    const wait = Math.max(0, this.flushedAt + FLUSH_MS - this.clock.now());
    this.stopTimer = this.clock.after(Math.min(wait, FLUSH_MS), () => this.flush());
  }

  /** Tells every listener as much as it may be told now. */
  private flush(): void {
    this.stopTimer?.();
    this.stopTimer = undefined;
    this.flushedAt = this.clock.now();
    let isLeft = false;
    for (const listener of this.listeners().values()) if (this.tell(listener)) isLeft = true;
    if (isLeft) this.soon();
  }

  /** True: more is to be told, and may be. */
  private tell(listener: Listener): boolean {
    const { ring } = this;
    if (listener.cursor < ring.floor) {
      listener.send(JSON.stringify(this.missed(listener.cursor + 1, ring.floor)));
      listener.cursor = ring.floor;
    }
    let room = listener.open ? WINDOW - listener.open.length : FLUSH_MAX;
    for (const event of ring.after(listener.cursor)) {
      if (room <= 0) {
        if (listener.open) listener.mark(listener.cursor);
        return !listener.open;
      }
      listener.cursor = event.seq;
      if (!passes(event, listener.filter, this.commonTags)) continue;
      listener.send(this.textOf(event));
      listener.open?.push(event.seq);
      room -= 1;
    }
    listener.mark(undefined);
    return false;
  }

  /** What a listener was not told, and never will be. Its number is that of the last one: whoever resumes, resumes after it. */
  missed(from: number, to: number): MillEvent {
    return { seq: to, at: new Date(this.clock.now()).toISOString(), event: "missed", domain: this.domain, from, to };
  }

  private textOf(event: MillEvent): string {
    const known = this.texts.get(event);
    if (known !== undefined) return known;
    const text = JSON.stringify(event);
    this.texts.set(event, text);
    return text;
  }

  /** As every task of a domain has them. */
  private readonly commonTags = (domain: string | null): Record<string, string> =>
    domain === null ? {} : { ...this.registry.defaults.tags, ...this.registry.domains.get(domain)?.defaults.tags, _domain: domain };
}

function ackOf(message: string | ArrayBuffer): number | undefined {
  if (typeof message !== "string" || message.length > 64) return undefined;
  try {
    const { ack } = JSON.parse(message) as { ack?: unknown };
    return typeof ack === "number" && Number.isSafeInteger(ack) ? ack : undefined;
  } catch {
    return undefined;
  }
}
