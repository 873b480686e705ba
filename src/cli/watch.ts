import { MultiBar, type SingleBar } from "cli-progress";
import { type Command } from "commander";
import type { Task } from "../domains/task.ts";
import { isTerminal, type StoredStatus } from "../policy/status.ts";
import { parseTaskId } from "../policy/ids.ts";
import { Bell } from "./bell.ts";
import { type Connection, taskOf } from "./connection.ts";
import { clean } from "./print.ts";
import type { Act } from "./program.ts";
import { EXIT, UsageError, type World } from "./world.ts";

/** The least between two looks. */
const FRAME_MS = 200;
/** How long nothing need happen until the mill is asked all the same, and where it tells no events. */
const PATIENT_MS = 5_000;
const DEAF_MS = 800;
/** Bars of one domain. */
const BARS_MAX = 20;

/** `millrace watch`. */
export function watchCommand(program: Command, act: Act): void {
  program
    .command("watch <what...>")
    .description("follow tasks until they have ended, or what a domain runs until Ctrl-C")
    .option("--once", "look once")
    .addHelpText("after", "\nIn a terminal with bars; else a line for each change, with --json one JSON object a line.")
    .action(
      act<{ once?: boolean }>(async ({ world, connection, flags }, what: string[]) => {
        const ids = what.filter((one) => parseTaskId(one));
        if (ids.length > 0 && ids.length < what.length) throw new UsageError("Either ids of tasks, or one domain.");
        if (ids.length === 0 && what.length > 1) throw new UsageError("One domain at a time.");
        const show = flags.json ? jsonLines(world) : world.screen ? bars(world.screen) : plainLines(world);
        const look =
          ids.length > 0 ? () => Promise.all(ids.map((id) => taskOf(connection, id).get())) : () => running(connection, what[0]!);
        const domains = ids.length > 0 ? new Set(ids.map((id) => parseTaskId(id)!.domain)) : what;
        const watched = new Set(ids);
        const listen = flags.once ? [] : [...domains].map((name) => (signal: AbortSignal) => connection.domain(name).events({ signal }));
        const bell = new Bell(world, listen, ({ task }) => ids.length === 0 || watched.has(task ?? ""));
        try {
          for (let looks = 0; ; looks += 1) {
            const tasks = await look();
            // Silence would look like a watch that does not work.
            if (looks === 0 && tasks.length === 0 && !flags.json) world.err(`Nothing runs in ${what[0]} now.`);
            for (const task of tasks) show.task(task);
            show.rest?.(tasks);
            const isOver = ids.length > 0 && tasks.every(hasEnded);
            if (isOver || flags.once) return isOver && tasks.some(({ status }) => status !== "completed") ? EXIT.refused : EXIT.ok;
            // A domain's events may come by the thousand: not more often than anybody can see.
            await world.clock.sleep(FRAME_MS, world.interrupted);
            await bell.wait(PATIENT_MS, DEAF_MS);
          }
        } finally {
          bell.stop();
          show.end();
        }
      }),
    );
}

const hasEnded = ({ status }: Task): boolean => isTerminal(status as StoredStatus);

async function running({ domain }: Connection, name: string): Promise<Task[]> {
  return (await domain(name).list({ status: ["running", "waiting"], limit: BARS_MAX })).items;
}

/** How tasks are shown. */
interface Show {
  /** A task as it is now. */
  task(task: Task): void;
  /** What is not in this look any more has gone. */
  rest?(tasks: readonly Task[]): void;
  end(): void;
}

/** What of a task is worth a new line. */
const wordsOf = ({ id, status, progress, error }: Task): string =>
  clean([id, status, progress && `${Math.floor(progress.fraction * 100)} %`, progress?.message, error?.message].filter(Boolean).join(" "));

function plainLines(world: World): Show {
  return onChange(wordsOf, (task) => world.out(wordsOf(task)));
}

function jsonLines(world: World): Show {
  return onChange(
    (task) => JSON.stringify([task.status, task.progress, task.attempt]),
    (task) => world.out(JSON.stringify(task)),
  );
}

function onChange(stateOf: (task: Task) => string, print: (task: Task) => void): Show {
  const last = new Map<string, string>();
  return {
    task(task) {
      const state = stateOf(task);
      if (last.get(task.id) !== state) print(task);
      last.set(task.id, state);
    },
    end: () => undefined,
  };
}

const FORMAT = "{id} {bar} {percentage} % {status} {words}";

function bars({ stream }: NonNullable<World["screen"]>): Show {
  const screen = new MultiBar({
    format: FORMAT,
    stream,
    hideCursor: true,
    barsize: 24,
    clearOnComplete: false,
    linewrap: false,
    forceRedraw: true,
  });
  const shown = new Map<string, SingleBar>();
  return {
    task(task) {
      const known = shown.get(task.id);
      const words = clean(task.error?.message ?? task.progress?.message ?? task.label ?? task.type);
      const fraction = task.status === "completed" ? 1 : (task.progress?.fraction ?? 0);
      const told = { id: task.id, status: task.status, words };
      if (known) known.update(Math.floor(fraction * 100), told);
      else shown.set(task.id, screen.create(100, Math.floor(fraction * 100), told));
    },
    rest(tasks) {
      const here = new Set(tasks.map(({ id }) => id));
      for (const [id, bar] of shown) {
        if (here.has(id)) continue;
        screen.remove(bar);
        shown.delete(id);
      }
      screen.update();
    },
    end: () => screen.stop(),
  };
}
