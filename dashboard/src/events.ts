import { effect, signal } from "@preact/signals";
import type { MillEvent } from "../../src/policy/events/event.ts";
import { BASE, refused, token } from "./api/ask.ts";
import { lost, pushed, quiet, touched } from "./live.ts";
import { me } from "./session.ts";

/** How many events the page remembers. */
const TAIL_MAX = 200;
/** So often what came in is told on: together. */
const BATCH_MS = 200;
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 30_000;
/** Of more tasks than that in a batch, everything is asked for. */
const TOUCHES_MAX = 50;

/** The last events, newest first. */
export const tail = signal<readonly MillEvent[]>([]);

let socket: WebSocket | undefined;
let retry: ReturnType<typeof setTimeout> | undefined;
let wait = RETRY_MIN_MS;
let last: number | undefined;
let batch: MillEvent[] = [];

/** Listens to the mill as long as somebody looks at the page; without a connection the page goes on asking in turns. */
export function listen(): void {
  effect(() => {
    const wanted = me.value !== null && refused.value === null && !quiet.value;
    // Another token is another listener.
    void token.value;
    disconnect();
    if (wanted) connect();
  });
  effect(() => {
    // The mill answers again: no need to wait for the next try.
    if (lost.value || retry === undefined) return;
    clearTimeout(retry);
    wait = RETRY_MIN_MS;
    connect();
  });
}

function connect(): void {
  retry = undefined;
  const url = new URL("v1/events", BASE);
  url.protocol = url.protocol.replace("http", "ws");
  if (last !== undefined) url.searchParams.set("since", String(last));
  const used = token.peek();
  const current = new WebSocket(url, used === null ? ["millrace"] : ["millrace", `bearer.${base64url(used)}`]);
  socket = current;
  current.addEventListener("open", () => {
    wait = RETRY_MIN_MS;
    pushed.value = true;
    // What happened while nobody listened.
    touched([{}]);
  });
  current.addEventListener("message", ({ data }) => take(JSON.parse(String(data)) as MillEvent));
  current.addEventListener("close", () => {
    if (socket !== current) return;
    socket = undefined;
    pushed.value = false;
    retry = setTimeout(connect, wait);
    wait = Math.min(wait * 2, RETRY_MAX_MS);
  });
}

function disconnect(): void {
  clearTimeout(retry);
  retry = undefined;
  const old = socket;
  socket = undefined;
  pushed.value = false;
  old?.close();
}

function take(event: MillEvent): void {
  last = event.seq;
  batch.push(event);
  if (batch.length === 1) setTimeout(flush, BATCH_MS);
}

/** Confirms what came in: the mill sends no more than the page can take. */
function flush(): void {
  const events = batch;
  batch = [];
  tail.value = [...events.slice(-TAIL_MAX).reverse(), ...tail.peek()].slice(0, TAIL_MAX);
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ ack: last }));
  const touches = new Map(events.map(({ domain, task }) => [`${domain} ${task}`, { domain: domain ?? undefined, task }]));
  touched(touches.size > TOUCHES_MAX || events.some(({ event }) => event === "missed") ? [{}] : [...touches.values()]);
}

function base64url(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
