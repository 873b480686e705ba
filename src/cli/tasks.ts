import type { Command } from "commander";
import type { Duration } from "../policy/duration.ts";
import type { Task } from "../domains/task.ts";
import { type Connection, taskOf } from "./connection.ts";
import { readDuration, readPayload } from "./input.ts";
import { ago, clean, duration, facts } from "./print.ts";
import type { Act, Call } from "./program.ts";
import { EXIT, UsageError } from "./world.ts";

/** The commands about single tasks. */
export function taskCommands(program: Command, act: Act): void {
  program
    .command("get <id>")
    .description("look at a task")
    .action(
      act(async ({ world, connection, print }, id: string) => {
        const task = await taskOf(connection, id).get();
        print(task, () => describe(task, world.clock.now()));
      }),
    );
  program
    .command("result <id>")
    .description("wait for a task's result and print it")
    .option("-w, --wait <duration>", "how long; 60s unless told, 0s to look once", readDuration)
    .action(act<{ wait?: Duration }>(async (call, id: string) => awaitTask(call, id, call.flags.wait)));
  program
    .command("why <id>")
    .description("everything that keeps a task from running now")
    .action(
      act(async ({ world, connection, print }, id: string) => {
        const why = await taskOf(connection, id).why();
        print(why, () => {
          if (why.gates.length === 0) return why.runnable ? `Nothing holds ${id}.` : `${id} has ended.`;
          return why.gates
            .map(({ gate, detail, until }) => `${gate}: ${clean(detail)}${until ? ` (${ago(until, world.clock.now())})` : ""}`)
            .join("\n");
        });
      }),
    );
  program
    .command("cancel <id...>")
    .description("end tasks, wherever they are")
    .action(act((call, ids: string[]) => forEach(call, ids, (id) => taskOf(call.connection, id).cancel())));
  program
    .command("retry <id...>")
    .description("run ended tasks again, under their ids")
    .option("--payload <json>", "another payload; with one id only")
    .action(
      act<{ payload?: string }>(async (call, ids: string[]) => {
        const { payload } = call.flags;
        if (payload !== undefined && ids.length > 1) throw new UsageError("--payload goes with one id.");
        const options = payload === undefined ? {} : { payload: await readPayload(call.world, payload) };
        return forEach(call, ids, (id) => taskOf(call.connection, id).retry(options));
      }),
    );
}

/** The result of a task, printed; the exit code says how it ended. */
export async function awaitTask(
  { connection, print }: { connection: Connection; print: Call<object>["print"] },
  id: string,
  wait: Duration | undefined,
): Promise<number> {
  const result = await taskOf(connection, id).result(wait === undefined ? {} : { timeout: wait });
  print(result, () => (typeof result === "string" ? result : JSON.stringify(result, null, 2)));
  return EXIT.ok;
}

/** One after the other; the first that is refused ends it, and is told with what was done before. */
async function forEach({ flags, world, print }: Call<object>, ids: readonly string[], make: (id: string) => Promise<Task>): Promise<void> {
  const done: Task[] = [];
  try {
    for (const id of ids) {
      const task = await make(id);
      done.push(task);
      if (!flags.json) world.out(`${task.id} ${task.status}`);
    }
  } finally {
    if (flags.json && done.length > 0) print(ids.length === 1 ? done[0] : done, () => "");
  }
}

function describe(task: Task, now: number): string {
  const {
    id,
    type,
    status,
    errors,
    sizes: _sizes,
    io: _io,
    payload,
    result,
    error,
    waitMs,
    durationMs,
    progress,
    children,
    dependsOn,
    domain: _domain,
    ...rest
  } = task;
  const at = (moment: string | null) => moment && `${moment} (${ago(moment, now)})`;
  return facts({
    id,
    type,
    status,
    ...rest,
    effectivePriority: task.effectivePriority === task.priority ? null : task.effectivePriority,
    createdAt: at(task.createdAt),
    startedAt: at(task.startedAt),
    finishedAt: at(task.finishedAt),
    runAt: at(task.runAt),
    expiresAt: at(task.expiresAt),
    waited: duration(waitMs),
    ran: durationMs === null ? null : duration(durationMs),
    progress: progress && `${Math.floor(progress.fraction * 100)} %${progress.message ? ` ${progress.message}` : ""}`,
    children: children.total === 0 ? null : children,
    dependsOn: dependsOn.map((one) => `${one.id} ${one.status}`).join(", "),
    payload,
    result,
    error: error && `${error.name}: ${error.message}`,
    errors: errors.map(({ attempt, message }) => `#${attempt} ${message}`).join("; "),
  });
}
