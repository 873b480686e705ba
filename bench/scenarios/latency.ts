import type { Bench } from "../bench.ts";
import { figure, ms, percentile } from "../figures.ts";
import { COLD } from "../names.ts";
import type { Cost } from "../protocol.ts";

type Alone = { start: number[]; answer: number[]; result: number[] } & Cost;
/** Longer than a grant lasts, and than the alarm that stood when the last task ended. */
const IDLE_MS = 65_000;

/** One task at a time on an idle domain: how soon it starts, and what it costs. */
export async function latency(bench: Bench): Promise<void> {
  const sheet = bench.sheet(
    "One task alone on an idle domain",
    "grant",
    "tasks",
    "submit → start p50",
    "p99",
    "submit → answer p50",
    "submit → result p50",
    "rows written",
    "of them alarms",
    "rows of the coordinator",
  );
  await bench.call("alone", { domain: "idle", times: 20 });
  bench.step("idle: tasks alone, grant in hand");
  const warm = await measured(bench, ["idle"], bench.size(300));
  sheet.rows.push(row("in hand", warm));
  const p50 = percentile(warm.start, 0.5);
  bench.judge("idle enqueue → start, p50", "≤ 10 ms", ms(p50), p50 <= 10);
  if (bench.quick) return;
  const cold = Array.from({ length: COLD }, (_, index) => `cold${index}`);
  for (const domain of cold) await bench.call("alone", { domain, times: 3 });
  const all: Measured = { start: [], answer: [], result: [], written: 0, alarms: 0, coordinator: 0 };
  for (let round = 1; round <= 2; round += 1) {
    bench.step(`idle: nothing for ${IDLE_MS / 1_000} s, round ${round} of 2`);
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    const found = await measured(bench, cold, 1);
    all.start.push(...found.start);
    all.answer.push(...found.answer);
    all.result.push(...found.result);
    for (const key of ["written", "alarms", "coordinator"] as const) all[key] += found[key] / 2;
  }
  sheet.rows.push(row(`none, after ${IDLE_MS / 1_000} s idle`, all));
}

interface Measured {
  start: number[];
  answer: number[];
  result: number[];
  /** Rows per task. */
  written: number;
  alarms: number;
  coordinator: number;
}

async function measured(bench: Bench, domains: string[], times: number): Promise<Measured> {
  const before = await bench.call<{ rowsWritten: number }>("coordinator");
  const found: Measured = { start: [], answer: [], result: [], written: 0, alarms: 0, coordinator: 0 };
  const tasks = domains.length * times;
  for (const domain of domains) {
    const { start, answer, result, rowsWritten, alarmsSet, statements } = await bench.call<Alone>("alone", { domain, times });
    found.start.push(...start);
    found.answer.push(...answer);
    found.result.push(...result);
    // The meter lags by its last state row. Both ends of a measurement do, unless the object woke before the first.
    const unmetered = "select state" in statements ? 1 : 0;
    found.written += (rowsWritten + unmetered) / tasks;
    found.alarms += alarmsSet / tasks;
  }
  const after = await bench.call<{ rowsWritten: number }>("coordinator");
  found.coordinator = (after.rowsWritten - before.rowsWritten) / tasks;
  return found;
}

function row(grant: string, { start, answer, result, written, alarms, coordinator }: Measured): string[] {
  const at = (values: number[], share: number) => ms(percentile(values, share));
  return [
    grant,
    String(start.length),
    at(start, 0.5),
    at(start, 0.99),
    at(answer, 0.5),
    at(result, 0.5),
    figure(written),
    figure(alarms),
    figure(coordinator),
  ];
}
