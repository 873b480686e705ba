import type { Bench, Round } from "../bench.ts";
import { count, figure, ms, times } from "../figures.ts";
import type { Sheet } from "../report.ts";

const ORDER = { type: "plain", tasks: 50_000, batch: 1_000, callers: 4 };
const HEAD = ["in the table", "tasks/s", "of empty", "rows read per task", "of empty", "rows written"];

/** The same work with more and more tasks of a better priority that are not due yet. */
export async function delayed(bench: Bench): Promise<void> {
  const sheet = bench.sheet("With delayed tasks of a better priority", ...HEAD);
  const order = { ...ORDER, domain: "delayed", tasks: bench.size(ORDER.tasks) };
  const first = await bench.rounds(order);
  sheet.rows.push(row("nothing", first, first));
  let there = 0;
  let last = first;
  for (const goal of bench.quick ? [10_000] : [10_000, 100_000, 1_000_000]) {
    await bench.fill("delayed", "plain", goal - there, { delay: "1d", priority: "realtime" });
    there = goal;
    last = await bench.again(order);
    sheet.rows.push(row(`${count(goal)} delayed`, last, first));
  }
  judgeReads(bench, `rows read per task, ${count(there)} delayed`, last, first);
}

/** The same work with 1,000,000 finished tasks kept. */
export async function finished(bench: Bench): Promise<void> {
  const sheet = bench.sheet("With finished tasks", ...HEAD);
  const order = { ...ORDER, domain: "finished", tasks: bench.size(ORDER.tasks) };
  const first = await bench.rounds(order);
  sheet.rows.push(row("nothing", first, first));
  const goal = bench.size(1_000_000);
  const portion = 50_000;
  for (let done = 0; done < goal; done += portion) {
    bench.progress("finished: working", done, goal);
    await bench.call("burst", { ...order, tasks: Math.min(portion, goal - done), batch: 10_000, callers: 1 });
  }
  const last = await bench.again(order);
  sheet.rows.push(row(`${count(goal)} finished`, last, first));
  judgeReads(bench, `rows read per task, ${count(goal)} finished`, last, first);
}

/** Dispatch and settle with 1,000,000 less urgent pending tasks behind; and how long the object then takes to wake. */
export async function behind(bench: Bench): Promise<void> {
  const sheet = bench.sheet("With pending tasks of a lower priority behind: dispatch to settled", ...HEAD);
  const order = { ...ORDER, domain: "behind", tasks: bench.size(ORDER.tasks) };
  await bench.call("burst", { ...order, tasks: 5_000 });
  await bench.call("pause", { domain: "behind" });
  const first = await bench.again(order, "drain");
  sheet.rows.push(row("nothing", first, first, first.drainPerSecond, 1));
  const goal = bench.size(1_000_000);
  await bench.fill("behind", "plain", goal, { priority: "idle" });
  const last = await bench.again(order, "drain");
  const ratio = last.drainPerSecond / first.drainPerSecond;
  sheet.rows.push(row(`${count(goal)} pending`, last, first, last.drainPerSecond, ratio));
  bench.judge(`tasks/s with ${count(goal)} pending of a lower priority`, "within 10 %", times(ratio), ratio >= 0.9);
  await wake(bench, goal);
}

async function wake(bench: Bench, goal: number): Promise<void> {
  const sheet = bench.sheet("Waking", "pending", "first answer after a reset", "an answer when awake");
  const found: { ms: number; idleMs: number; pending: number }[] = [];
  for (let round = 1; round <= 3; round += 1) {
    bench.step(`wake: round ${round} of 3`);
    found.push(await bench.call("wake", { domain: "behind" }));
  }
  const [, middle] = found.toSorted((one, other) => one.ms - other.ms);
  sheet.rows.push([count(middle!.pending), ms(middle!.ms), ms(middle!.idleMs)]);
  bench.judge(`wake with ${count(goal)} pending`, "≤ 2 s", ms(middle!.ms), middle!.ms <= 2_000);
}

function row(
  what: string,
  round: Round,
  first: Round,
  perSecond = round.perSecond,
  ratio = perSecond / first.perSecond,
): Sheet["rows"][number] {
  return [what, count(perSecond), times(ratio), figure(round.read), times(round.read / first.read), figure(round.written)];
}

function judgeReads(bench: Bench, what: string, last: Round, first: Round): void {
  const ratio = last.read / first.read;
  bench.judge(what, "within 1.5×", times(ratio), ratio <= 1.5);
}
