import type { Bench, Round } from "../bench.ts";
import { count, figure, ms, times } from "../figures.ts";
import type { PauseAnswer } from "../protocol.ts";

const DOMAIN = "held";
const ORDER = { domain: DOMAIN, type: "plain", batch: 1_000, callers: 4 };
/** The fastest of them are compared, as in the other scenarios of scale. */
const ROUNDS = 5;
/** Which part of what is held waits at which gate; `HELD` in the environment says how many in all. */
const GATES: { name: string; part: number; type?: string; options?: object }[] = [
  { name: "a paused group", part: 0.3, options: { group: "paused" } },
  { name: "a group whose only slot is taken", part: 0.2, options: { group: "capped" } },
  { name: "a group without a token", part: 0.2, options: { group: "limited" } },
  { name: "no pull worker", part: 0.2, type: "pulled", options: {} },
  { name: "a dependency", part: 0.1 },
];

/** The same work, more urgent than nothing, with 1,000,000 tasks held at gates of every kind; and a pause with all of them behind it. */
export async function held(bench: Bench): Promise<void> {
  const goal = Number(process.env["HELD"] ?? bench.size(1_000_000));
  const order = { ...ORDER, tasks: bench.size(50_000) };
  const sheet = bench.sheet(
    `With ${count(goal)} tasks held at other gates`,
    "held",
    "tasks/s",
    "fastest of 5",
    "of none held",
    "rows read per task",
    "rows written",
  );
  const { blocker } = await bench.call<{ blocker: string }>("shut", { domain: DOMAIN });
  const first = await bench.rounds(order, ROUNDS);
  sheet.rows.push(row("none", first, first));
  let there = 0;
  for (const { name, part, type = "plain", options = { dependsOn: [blocker] } } of GATES) {
    const some = Math.round(goal * part);
    await bench.fill(DOMAIN, type, some, options);
    there += some;
    bench.step(`held: ${count(some)} at ${name}`);
  }
  const last = await bench.again(order, ROUNDS);
  sheet.rows.push(row(`${count(there)}: ${GATES.map(({ name, part }) => `${part * 100} % ${name}`).join(", ")}`, last, first));
  const ratio = last.fastest / first.fastest;
  bench.judge(`tasks/s with ${count(there)} held at other gates`, "within 10 %", times(ratio), ratio >= 0.9);
  await pause(bench);
  await bench.call("open", { domain: DOMAIN });
}

async function pause(bench: Bench): Promise<void> {
  const sheet = bench.sheet("Pausing a domain", "pending behind", "rows written by the pause", "by the resume", "until it answers");
  const found = await bench.call<PauseAnswer>("pausing", { domain: DOMAIN });
  sheet.rows.push([count(found.pending), figure(found.pauseRows), figure(found.resumeRows), ms(found.pauseMs)]);
  bench.judge(`rows written by a pause with ${count(found.pending)} pending`, "1", figure(found.pauseRows), found.pauseRows <= 1);
}

function row(what: string, round: Round, first: Round): string[] {
  const { perSecond, fastest, read, written } = round;
  return [what, count(perSecond), count(fastest), times(fastest / first.fastest), figure(read), figure(written)];
}
