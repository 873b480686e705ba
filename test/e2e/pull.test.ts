import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient } from "millrace/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { environment, Group, Mill, NODE, ROOT, temporary, until } from "./mill.ts";

const home = temporary("pull");
let running: Mill;
beforeAll(async () => {
  running = await Mill.start({
    folder: fileURLToPath(new URL("worker", import.meta.url)),
    home: home.path,
    vars: { PROBE: "", LIFE: "1" },
  });
});
afterAll(async () => {
  await running.kill9();
  home[Symbol.dispose]();
});

const WORKERS: [name: string, command: string, script: string][] = [
  ["node", NODE, join(ROOT, "examples", "pull-node", "worker.mjs")],
  ["python", "python3", join(ROOT, "examples", "pull-python", "worker.py")],
];

/** The mill behind a connection that breaks at the first word of an end, before it has arrived. */
async function flaky(): Promise<{ url: string; broken: () => number; [Symbol.dispose](): void }> {
  let broken = 0;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.url?.endsWith("/complete") && broken++ === 0) return request.socket.destroy();
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${running.url}${request.url}`, { method: "POST", headers, body: Buffer.concat(chunks) }).catch(
      () => undefined,
    );
    // The mill went first: the tests are over.
    if (!answer) return request.socket.destroy();
    response.writeHead(answer.status, headers).end(await answer.text());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, broken: () => broken, [Symbol.dispose]: () => server.close() };
}

/** The two workers side by side; the tests of each share its queue. */
const IN_TURN = { concurrent: false };

describe.concurrent.each(WORKERS)("the example worker in %s", (name, command, script) => {
  const env = () => ({
    ...environment(home.path),
    MILLRACE_URL: running.url,
    MILLRACE_DOMAIN: "pull",
    MILLRACE_TYPES: name,
    MILLRACE_WORKER: `${name}-1`,
    MILLRACE_LEASE: "5s",
  });
  const start = (more: Record<string, string> = {}) => new Group(command, [script], { cwd: home.path, env: { ...env(), ...more } });

  test(
    "claims, completes, fails, keeps the lease of long work, sees a cancel, gives back what it holds when it is stopped",
    IN_TURN,
    async () => {
      const pull = createClient({ url: running.url }).domain("pull");
      const type = name as "node" | "python";
      const status = async (id: string) => (await pull.task(type, id).get()).status;
      const worker = start();
      const said = (what: string) => () => `${what}; the worker said: ${worker.output}`;
      try {
        const { id } = await pull.submit(type, { text: "one two three" });
        expect(await pull.task(type, id).result({ timeout: "30s" })).toEqual({ words: 3, by: `${name}-1` });

        const bad = await pull.submit(type, { text: "", fail: "no such thing" });
        await until(said("the failure"), async () => (await status(bad.id)) === "dead_letter", 30_000);
        expect(await pull.task(type, bad.id).get()).toMatchObject({ attempt: 2, error: { message: "no such thing" } });

        // Longer than its lease.
        const long = await pull.submit(type, { text: "long", ms: 700, steps: 10 });
        await until(said("progress"), async () => ((await pull.task(type, long.id).get()).progress?.fraction ?? 0) > 0, 30_000);
        expect(await pull.task(type, long.id).result({ timeout: "30s" })).toMatchObject({ words: 1 });
        expect(await pull.task(type, long.id).get()).toMatchObject({ attempt: 1, executions: 1 });

        const unwanted = await pull.submit(type, { text: "unwanted", ms: 60_000 });
        await until(said("its start"), async () => (await status(unwanted.id)) === "running", 30_000);
        await pull.task(type, unwanted.id).cancel();
        await until(said("the cancel"), async () => (await status(unwanted.id)) === "cancelled", 30_000);

        const held = await pull.submit(type, { text: "held", ms: 60_000 });
        await until(said("its start"), async () => (await status(held.id)) === "running", 30_000);
        worker.child.kill("SIGTERM");
        await until(said("the release"), async () => (await status(held.id)) === "pending", 30_000);
        expect(await pull.task(type, held.id).get()).toMatchObject({ attempt: 0, executions: 1 });
        await until(said("the worker's end"), () => worker.exited, 30_000);
        await pull.task(type, held.id).cancel();
      } finally {
        await worker.kill9();
      }
    },
  );

  test("[pull leases] work that is done is told again when the connection broke: it is not done twice", IN_TURN, async () => {
    const pull = createClient({ url: running.url }).domain("pull");
    const type = name as "node" | "python";
    using mill = await flaky();
    const worker = start({ MILLRACE_URL: mill.url });
    try {
      const { id } = await pull.submit(type, { text: "said once" });
      expect(await pull.task(type, id).result({ timeout: "30s" })).toMatchObject({ words: 2 });
      expect(await pull.task(type, id).get()).toMatchObject({ attempt: 1, executions: 1, errors: [] });
      expect(mill.broken()).toBe(2);
    } finally {
      await worker.kill9();
    }
  });

  test("one that is killed loses its lease, and the next worker gets the task", IN_TURN, async () => {
    const pull = createClient({ url: running.url }).domain("pull");
    const type = name as "node" | "python";
    const first = start();
    const { id } = await pull.submit(type, { text: "a b", ms: 6_000 });
    await until(
      () => `its start: ${first.output}`,
      async () => (await pull.task(type, id).get()).status === "running",
      30_000,
    );
    await first.kill9();
    // A machine so busy that it misses a renewal of 5 s would make a dead letter of the task.
    const second = start({ MILLRACE_LEASE: "60s" });
    try {
      expect(await pull.task(type, id).result({ timeout: "60s" })).toMatchObject({ words: 2 });
      expect(await pull.task(type, id).get()).toMatchObject({
        attempt: 2,
        errors: [{ attempt: 1, message: expect.stringContaining(`${name}-1 ran out`) }],
      });
    } finally {
      await second.kill9();
    }
  });
});
