import { createServer, type IncomingHttpHeaders } from "node:http";

/** A request that reached the receiver. */
export interface Received {
  headers: IncomingHttpHeaders;
  body: string;
  /** What it was answered with. */
  status: number;
}

/** A real HTTP receiver on the loopback address. */
export interface Receiver extends AsyncDisposable {
  url: string;
  requests: readonly Received[];
}

/** It turns the first delivery away for a second, as a receiver does that is being restarted, and takes the next. */
export async function startReceiver(): Promise<Receiver> {
  const requests: Received[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const status = requests.length === 0 ? 503 : 200;
    requests.push({ headers: request.headers, body: Buffer.concat(chunks).toString(), status });
    response.writeHead(status, { "content-type": "text/plain", ...(status === 503 ? { "retry-after": "1" } : {}) });
    response.end(status === 503 ? "restarting" : "thank you");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("The receiver got no port.");
  return {
    url: `http://127.0.0.1:${address.port}/hook`,
    requests,
    [Symbol.asyncDispose]: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
