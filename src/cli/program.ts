import { Command, CommanderError } from "commander";
import { benchCommand } from "./bench.ts";
import { completionCommands } from "./completion.ts";
import { type Connection, connect } from "./connection.ts";
import { controlCommands } from "./control.ts";
import { listCommands } from "./lists.ts";
import { report, reportUsage } from "./problem.ts";
import { scheduleCommand } from "./schedules.ts";
import { submitCommand } from "./submit.ts";
import { taskCommands } from "./tasks.ts";
import { tokenCommand } from "./token.ts";
import { watchCommand } from "./watch.ts";
import { EXIT, type World } from "./world.ts";

/** What a command is given beside its own arguments. */
export interface Call<Flags> {
  world: World;
  /** Made when it is first asked for: a command that needs no mill asks for none. */
  connection: Connection;
  flags: Flags & { json?: boolean };
  /** Prints an answer: the JSON, or what `human` makes of it. */
  print(answer: unknown, human: () => string): void;
}

/** Registers what a command does; its answer is the exit code, 0 when it has none. */
export type Act = <Flags extends object>(
  handle: (call: Call<Flags>, ...args: never[]) => Promise<number | void>,
) => (...given: unknown[]) => Promise<void>;

/** The whole command line. `ended` hears the exit code. */
export function createProgram(world: World, version: string, ended: (code: number) => void): Command {
  const program = new Command("millrace");
  program
    .description("Submit, look at and control the tasks of a mill.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .option("--url <address>", "the mill's address; else MILLRACE_URL, else http://localhost:8787")
    .option("--json", "print JSON, for scripts; errors too, to standard error")
    .addHelpText("after", HELP)
    .configureHelp({ helpWidth: world.screen?.columns ?? 100 })
    .configureOutput({
      writeOut: (text) => world.out(text.trimEnd()),
      writeErr: (text) => reportUsage(text.trimEnd(), world, program.opts<{ json?: boolean }>().json === true),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .exitOverride();
  const act: Act =
    (handle) =>
    async (...given) => {
      const command = given.at(-1) as Command;
      const flags = command.optsWithGlobals<{ url?: string; json?: boolean }>();
      let connection: Connection | undefined;
      const call = {
        world,
        flags,
        get connection() {
          return (connection ??= connect(world, flags.url));
        },
        print: (answer: unknown, human: () => string) => world.out(flags.json ? JSON.stringify(answer) : human()),
      };
      try {
        ended((await handle(call as never, ...(given.slice(0, -2) as never[]))) ?? EXIT.ok);
      } catch (error) {
        ended(report(error, world, flags.json === true, connection?.url));
      }
    };
  for (const add of [submitCommand, taskCommands, listCommands, watchCommand, controlCommands, scheduleCommand, tokenCommand, benchCommand])
    add(program, act);
  completionCommands(program, act);
  return program;
}

/** Runs a command line to its end. @returns the exit code */
export async function run(args: readonly string[], world: World, version: string): Promise<number> {
  let code: number = EXIT.ok;
  const program = createProgram(world, version, (ended) => {
    code = ended;
  });
  try {
    await program.parseAsync(args.length === 0 ? ["--help"] : args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  return code;
}

const HELP = `
The token is read from MILLRACE_TOKEN. Durations are written 250ms, 30s, 5m, 2h, 7d.
A payload is JSON, @file, or - for standard input.

Exit codes: 0 done · 1 refused, or the task did not complete · 2 wrong command line · 3 unreachable or overloaded
            4 not let in · 5 still active at the end of the wait · 130 interrupted`;
