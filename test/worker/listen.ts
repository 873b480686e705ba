import { createExecutionContext } from "cloudflare:test";
import type { MillEvent } from "../../src/policy/events/event.ts";
import { mill } from "./index.ts";
import { until } from "./reach.ts";

const OPEN = { MILLRACE_AUTH: "open" } as unknown as Cloudflare.Env;

/** What a listener has heard so far. */
export interface Ear {
  readonly heard: MillEvent[];
  /** Waits until one passes, and answers with it. */
  hears(what: (event: MillEvent) => boolean): Promise<MillEvent>;
  close(): void;
}

const earOf = (heard: MillEvent[], close: () => void): Ear => ({
  heard,
  hears: (what) =>
    until(
      () => heard.find(what),
      (found) => found !== undefined,
    ).then((found) => found!),
  close,
});

/** Listens by a WebSocket, through the gateway. */
export async function listen(
  query = "",
  headers: Record<string, string> = {},
  env = OPEN,
): Promise<Ear & { socket: WebSocket; response: Response }> {
  const request = new Request(`http://mill/v1/events${query}`, { headers: { upgrade: "websocket", ...headers } });
  const response = await mill.fetch(request, env, createExecutionContext());
  const socket = response.webSocket;
  if (!socket) throw new Error(`no socket: ${response.status} ${await response.text()}`);
  const heard: MillEvent[] = [];
  socket.addEventListener("message", ({ data }) => void heard.push(JSON.parse(data as string) as MillEvent));
  socket.accept();
  return { ...earOf(heard, () => socket.close(1000)), socket, response };
}

/** Listens by Server-Sent Events. */
export async function stream(
  query = "",
  headers: Record<string, string> = {},
  env = OPEN,
): Promise<Ear & { lines: string[]; response: Response }> {
  const response = await mill.fetch(new Request(`http://mill/v1/events${query}`, { headers }), env, createExecutionContext());
  const heard: MillEvent[] = [];
  const lines: string[] = [];
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const read = async (): Promise<void> => {
    let rest = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const texts = (rest + part.value).split("\n\n");
      rest = texts.pop()!;
      for (const text of texts) {
        lines.push(text);
        const data = /^data: (.*)$/m.exec(text)?.[1];
        if (data !== undefined) heard.push(JSON.parse(data) as MillEvent);
      }
    }
  };
  void read().catch(() => undefined);
  return { ...earOf(heard, () => void reader.cancel()), lines, response };
}
