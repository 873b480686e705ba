import { createServer, type Server, type ServerResponse } from "node:http";

const HALF = 524_288;

/**
 * The other end of deliveries. What it answers is said by the path: `/ok/…`, `/missing/…` (404: fails for good), `/busy/…` (503:
 * tried again), `/hold/{name}` (answers when `/release/{name}` is asked for), `/drip/{name}` (half of a megabyte, the rest then).
 */
export class Partner {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  static async start(): Promise<Partner> {
    const held = new Map<string, ServerResponse[]>();
    const released = new Set<string>();
    const server = createServer((request, response) => {
      request.resume();
      request.on("end", () => {
        const [, what = "", name = ""] = (request.url ?? "").split("/");
        if (what === "missing") response.writeHead(404).end(`no ${name}`);
        else if (what === "busy") response.writeHead(503).end("busy");
        else if (what === "hold" && !released.has(name)) held.set(name, [...(held.get(name) ?? []), response]);
        else if (what === "drip") {
          response.writeHead(200, { "content-type": "image/png", "content-length": String(2 * HALF) }).write(Buffer.alloc(HALF));
          held.set(name, [...(held.get(name) ?? []), response]);
        } else if (what === "release") {
          released.add(name);
          for (const waiting of held.get(name) ?? []) waiting.end(waiting.headersSent ? Buffer.alloc(HALF) : "released");
          response.end("ok");
        } else response.end("ok");
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    return new Partner(server, `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
