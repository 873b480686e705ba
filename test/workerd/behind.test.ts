import { reset } from "cloudflare:test";
import { admit, deny } from "millrace";
import { afterEach, beforeAll, expect, test } from "vitest";
import { clock } from "../worker/clock.ts";
import { mill, strictQ } from "../worker/index.ts";
import { rows, until } from "../worker/reach.ts";
import { gate } from "../worker/script.ts";
import { keeper } from "../worker/strict.ts";

// What it costs to claim, run and settle, by the object's own meter, does not depend on what waits behind a gate.

const HELD = 2_000;
const PROBES = 200;

beforeAll(() => clock.takeOver());
const held: string[] = [];
let serial = 0;
afterEach(async () => {
  for (const name of held.splice(0)) gate(name).open();
  keeper.answer = () => admit;
  await reset();
});

const many = (count: number, options: object = {}, type = "plain") =>
  strictQ.submitAll(
    Array.from({ length: count }, (_, n) => ({ type, payload: { name: `n ${n}` }, ...options })) as never,
  ) as Promise<unknown> as Promise<{ id: string }[]>;
const counter = (id: string) => Number(id.split("_")[1]);
/** Rows straight from storage: looking costs the object nothing. */
const completed = async (from: number): Promise<number> =>
  (await rows<{ n: number }>("strict", "SELECT count(*) AS n FROM tasks WHERE id >= ? AND finished_at IS NOT NULL", from))[0]!.n;

/** The clock stands while something goes on; where the domain waits to ask for slots again, it goes on. */
async function done(from: number, count: number): Promise<void> {
  let before = -1;
  for (let same = 0; ; same += 1) {
    const now = await completed(from);
    if (now >= count) return;
    if (now !== before) same = 0;
    else if (same > 20) clock.advance(20);
    before = now;
    await scheduler.wait(2);
  }
}

/** One task. Time passes before it: a submit right behind another would wait for more, in a time that stands. */
async function submit(script: object, options: object = {}, type = "plain"): Promise<string> {
  clock.advance(20);
  return (await strictQ.submit(type as "plain", script as never, options as never)).id;
}
const shows = (id: string, wanted: string) =>
  until(
    () => (clock.advance(20), strictQ.task("plain", id).get()),
    ({ status }) => status === wanted,
  );
/** A task that runs until its gate is opened, or the test is over. */
async function running(script: object = {}, options: object = {}, type = "plain"): Promise<{ id: string; name: string }> {
  const name = `behind ${(serial += 1)}`;
  held.push(name);
  const id = await submit({ do: "hold", name, ...script }, options, type);
  await shows(id, "running");
  return { id, name };
}

const used = async () => {
  const { rowsRead, rowsWritten, coordinatorCalls } = (await strictQ.snapshot()).cost;
  return { rowsRead, rowsWritten, coordinatorCalls };
};

/** What a batch that nothing holds costs, from submit to settle. */
async function probe(): Promise<{ rowsRead: number; rowsWritten: number; coordinatorCalls: number }> {
  clock.advance(20);
  const before = await used();
  const [first] = await many(PROBES);
  await done(counter(first!.id), PROBES);
  const after = await used();
  return {
    rowsRead: after.rowsRead - before.rowsRead,
    rowsWritten: after.rowsWritten - before.rowsWritten,
    coordinatorCalls: after.coordinatorCalls - before.coordinatorCalls,
  };
}

/** So many tasks come to wait at each gate. */
const GATES: Record<string, (count: number) => Promise<unknown>> = {
  "a run time in the future": (count) => many(count, { delay: "1h" }),
  "a dependency": async (count) => {
    const id = await submit({}, { delay: "1h" });
    for (let left = count; left > 0; left -= 500) await many(500, { dependsOn: [id] });
  },
  "its group's pause": async (count) => {
    await mill.group("halted").pause();
    return many(count, { group: "halted" });
  },
  "its group's cap": async (count) => {
    await mill.group("capped").set({ maxConcurrency: 1 });
    await running({}, { group: "capped" });
    return many(count, { group: "capped" });
  },
  "its group's rate": async (count) => {
    await mill.group("limited").set({ rate: { permits: 1, per: "1h" } });
    return many(count, { group: "limited" });
  },
  "its type's rate": async (count) => {
    await strictQ.setRate("fleeting", { permits: 1, per: "1h" });
    return many(count, {}, "fleeting");
  },
  "the IO budget": async (count) => {
    const { id, name } = await running({ bytes: 1 }, {}, "move");
    clock.advance(10_000);
    gate(name).open();
    await shows(id, "completed");
    await running({}, {}, "move");
    return many(count, {}, "move");
  },
  pressure: async (count) => {
    await mill.pressure("quota", 0.6, "1h");
    return many(count, { priority: "background" });
  },
  "the domain's gate": (count) => {
    keeper.answer = ({ tags }) => (tags.gated ? deny("closed") : admit);
    return many(count, { tags: { gated: "yes" } });
  },
  "nobody who claims it": (count) => many(count, {}, "pulled"),
};

test.each(Object.entries(GATES))(
  "[caps] [cost] claiming costs the same with 2,000 tasks held by %s",
  { timeout: 60_000 },
  async (_name, hold) => {
    await mill.settings({ maxConcurrency: 8 });
    // How many share a run is learned: the clock stands, so nothing takes time.
    for (let round = 0; round < 12; round += 1) await probe();
    const none = await probe();
    await hold(HELD);
    clock.advance(20);
    await probe();
    const behind = await probe();
    for (const what of ["rowsRead", "rowsWritten"] as const) expect(behind[what], what).toBeLessThan(none[what] + PROBES / 4);
    expect(behind.coordinatorCalls).toBeLessThanOrEqual(none.coordinatorCalls + 3);
  },
);

test("[order] [cost] claiming costs the same with 2,000 less urgent tasks behind", { timeout: 60_000 }, async () => {
  await mill.settings({ maxConcurrency: 8 });
  await strictQ.setMaxConcurrency(1);
  for (let round = 0; round < 12; round += 1) await probe();
  const claiming = async (behind: number) => {
    await strictQ.pause();
    const [first] = await many(PROBES);
    const name = `wall ${behind}`;
    held.push(name);
    const wall = await submit({ do: "hold", name }, { priority: "background" });
    if (behind > 0) await many(behind, { priority: "idle" });
    const before = await used();
    await strictQ.resume();
    await done(counter(first!.id), PROBES);
    // It keeps the slot from what is behind it.
    await shows(wall, "running");
    const after = await used();
    gate(name).open();
    await done(counter(first!.id), PROBES + 1 + behind);
    return { rowsRead: after.rowsRead - before.rowsRead, rowsWritten: after.rowsWritten - before.rowsWritten };
  };
  const none = await claiming(0);
  const behind = await claiming(HELD);
  // The last run looks ahead at what comes next, 250 tasks at most.
  expect(behind.rowsRead).toBeLessThan(none.rowsRead + 300);
  expect(behind.rowsWritten).toBeLessThan(none.rowsWritten + PROBES / 4);
});
