import type { Bench, Round } from "../bench.ts";
import { count, figure, ms, times } from "../figures.ts";
import type { Sheet } from "../report.ts";

const ORDER = { type: "plain", tasks: 50_000, batch: 1_000, callers: 4 };
/** The fastest of them are compared: what else the machine does slows some rounds down, and speeds none up. */
const ROUNDS = 5;
const HEAD = ["in the table", "tasks/s", "fastest of 5", "of empty", "rows read per task", "of empty", "rows written"];

/** The same work with more and more tasks of a better priority that are not due yet. */
export async function delayed(bench: Bench): Promise<void> {
  const sheet = bench.sheet("With delayed tasks of a better priority", ...HEAD);
  const order = { ...ORDER, domain: "delayed", tasks: bench.size(ORDER.tasks) };
  const first = await bench.rounds(order, ROUNDS);
  sheet.rows.push(row("nothing", first, first));
  let there = 0;
  let last = first;
  for (const goal of bench.quick ? [10_000] : [10_000, 100_000, 1_000_000]) {
    await bench.fill("delayed", "plain", goal - there, { delay: "1d", priority: "realtime" });
    there = goal;
    last = await bench.again(order, ROUNDS);
    sheet.rows.push(row(`${count(goal)} delayed`, last, first));
  }
  judgeReads(bench, `rows read per task, ${count(there)} delayed`, last, first);
}

/** The same work with 1,000,000 finished tasks kept. */
export async function finished(bench: Bench): Promise<void> {
  const sheet = bench.sheet("With finished tasks", ...HEAD);
  const order = { ...ORDER, domain: "finished", tasks: bench.size(ORDER.tasks) };
  const first = await bench.rounds(order, ROUNDS);
  sheet.rows.push(row("nothing", first, first));
  const goal = bench.size(1_000_000);
  const portion = 50_000;
  for (let done = 0; done < goal; done += portion) {
    bench.progress("finished: working", done, goal);
    await bench.call("burst", { ...order, tasks: Math.min(portion, goal - done), batch: 10_000, callers: 1 });
  }
  const last = await bench.again(order, ROUNDS);
  sheet.rows.push(row(`${count(goal)} finished`, last, first));
  judgeReads(bench, `rows read per task, ${count(goal)} finished`, last, first);
}

/** Dispatch and settle with 1,000,000 less urgent pending tasks behind; and how long the object then takes to wake. */
export async function behind(bench: Bench): Promise<void> {
  const sheet = bench.sheet("With pending tasks of a lower priority behind: dispatch to settled", ...HEAD);
  const order = { ...ORDER, domain: "behind", tasks: bench.size(ORDER.tasks) };
  await bench.call("burst", { ...order, tasks: 5_000 });
  await bench.call("pause", { domain: "behind" });
  const first = await bench.again(order, ROUNDS, "drain");
  sheet.rows.push(row("nothing", drained(first), drained(first)));
  const goal = bench.size(1_000_000);
  await bench.fill("behind", "plain", goal, { priority: "idle" });
  const last = await bench.again(order, ROUNDS, "drain");
  const ratio = last.fastestDrain / first.fastestDrain;
  sheet.rows.push(row(`${count(goal)} pending`, drained(last), drained(first)));
  bench.judge(`tasks/s with ${count(goal)} pending of a lower priority`, "within 10 %", times(ratio), ratio >= 0.9);
  await wake(bench, goal);
}

async function wake(bench: Bench, goal: number): Promise<void> {
  const sheet = bench.sheet("Waking", "pending", "first answer after a reset", "an answer when awake");
  const found: { ms: number; idleMs: number; pending: number }[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    bench.step(`wake: round ${round} of ${ROUNDS}`);
    found.push(await bench.call("wake", { domain: "behind" }));
  }
  const [, , middle] = found.toSorted((one, other) => one.ms - other.ms);
  sheet.rows.push([count(middle!.pending), ms(middle!.ms), ms(middle!.idleMs)]);
  bench.judge(`wake with ${count(goal)} pending`, "≤ 2 s", ms(middle!.ms), middle!.ms <= 2_000);
}

function row(what: string, round: Round, first: Round): Sheet["rows"][number] {
  const { perSecond, fastest, read, written } = round;
  return [what, count(perSecond), count(fastest), times(fastest / first.fastest), figure(read), times(read / first.read), figure(written)];
}

/** Without the time that its submits took. */
function drained(round: Round): Round {
  return { ...round, perSecond: round.drainPerSecond, fastest: round.fastestDrain };
}

function judgeReads(bench: Bench, what: string, last: Round, first: Round): void {
  const ratio = last.read / first.read;
  bench.judge(what, "within 1.5×", times(ratio), ratio <= 1.5);
}
