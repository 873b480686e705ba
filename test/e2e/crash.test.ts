import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { seed } from "../seed.ts";
import { Mill, temporary } from "./mill.ts";
import { Probe } from "./probe.ts";
import { Acknowledged, type Parcel, parcels, seeded } from "./stream.ts";
import { MILL_CAP, WATCHED_CAP } from "./worker/caps.ts";

const TASKS = 2_000;
/** How long each killed life may last, in ms. The long ones outlast the 10 s for which a new object waits for the runs of the old. */
const LIVES = [
  [300, 3_000],
  [10_500, 13_000],
  [300, 3_000],
  [300, 3_000],
  [10_500, 13_000],
  [300, 3_000],
] as const;

/** After the last kill: orphaned runs wait 10 s, grants of dead holders 42 s; the work itself takes seconds. The rest is for a busy machine. */
const DRAIN_LIMIT_MS = 240_000;

const folder = fileURLToPath(new URL("worker", import.meta.url));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("SIGKILL at random moments under a stream of submits loses no acknowledged task and never exceeds a cap", async () => {
  console.log(`crash: MILLRACE_SEED=${seed} plays this run again`);
  const random = seeded(seed);
  using home = temporary("crash");
  const probe = await Probe.start();
  probe.begin("1");
  await using mill = await Mill.start({ folder, home: home.path, vars: { PROBE: probe.url, LIFE: "1" } });
  const acknowledged = new Acknowledged();
  try {
    const cut = await streamUnderKills(mill, probe, acknowledged, random);
    expect(acknowledged.numberOf.size).toBe(TASKS);
    const deadline = performance.now() + DRAIN_LIMIT_MS;
    const views: View[] = [];
    for (const domain of ["watched", "free", "plain"]) views.push(...(await allEnded(mill.url, domain, deadline)));
    // A repeated request must not have inserted its tasks a second time, and nothing that was acknowledged is missing.
    const byId = (one: { id: string }, other: { id: string }) => (one.id < other.id ? -1 : 1);
    const expected = [...acknowledged.numberOf].map(([id, n]) => ({ id, status: "completed", result: { doubled: 2 * n } }));
    expect(views.map(({ id, status, result }) => ({ id, status, result })).toSorted(byId)).toEqual(expected.toSorted(byId));

    const starts = probe.starts;
    const reporting = [...acknowledged.numberOf.keys()].filter((id) => !id.startsWith("plain_"));
    expect(reporting.filter((id) => !starts.has(id))).toEqual([]);
    expect(views.filter((view) => view.executions < 1)).toEqual([]);

    expect(probe.most("watched")).toBeLessThanOrEqual(WATCHED_CAP);
    expect(probe.most()).toBeLessThanOrEqual(MILL_CAP);
    // A probe that never saw two at once would prove nothing.
    expect(probe.most("watched")).toBeGreaterThan(1);

    const again = reporting.filter((id) => (starts.get(id) ?? 0) > 1).length;
    console.log(
      `crash: ${LIVES.length} kills cut ${cut} executions; ${acknowledged.repeated} requests repeated; ${TASKS} tasks acknowledged and completed; ` +
        `${again} of ${reporting.length} reporting tasks started more than once; ` +
        `at most ${probe.most("watched")} of ${WATCHED_CAP} in the capped domain and ${probe.most()} of ${MILL_CAP} in the mill at once`,
    );
  } catch (error) {
    throw new Error(`MILLRACE_SEED=${seed} failed; the mill's last words:\n${mill.output.slice(-4_000)}`, { cause: error });
  } finally {
    acknowledged.stop();
    probe.stop();
  }
}, 600_000);

/** Sends every parcel at a random moment of a life; all lives but the last end by SIGKILL. Returns how many executions the kills cut. */
async function streamUnderKills(mill: Mill, probe: Probe, acknowledged: Acknowledged, random: () => number): Promise<number> {
  const waiting = parcels(TASKS, random);
  const share = Math.ceil(waiting.length / (LIVES.length + 1));
  const sent: Promise<void>[] = [];
  const send = async (parcel: Parcel, delayMs: number) => {
    await pause(delayMs);
    await acknowledged.send(mill.url, parcel);
  };
  let cut = 0;
  const began = performance.now();
  const lives: string[] = [];
  for (const [index, [shortest, longest]] of LIVES.entries()) {
    const lifeMs = shortest + random() * (longest - shortest);
    sent.push(...waiting.splice(0, share).map((parcel) => send(parcel, random() * lifeMs)));
    await Promise.race([pause(lifeMs), failureOf(sent)]);
    await mill.kill9();
    cut += probe.cut();
    const life = String(index + 2);
    probe.begin(life);
    const killed = performance.now();
    await mill.restart({ LIFE: life });
    lives.push(`${seconds(lifeMs)} + ${seconds(performance.now() - killed)}`);
  }
  sent.push(...waiting.map((parcel) => send(parcel, random() * 1_000)));
  await Promise.all(sent);
  console.log(`crash: lives and restarts in s: ${lives.join(", ")}; all acknowledged after ${seconds(performance.now() - began)}`);
  return cut;
}

const seconds = (ms: number) => (ms / 1_000).toFixed(1);

/** Rejects as soon as one of them does; never resolves. */
function failureOf(all: Promise<void>[]): Promise<never> {
  return new Promise((_, reject) => {
    for (const one of all) one.catch(reject);
  });
}

interface View {
  id: string;
  status: string;
  result: unknown;
  executions: number;
}

/** Waits until every task of a domain has ended. */
async function allEnded(url: string, domain: string, deadline: number): Promise<View[]> {
  for (;;) {
    const views = await list(url, domain);
    const active = views.find(({ status }) => ["pending", "scheduled", "running", "blocked", "waiting", "paused"].includes(status));
    if (!active) return views;
    const answer = await fetch(`${url}/v1/tasks/${active.id}/result?wait=10s`);
    await answer.arrayBuffer();
    if (performance.now() > deadline) {
      const snapshot = await (await fetch(`${url}/v1/snapshot`)).text();
      throw new Error(`${active.id} is stuck: ${JSON.stringify(active)}\n${snapshot}`);
    }
  }
}

async function list(url: string, domain: string): Promise<View[]> {
  const found: View[] = [];
  let cursor = "";
  do {
    const response = await fetch(`${url}/v1/domains/${domain}/tasks?limit=500${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    const page = (await response.json()) as { items: View[]; next: string | null };
    found.push(...page.items);
    cursor = page.next ?? "";
  } while (cursor);
  return found;
}
