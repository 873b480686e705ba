import { constant, createMill, defineDomain } from "millrace";
import { z } from "zod";
import { MILL_CAP, WATCHED_CAP } from "./caps.ts";

interface Env {
  /** Where the probe of the test listens. */
  PROBE: string;
  /** Which life of the killed and restarted mill this is. */
  LIFE: string;
}

const Work = z.object({ n: z.number().int(), ms: z.number().int() });

/** Tells the probe when an execution begins and when it ends. Both reports are awaited, so that what the probe counts did overlap. */
async function reported(state: Env, task: string, work: () => Promise<void>): Promise<void> {
  const execution = crypto.randomUUID();
  const tell = async (what: "start" | "end") => {
    const query = new URLSearchParams({ what, execution, task, life: state.LIFE });
    const response = await fetch(`${state.PROBE}/?${query}`, { method: "POST" });
    await response.arrayBuffer();
  };
  await tell("start");
  await work();
  await tell("end");
}

const watched = defineDomain("watched", { state: (env: Env) => env, maxConcurrency: WATCHED_CAP }).task("report", {
  payload: Work,
  async execute({ n, ms }, ctx) {
    await reported(ctx.state, ctx.task.id, () => scheduler.wait(ms));
    return { doubled: 2 * n };
  },
});

/** No cap of its own: only the mill's holds it. */
const free = defineDomain("free", { state: (env: Env) => env }).task("report", {
  payload: Work,
  key: () => null,
  async execute({ n, ms }, ctx) {
    await reported(ctx.state, ctx.task.id, () => scheduler.wait(ms));
    return { doubled: 2 * n };
  },
});

const plain = defineDomain("plain").task("double", { payload: Work, key: () => null, execute: ({ n }) => ({ doubled: 2 * n }) });

const Text = z.object({ text: z.string(), ms: z.number().optional(), steps: z.number().optional(), fail: z.string().optional() });
const Words = z.object({ words: z.number(), by: z.string() });
/** Done by the example workers, a type each. */
const pull = defineDomain("pull", { defaults: { retry: constant(1, 0) } })
  .task("node", { payload: Text, result: Words, key: () => null, pull: true })
  .task("python", { payload: Text, result: Words, key: () => null, pull: true });

const mill = createMill({ domains: [watched, free, plain, pull], maxConcurrency: MILL_CAP });
export const { MillDomain, MillCoordinator, MillRunner } = mill;
export default mill;
