import { createHash } from "node:crypto";
import { z } from "zod";
import { defineDomain } from "../../../src/domains/define.ts";
import type { Registry } from "../../../src/domains/definition.ts";
import { createGateway } from "../../../src/worker/gateway.ts";
import type { LogEntry } from "../../../src/worker/problem.ts";
import { MemoryCoordinator, MemoryDomain } from "./memory.ts";

const media = defineDomain("media", { maxConcurrency: 4, defaults: { ttl: "1h" } })
  .task("resize", {
    payload: z.object({ object: z.string(), width: z.number().int().positive() }),
    result: z.object({ bytes: z.number() }),
    redact: ["object"],
    execute: () => ({ bytes: 1 }),
  })
  .task("plain", { payload: z.unknown(), key: () => null, execute: () => undefined })
  .task("inner", { payload: z.object({}), submittable: false, execute: () => undefined })
  .task("transcode", { payload: z.object({ object: z.string() }), result: z.object({ bytes: z.number() }), key: () => null, pull: true });
const mail = defineDomain("mail").task("send", {
  payload: z.object({ to: z.string() }),
  key: ({ to }) => to,
  label: ({ to }) => `to ${to}`,
  execute: () => undefined,
});

export const registry: Registry = {
  domains: new Map([media, mail].map((domain) => [domain.name, domain])),
  app: undefined,
  maxConcurrency: 16,
  groups: new Map(),
  defaultGroupMaxConcurrency: null,
  defaults: {},
};

export const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
export const OPEN = { MILLRACE_AUTH: "open" };

/** A problem's or an answer's JSON. */
// oxlint-disable-next-line typescript/no-explicit-any -- a test reads what it asserts
type Body = any;

export interface Answer {
  status: number;
  headers: Headers;
  body: Body;
}

/** A gateway before domains in memory. */
export function setup(env: Record<string, unknown> = OPEN) {
  let now = Date.parse("2026-11-20T12:00:00Z");
  const tick = () => (now += 1_000);
  const domains = { media: new MemoryDomain("media", tick), mail: new MemoryDomain("mail", tick) };
  const coordinator = new MemoryCoordinator();
  const log: LogEntry[] = [];
  const app = createGateway(registry, {
    domain: (name) => domains[name as keyof typeof domains],
    coordinator: () => coordinator,
    log: (entry) => log.push(entry),
  });
  const send = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> => {
    const text =
      body === undefined || typeof body === "string" || body instanceof ReadableStream || body instanceof Uint8Array
        ? body
        : JSON.stringify(body);
    // A text body without a header of its own would be sent as text/plain.
    const type = typeof text === "string" ? { "content-type": "application/json" } : {};
    const init = { method, headers: { ...type, ...headers }, ...(text === undefined ? {} : { body: text, duplex: "half" }) } as RequestInit;
    return Promise.resolve(app.request(path, init, env)).then(read);
  };
  return { app, domains, coordinator, log, send };
}

export async function read(response: Response): Promise<Answer> {
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" || response.headers.get("content-type")?.startsWith("text/") ? undefined : JSON.parse(text),
  };
}
