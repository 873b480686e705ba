import type { Bench } from "../bench.ts";
import { figure } from "../figures.ts";
import type { BurstAnswer, Cost, EdgesAnswer, MadeAnswer } from "../protocol.ts";

const CASES = [
  { what: "plain, in batches of 100", domain: "plaincost", type: "plain", design: 2.03 },
  { what: "keyed by its payload", domain: "keyedcost", type: "keyed", design: 3.03 },
  { what: "with an explicit key", domain: "keycost", type: "plain", keys: true, design: 3.03 },
  { what: "delayed", domain: "delaycost", type: "plain", options: { delay: "1s" }, poll: true, design: 4.03 },
  { what: "with a tag", domain: "tagcost", type: "plain", options: { tags: { team: "a" } }, design: 3.03 },
  { what: "with three tags", domain: "tagscost", type: "plain", options: { tags: { team: "a", app: "b", region: "c" } }, design: 5.03 },
  { what: "with a ttl", domain: "ttlcost", type: "plain", options: { ttl: "1h" }, design: 3.03 },
  { what: "retried once", domain: "retrycost", type: "flaky", poll: true, design: 5.03 },
  { what: "`keep: false`, gone when completed", domain: "forgottencost", type: "forgotten", poll: true, design: 2.03 },
];

/** Rows per task by the domain's own meter: what Cloudflare bills. */
export async function cost(bench: Bench): Promise<void> {
  const sheet = bench.sheet(
    "Rows per task in batches of 100, to its settling",
    "task",
    "rows written",
    "design",
    "rows read",
    "written by statement",
  );
  const tasks = bench.size(5_000);
  for (const { what, design, ...order } of CASES) {
    bench.step(`cost: ${what}`);
    const body = { callers: 4, batch: 100, ...order };
    await bench.call("burst", { ...body, tasks: 1_000 });
    const found = await bench.call<BurstAnswer>("burst", { ...body, tasks });
    const written = found.rowsWritten / tasks;
    sheet.rows.push([what, figure(written), figure(design), figure(found.rowsRead / tasks), byStatement(found, tasks)]);
    if (order.domain === "plaincost")
      bench.judge("rows written per plain task in batches of 100", "≤ 2.2", figure(written), written <= 2.2);
  }
}

/** Tasks that come into being in other ways, or run elsewhere. */
export async function madeCost(bench: Bench): Promise<void> {
  const sheet = bench.sheet("Rows per task that is made in another way", "task", "rows written", "design", "written by statement");
  const tasks = bench.size(5_000);
  const kinds = [
    { what: "child, 100 of a parent, inside", call: "broods", from: "kininside", to: "kininside", design: 3.03 },
    { what: "child, 100 of a parent, across", call: "broods", from: "kinfrom", to: "kinto", design: 6.1 },
    { what: "firing of a schedule, 100 at a time", call: "fired", domain: "firecost", seconds: bench.quick ? 5 : 20, design: 7.05 },
    { what: "leased by a pull worker, completed one by one", call: "leased", domain: "leasecost", design: 6 },
  ];
  for (const { what, call, design, ...order } of kinds) {
    bench.step(`cost: ${what}`);
    // How many share a run is learned first.
    if (call !== "fired") await bench.call(call, { ...order, tasks: 2_000 });
    const found = await bench.call<MadeAnswer>(call, { ...order, tasks });
    const parts = Object.entries(found.statements).map(([kind, rows]) => `${kind} ${figure(rows / found.tasks)}`);
    sheet.rows.push([what, figure(found.rowsWritten / found.tasks), figure(design), parts.join(", ")]);
  }
}

/** What an edge adds to the two tasks that it joins, in batches of 100. */
export async function edgeCost(bench: Bench): Promise<void> {
  const sheet = bench.sheet("Rows per dependency edge, beside the tasks", "edge", "rows written", "design", "written by statement");
  const tasks = bench.size(2_000);
  const kinds = [
    { what: "dependency edge, inside", from: "edgesinside", to: "edgesinside", design: 1 },
    { what: "dependency edge, across", from: "edgesfrom", to: "edgesto", design: 5 },
  ];
  for (const { what, design, ...domains } of kinds) {
    bench.step(`cost: ${what}`);
    const { statements } = await bench.call<EdgesAnswer>("edges", { ...domains, tasks });
    const written = Object.values(statements).reduce((sum, rows) => sum + rows, 0) / tasks;
    const parts = Object.entries(statements).map(([kind, rows]) => `${kind} ${figure(rows / tasks)}`);
    sheet.rows.push([what, figure(written), figure(design), parts.join(", ")]);
  }
}

/** Retention keeps every task for its first minute: submitted early, looked at late. */
export async function beginPurge(bench: Bench): Promise<() => Promise<void>> {
  const tasks = bench.size(5_000);
  const kinds = [
    { what: "plain", domain: "purge", options: {} },
    { what: "with a tag", domain: "purgetags", options: { tags: { team: "a" } } },
  ];
  const begun: { what: string; domain: string; before: Snapshot }[] = [];
  for (const { what, domain, options } of kinds) {
    bench.step(`purge: ${what}`);
    await bench.call("burst", { domain, type: "plain", tasks: Math.max(tasks, 1_000), batch: 100, callers: 4, options });
    begun.push({ what, domain, before: await bench.call<Snapshot>("snapshot", { domain }) });
  }
  return async () => {
    const sheet = bench.sheet("Rows per purged task", "task", "purged", "rows written", "design", "rows read", "written by statement");
    for (const { what, domain, before } of begun) {
      const after = await purged(bench, domain, before);
      const gone = after.totals.purged - before.totals.purged;
      const found = { statements: difference(before.cost.statements, after.cost.statements) };
      const written = (after.cost.rowsWritten - before.cost.rowsWritten) / gone;
      sheet.rows.push([
        what,
        String(gone),
        figure(written),
        what === "plain" ? "1" : "2",
        figure((after.cost.rowsRead - before.cost.rowsRead) / gone),
        byStatement(found, gone),
      ]);
    }
  };
}

type Snapshot = { totals: { purged: number; completed: number }; cost: Cost };

/** Waits until only what may stay is there. */
async function purged(bench: Bench, domain: string, before: Snapshot): Promise<Snapshot> {
  const deadline = performance.now() + 180_000;
  for (;;) {
    bench.step(`${domain}: waiting for retention, which leaves every task its first minute`);
    const now = await bench.call<Snapshot>("snapshot", { domain });
    // Less than a slice too many is left until there is a slice of it.
    if (now.totals.completed - now.totals.purged < 500) return now;
    if (performance.now() > deadline)
      throw new Error(`${domain}: ${now.totals.purged} of ${before.totals.completed} purged after three minutes`);
    await new Promise((resolve) => setTimeout(resolve, 5_000));
  }
}

function difference(before: Cost["statements"], after: Cost["statements"]): Cost["statements"] {
  return Object.fromEntries(
    Object.entries(after).map(([kind, { calls, rowsRead, rowsWritten }]) => {
      const known = before[kind] ?? { calls: 0, rowsRead: 0, rowsWritten: 0 };
      return [kind, { calls: calls - known.calls, rowsRead: rowsRead - known.rowsRead, rowsWritten: rowsWritten - known.rowsWritten }];
    }),
  );
}

function byStatement({ statements }: Pick<Cost, "statements">, tasks: number): string {
  return Object.entries(statements)
    .filter(([, { rowsWritten }]) => rowsWritten > 0)
    .map(([kind, { rowsWritten }]) => `${kind} ${figure(rowsWritten / tasks)}`)
    .join(", ");
}
