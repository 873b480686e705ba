import type { MillEvent, Place } from "../policy/events/event.ts";
import { abortable } from "./abort.ts";

/** A quarter of what the object sends before it hears how far somebody has read. */
const CONFIRM_EVERY = 250;

/** The events of a socket from an object, confirmed as they are read. */
export async function* readSocket(socket: WebSocket, signal: AbortSignal | undefined): AsyncGenerator<MillEvent | Place, void, undefined> {
  const queue: string[] = [];
  let isOver = false;
  let wake: (() => void) | undefined;
  const end = (): void => {
    isOver = true;
    wake?.();
  };
  const more = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  socket.addEventListener("message", ({ data }) => {
    queue.push(data as string);
    wake?.();
  });
  socket.addEventListener("close", end);
  socket.addEventListener("error", end);
  socket.accept();
  try {
    for (let read = 0; ;) {
      const text = queue.shift();
      if (text !== undefined) {
        const event = JSON.parse(text) as MillEvent | Place;
        yield event;
        read = (read + 1) % CONFIRM_EVERY;
        if (read === 0 && !isOver) socket.send(JSON.stringify({ ack: event.seq }));
      } else if (isOver) return;
      else await abortable(more(), signal);
    }
  } finally {
    if (!isOver) socket.close(1000, "the reader has gone");
  }
}
