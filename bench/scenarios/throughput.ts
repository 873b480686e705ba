import type { Bench } from "../bench.ts";
import { count, figure, times } from "../figures.ts";

const CASES = [
  { domain: "single", type: "plain", tasks: 1_000, batch: 1, callers: 1, what: "plain" },
  { domain: "callers", type: "plain", tasks: 6_400, batch: 1, callers: 64, what: "plain" },
  { domain: "batch100", type: "plain", tasks: 40_000, batch: 100, callers: 4, what: "plain", target: 15_000 },
  { domain: "batch1000", type: "plain", tasks: 80_000, batch: 1_000, callers: 4, what: "plain", target: 25_000 },
  { domain: "result100", type: "result", tasks: 40_000, batch: 100, callers: 4, what: "plain, with a result" },
  { domain: "result1000", type: "result", tasks: 80_000, batch: 1_000, callers: 4, what: "plain, with a result" },
  { domain: "keyed1", type: "keyed", tasks: 6_400, batch: 1, callers: 64, what: "keyed" },
  { domain: "keyed100", type: "keyed", tasks: 40_000, batch: 100, callers: 4, what: "keyed" },
  { domain: "keyed1000", type: "keyed", tasks: 80_000, batch: 1_000, callers: 4, what: "keyed" },
];

/** Tasks per second from the first submit to the durable completion of the last. */
export async function throughput(bench: Bench): Promise<void> {
  const sheet = bench.sheet(
    "Throughput of one domain, first submit to last durable completion",
    "submits of",
    "callers",
    "tasks",
    "tasks/s",
    "slowest of 3",
    "of the floor",
    "tasks per run (K)",
    "rows written",
    "rows read",
    "coordinator calls",
  );
  let most = 0;
  for (const { what, target, ...order } of CASES) {
    const round = await bench.rounds({ ...order, tasks: bench.size(order.tasks) });
    const floor = bench.floors.get(order.batch);
    const ratio = floor === undefined ? "–" : times(round.perSecond / floor);
    sheet.rows.push([
      count(order.batch),
      String(order.callers),
      what,
      count(round.perSecond),
      count(round.slowest),
      ratio,
      figure(round.perRun),
      figure(round.written),
      figure(round.read),
      figure(round.calls),
    ]);
    if (order.batch > 1) most = Math.max(most, round.calls);
    if (target)
      bench.judge(`tasks/s, submits of ${count(order.batch)}`, `≥ ${count(target)}`, count(round.perSecond), round.perSecond >= target);
  }
  bench.judge("coordinator calls per task at load", "≤ 0.05", figure(most), most <= 0.05);
}
