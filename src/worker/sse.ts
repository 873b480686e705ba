import type { Clock } from "../clock.ts";

/** A proxy that hears nothing for a minute or so ends a connection: something is said sooner. */
const KEEP_ALIVE_MS = 15_000;
/** How much is put together into one chunk. */
const CHUNK_MAX = 65_536;
/** A quarter of the object's window. */
const CONFIRM_EVERY = 250;
/** When a browser asks again after the connection broke. */
const OPENING = "retry: 1000\n\n";

/**
 * A socket's events as the body of a `text/event-stream`. Nothing is kept here: what has been read is confirmed, and the object
 * sends no more than its window beyond that, so that a reader who is slow is told what it missed.
 */
export function eventStream(socket: WebSocket, clock: Clock): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const queue: string[] = [];
  let read = 0;
  let isOver = false;
  let wake: (() => void) | undefined;
  const heard = (): void => {
    wake?.();
    wake = undefined;
  };
  const end = (): void => {
    isOver = true;
    heard();
  };
  socket.addEventListener("message", ({ data }) => {
    queue.push(data as string);
    heard();
  });
  socket.addEventListener("close", end);
  socket.addEventListener("error", end);
  socket.accept();
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => controller.enqueue(encoder.encode(OPENING)),
      async pull(controller) {
        const isQuiet = queue.length === 0 && !isOver && !(await within(clock, KEEP_ALIVE_MS, (resolve) => (wake = resolve)));
        if (isQuiet) return controller.enqueue(encoder.encode(": still here\n\n"));
        const chunk = takeChunk(queue);
        if (chunk === undefined) return controller.close();
        controller.enqueue(encoder.encode(chunk.text));
        read += chunk.count;
        if (read < CONFIRM_EVERY || isOver) return;
        read = 0;
        socket.send(JSON.stringify({ ack: chunk.seq }));
      },
      cancel: () => socket.close(1000, "the reader has gone"),
    },
    // Asked for when it is read, not before.
    { highWaterMark: 1 },
  );
}

/** Events from the front of the queue, as they are written into the stream; a place is an id without data, which browsers remember, too. */
function takeChunk(queue: string[]): { text: string; seq: number; count: number } | undefined {
  let text = "";
  let seq = 0;
  let count = 0;
  for (; count < queue.length && text.length < CHUNK_MAX; count += 1) {
    const event = queue[count]!;
    const [, told, isPlace] = /^\{"seq":(\d+)(\})?/.exec(event)!;
    seq = Number(told);
    text += isPlace ? `id: ${seq}\n\n` : `id: ${seq}\ndata: ${event}\n\n`;
  }
  queue.splice(0, count);
  return count === 0 ? undefined : { text, seq, count };
}

/** Whether it comes within so long. */
function within(clock: Clock, ms: number, wait: (resolve: () => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const stop = clock.after(ms, () => resolve(false));
    wait(() => {
      stop();
      resolve(true);
    });
  });
}
