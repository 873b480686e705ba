import { type Command, Option } from "commander";
import type { Schedule } from "../domains/task.ts";
import { type Connection, scheduleOf } from "./connection.ts";
import { ago, duration, table } from "./print.ts";
import type { Act } from "./program.ts";
import { UsageError } from "./world.ts";

const ACTIONS = ["trigger", "pause", "resume", "delete"] as const;
type Flags = Partial<Record<(typeof ACTIONS)[number], string>>;

/** `millrace schedules`. */
export function scheduleCommand(program: Command, act: Act): void {
  const command = program.command("schedules [domain]").description("list schedules; or trigger, pause, resume, delete one");
  for (const action of ACTIONS) {
    const others = ACTIONS.filter((other) => other !== action);
    command.addOption(new Option(`--${action} <id>`, `${action} this schedule`).conflicts(others));
  }
  command.action(
    act<Flags>(async ({ world, connection, flags, print }, domain?: string) => {
      const action = ACTIONS.find((name) => flags[name] !== undefined);
      if (action !== undefined && domain !== undefined)
        throw new UsageError(`--${action} takes the schedule's id, which names its domain.`);
      const schedules = action === undefined ? await all(connection, domain) : [await scheduleOf(connection, flags[action]!)[action]()];
      print(action === undefined ? schedules : schedules[0], () => {
        const now = world.clock.now();
        const rows = schedules.map((one) => [
          one.id,
          one.name,
          one.type,
          rhythm(one),
          one.paused ? "paused" : "on",
          one.runs,
          ago(one.lastRun, now),
          ago(one.nextRuns[0] ?? null, now),
        ]);
        return rows.length === 0
          ? "There are no schedules."
          : table(["id", "name", "type", "every", "state", "runs", "last", "next"], rows);
      });
    }),
  );
}

async function all(connection: Connection, domain: string | undefined): Promise<Schedule[]> {
  const found: Schedule[] = [];
  for (const name of domain === undefined ? await domainNames(connection) : [domain]) {
    for await (const schedule of connection.domain(name).schedules({ limit: 500 })) found.push(schedule);
  }
  return found;
}

/** Names and types that the token may see. */
export interface Registry {
  domains: { name: string; types: { name: string; submittable: boolean }[] }[];
}

/** The names of all domains that the token may see. */
async function domainNames({ http }: Connection): Promise<string[]> {
  return (await http.ask<Registry>({ method: "GET", path: "/v1/registry" })).domains.map(({ name }) => name);
}

const rhythm = ({ every, cron, timezone }: Schedule): string => (cron === undefined ? duration(every ?? 0) : `${cron} ${timezone}`);
