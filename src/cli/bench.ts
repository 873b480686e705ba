import type { Command } from "commander";
import type { Status } from "../policy/status.ts";
import { readCount, readPayload } from "./input.ts";
import { duration, facts } from "./print.ts";
import type { Act } from "./program.ts";
import { EXIT, type World } from "./world.ts";

interface Flags {
  tasks: number;
  batch: number;
  concurrency: number;
  submitOnly?: boolean;
}

const ACTIVE: readonly Status[] = ["scheduled", "pending", "blocked", "paused", "running", "waiting"];
const LOOK_MS = 250;
const TAG = "millrace.bench";

/** `millrace bench`. */
export function benchCommand(program: Command, act: Act): void {
  program
    .command("bench <domain> <type> [payload]")
    .description("submit a small load and measure it; the tasks are real")
    .option("-n, --tasks <count>", "how many", readCount, 1_000)
    .option("-b, --batch <count>", "how many in a submit, 1 to 10,000", readCount, 100)
    .option("-c, --concurrency <count>", "how many submits at a time", readCount, 4)
    .option("--submit-only", "do not wait until they have ended")
    .addHelpText(
      "after",
      `\nThe tasks are checked for no duplicates, and have the tag ${TAG}, which costs a row each: millrace list <domain> --tag ${TAG}=<run> shows them.`,
    )
    .action(
      act<Flags>(async ({ world, connection, flags, print }, domain: string, type: string, given?: string) => {
        const handle = connection.domain(domain);
        const payload = await readPayload(world, given);
        const run = world.clock.token(6);
        const item = { type, payload, key: null, tags: { [TAG]: run } };
        const took: number[] = [];
        const started = world.clock.now();
        await inParallel(flags.concurrency, Math.ceil(flags.tasks / flags.batch), async (n) => {
          const first = n * flags.batch;
          const items = Array.from({ length: Math.min(flags.batch, flags.tasks - first) }, () => item);
          const asked = world.clock.now();
          await handle.submitAll(items);
          took.push(world.clock.now() - asked);
        });
        const submitMs = Math.max(1, world.clock.now() - started);
        const counts = flags.submitOnly
          ? undefined
          : await untilEnded(world, started, (status) => handle.count({ tags: { [TAG]: run }, ...(status ? { status } : {}) }));
        const answer = {
          run,
          tasks: flags.tasks,
          submits: took.length,
          submitMs,
          submitsPerSecond: perSecond(took.length, submitMs),
          submittedPerSecond: perSecond(flags.tasks, submitMs),
          submitP50Ms: quantile(took, 0.5),
          submitP99Ms: quantile(took, 0.99),
          ...(counts && { endedMs: counts.ms, endedPerSecond: perSecond(flags.tasks, counts.ms), completed: counts.completed }),
        };
        print(answer, () =>
          facts({
            run,
            submitted: `${flags.tasks} tasks in ${took.length} submits, ${duration(submitMs)}: ${answer.submittedPerSecond} tasks/s`,
            "one submit": `${answer.submitP50Ms} ms, the slowest in a hundred ${answer.submitP99Ms} ms`,
            ...(counts && { ended: `all after ${duration(counts.ms)}: ${answer.endedPerSecond} tasks/s; ${counts.completed} completed` }),
          }),
        );
        return counts && counts.completed < flags.tasks ? EXIT.refused : EXIT.ok;
      }),
    );
}

/** Until none of them is active any more. */
async function untilEnded(
  world: World,
  started: number,
  count: (status?: readonly Status[]) => Promise<number>,
): Promise<{ ms: number; completed: number }> {
  while ((await count(ACTIVE)) > 0) await world.clock.sleep(LOOK_MS, world.interrupted);
  return { ms: Math.max(1, world.clock.now() - started), completed: await count(["completed"]) };
}

async function inParallel(workers: number, count: number, make: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < count) {
      next += 1;
      await make(next - 1);
    }
  };
  await Promise.all(Array.from({ length: Math.min(workers, count) }, work));
}

const perSecond = (count: number, ms: number): number => Math.round((count * 1_000) / ms);

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? 0;
}
