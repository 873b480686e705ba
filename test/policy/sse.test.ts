import { describe, expect, test } from "vitest";
import type { Clock } from "../../src/clock.ts";
import { eventStream } from "../../src/worker/sse.ts";

/** A socket whose other end is the test. */
class Socket extends EventTarget {
  readonly sent: string[] = [];
  closed: number | undefined;
  accept(): void {}
  send(text: string): void {
    this.sent.push(text);
  }
  close(code: number): void {
    this.closed = code;
  }
  tell(...seqs: number[]): void {
    for (const seq of seqs) this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify({ seq, event: "task.started" }) }));
  }
}

/** A clock whose timers ring when the test says so. */
function timers() {
  const waiting = new Map<() => void, number>();
  const clock = {
    after: (ms: number, action: () => void) => {
      waiting.set(action, ms);
      return () => void waiting.delete(action);
    },
  } as Clock;
  const ring = (): number[] => [...waiting].map(([action, ms]) => (waiting.delete(action), action(), ms));
  return { clock, ring, waiting };
}

function opened() {
  const socket = new Socket();
  const { clock, ring, waiting } = timers();
  const reader = eventStream(socket as unknown as WebSocket, clock)
    .pipeThrough(new TextDecoderStream())
    .getReader();
  const read = async (): Promise<string | undefined> => (await reader.read()).value;
  return { socket, ring, waiting, reader, read };
}
const line = (seq: number) => `id: ${seq}\ndata: {"seq":${seq},"event":"task.started"}\n\n`;

describe("[events] Server-Sent Events, as a text", () => {
  test("say something every 15 seconds, so that no proxy ends a quiet connection, and then what comes at once", async () => {
    const { socket, ring, waiting, read } = opened();
    expect(await read()).toBe("retry: 1000\n\n");
    const quiet = read();
    await expect.poll(() => waiting.size).toBe(1);
    expect(ring()).toEqual([15_000]);
    expect(await quiet).toBe(": still here\n\n");
    const next = read();
    await expect.poll(() => waiting.size).toBe(1);
    socket.tell(7, 8);
    expect(await next).toBe(line(7) + line(8));
    // The pause begins anew with each.
    await expect.poll(() => waiting.size).toBe(1);
  });

  test("a place is an id without an event", async () => {
    const { socket, read } = opened();
    await read();
    socket.dispatchEvent(new MessageEvent("message", { data: '{"seq":12}' }));
    socket.tell(13);
    expect(`${await read()}`).toBe(`id: 12\n\n${line(13)}`);
  });

  test("are confirmed by the hundred as they are read, never before", async () => {
    const { socket, read } = opened();
    await read();
    socket.tell(...Array.from({ length: 600 }, (_, index) => index + 1));
    expect(socket.sent).toEqual([]);
    await read();
    await expect.poll(() => socket.sent).toEqual(['{"ack":600}']);
  });

  test("end with the socket, after what had come; a reader who goes closes it", async () => {
    const ended = opened();
    await ended.read();
    ended.socket.tell(1);
    ended.socket.dispatchEvent(new Event("close"));
    expect(await ended.read()).toBe(line(1));
    expect(await ended.read()).toBeUndefined();
    const left = opened();
    await left.read();
    await left.reader.cancel();
    await expect.poll(() => left.socket.closed).toBe(1_000);
  });
});
