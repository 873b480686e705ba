import { type Command, Option } from "commander";
import type { ListQuery } from "../domains/handle.ts";
import type { Listing } from "../domains/listing.ts";
import type { Task } from "../domains/task.ts";
import type { Connection } from "./connection.ts";
import { collect, collectTag, readCount, readPriority } from "./input.ts";
import { STATUSES } from "../policy/status.ts";
import { taskTable } from "./print.ts";
import type { Act, Call } from "./program.ts";
import { EXIT, UsageError } from "./world.ts";

interface Flags extends Omit<ListQuery, "tags" | "limit" | "cursor"> {
  tag?: Record<string, string>;
  limit: number;
  all?: boolean;
}

/** For help and completion; the mill judges them. */
const SHOWN = [...STATUSES, "paused"];
/** Of one page of the API. */
const PAGE_MAX = 500;

/** `millrace list` and `millrace dead-letters`. */
export function listCommands(program: Command, act: Act): void {
  filters(program.command("list [domain]").description("list tasks, newest first"))
    .addOption(new Option("-s, --status <status>", "may be given several times").choices(SHOWN).argParser(collect))
    .action(
      act<Flags>(async (call, domain?: string) => {
        const tasks = await gather(call.flags, listOf(call.connection, domain, queryOf(call.flags)));
        print(call, tasks, "There are no such tasks.");
      }),
    );
  filters(program.command("dead-letters [domain]").description("list tasks that used up their retries"))
    .option("--retry", "run them again, all that the filters name; --limit does not count")
    .action(
      act<Flags & { retry?: boolean }>(async (call, domain?: string) => {
        const { connection, flags } = call;
        const query: ListQuery = { ...queryOf(flags), status: "dead_letter" };
        if (!flags.retry) return print(call, await gather(flags, listOf(connection, domain, query)), "There are no dead letters.");
        if (domain === undefined) throw new UsageError("--retry takes a domain: millrace dead-letters media --retry");
        const { limit: _limit, ...filter } = query;
        const { done, failed } = await (await connection.domain(domain).retryWhere(filter)).finished({ timeout: "1h" });
        call.print({ retried: done, failed }, () => `${done} run again${failed === 0 ? "" : `, ${failed} could not`}`);
        return failed === 0 ? EXIT.ok : EXIT.refused;
      }),
    );
}

function filters(command: Command): Command {
  return command
    .option("--type <type>", "of this type")
    .option("-g, --group <name>", "of this group")
    .option("-p, --priority <priority>", "of exactly this priority", readPriority)
    .option("-t, --tag <key=value>", "with this tag; all of them, where there are several", collectTag)
    .option("-k, --key <key>", "with this key")
    .option("-q, --q <text>", "with this in label, key or error")
    .option("--error <text>", "with this in the error")
    .option("--schedule <id>", "made by this schedule")
    .option("--parent <id>", "children of this task")
    .option("--since <time>", "created since, RFC 3339")
    .option("--until <time>", "created before, RFC 3339")
    .option("-n, --limit <count>", "how many at most", readCount, 50)
    .option("--all", "all of them");
}

const NAMES = ["status", "type", "group", "priority", "key", "q", "error", "schedule", "parent", "since", "until"] as const;

function queryOf({ tag, limit, all, ...flags }: Flags): ListQuery {
  const given = Object.fromEntries(NAMES.filter((name) => flags[name] !== undefined).map((name) => [name, flags[name]]));
  return { ...given, ...(tag ? { tags: tag } : {}), limit: all ? PAGE_MAX : Math.min(PAGE_MAX, limit) };
}

function listOf({ client, domain }: Connection, name: string | undefined, query: ListQuery): Listing<Task> {
  return name === undefined ? client.list(query) : domain(name).list(query);
}

/** As many as were asked for, over as many pages as that takes. */
async function gather({ all, limit }: Flags, list: Listing<Task>): Promise<Task[]> {
  const tasks: Task[] = [];
  for await (const task of list) {
    tasks.push(task);
    if (!all && tasks.length >= limit) break;
  }
  return tasks;
}

function print(call: Call<object>, tasks: Task[], none: string): number {
  if (tasks.length === 0 && !call.flags.json) call.world.err(none);
  else call.print(tasks, () => taskTable(tasks, call.world.clock.now()));
  return EXIT.ok;
}
