import { exports } from "cloudflare:workers";
import type { Burst } from "../protocol.ts";
import { alone, burst, drain, fill, type Handle } from "./drive.ts";
import { bulk } from "./bulk.ts";
import { edges } from "./edges.ts";
import type { Floor } from "./floor.ts";
import { type Groups, open, pausing, shut } from "./held.ts";
import { broods, fired, leased } from "./made.ts";
import { rowsWritten } from "./meter.ts";

type Stub<Methods> = { getByName(name: string): Methods };
const found = exports as unknown as {
  MillDomain: Stub<{ vanish(): Promise<void> }>;
  Floor: Stub<Pick<Floor, "loop">>;
};

/** One scenario's step, run inside the Worker so that HTTP does not limit what is measured. */
export async function perform(
  name: string,
  body: Record<string, unknown>,
  handleOf: (domain: string) => Handle,
  mill: Groups,
): Promise<unknown> {
  const handle = () => handleOf(body["domain"] as string);
  switch (name) {
    case "burst":
      return burst(handle(), body as unknown as Burst);
    case "fill":
      return fill(handle(), body as unknown as Burst);
    case "drain":
      return drain(handle(), body as unknown as Burst);
    case "alone":
      return alone(handle(), body["times"] as number);
    case "edges":
      return edges(handleOf(body["from"] as string), handleOf(body["to"] as string), body["tasks"] as number);
    case "broods":
      return broods(handleOf(body["from"] as string), handleOf(body["to"] as string), body["to"] as string, body["tasks"] as number);
    case "leased":
      return leased(handle(), body["tasks"] as number);
    case "fired":
      return fired(handle(), body["seconds"] as number);
    case "shut":
      return shut(mill, handle());
    case "bulk":
      return bulk(handle() as never, body["verb"] as "cancelWhere", body["filter"] as object);
    case "pausing":
      return pausing(handle());
    case "open":
      return open(mill, handle());
    case "pause":
      return handle().pause();
    case "snapshot":
      return handle().snapshot();
    case "wake":
      return wake(body["domain"] as string, handle());
    case "coordinator":
      return { rowsWritten: rowsWritten() };
    case "floor":
      return { ms: await found.Floor.getByName("floor").loop(body as { tasks: number; batch: number; durable: boolean }) };
    default:
      throw new Error(`The bench Worker knows no ${name}.`);
  }
}

/** Throws the object out of memory, then times its first answer. */
async function wake(domain: string, handle: Handle): Promise<{ ms: number; idleMs: number; pending: number }> {
  await found.MillDomain.getByName(domain)
    .vanish()
    .catch(() => undefined);
  const begun = performance.now();
  const { counts } = await handle.snapshot();
  const ms = performance.now() - begun;
  const again = performance.now();
  await handle.snapshot();
  return { ms, idleMs: performance.now() - again, pending: counts.pending + counts.paused };
}
