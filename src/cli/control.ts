import { type Command, Option } from "commander";
import type { DomainSnapshot } from "../durable/protocol.ts";
import type { Duration } from "../policy/duration.ts";
import type { Instant } from "../domains/handle.ts";
import { readDuration } from "./input.ts";
import { duration, table } from "./print.ts";
import type { Act } from "./program.ts";
import { UsageError } from "./world.ts";

interface Whom {
  group?: string;
  mill?: boolean;
}

/** `millrace domains`, `pause` and `resume`. */
export function controlCommands(program: Command, act: Act): void {
  program
    .command("domains")
    .description("every domain at a glance")
    .action(
      act(async ({ connection, print }) => {
        const { items } = await connection.http.ask<{ items: DomainSnapshot[] }>({ method: "GET", path: "/v1/domains" });
        print(items, () =>
          table(
            ["domain", "state", "cap", "running", "pending", "scheduled", "blocked", "waiting", "failed", "dead", "completed", "oldest"],
            items.map(rowOf),
          ),
        );
      }),
    );
  const whom = (name: string, description: string) =>
    program
      .command(`${name} [domain]`)
      .description(description)
      .addOption(new Option("-g, --group <name>", "a group, in every domain").conflicts("mill"))
      .option("--mill", "the whole mill");
  whom("pause", "start nothing any more; what runs is aborted and goes back uncharged")
    .option("--until <time>", "a group's pause ends by itself, RFC 3339")
    .option("--drain [duration]", "a domain's: let what runs go on for so long, 30s unless told", readDuration)
    .action(
      act<Whom & { until?: Instant; drain?: Duration | true }>(async ({ connection, flags, print }, domain?: string) => {
        const target = only(domain, flags);
        if (flags.until !== undefined && flags.group === undefined) throw new UsageError("--until is for a --group.");
        if (flags.drain !== undefined && domain === undefined) throw new UsageError("--drain is for a domain.");
        const { client } = connection;
        if (flags.group !== undefined)
          return print(
            await client.group(flags.group).pause(flags.until === undefined ? {} : { until: flags.until }),
            () => `${target} is paused`,
          );
        if (domain === undefined) return print(await client.pause(), () => `${target} is paused`);
        if (flags.drain === undefined) return print(await connection.domain(domain).pause(), () => `${target} is paused`);
        const drained = await connection.domain(domain).drain(flags.drain === true ? {} : { timeout: flags.drain });
        return print(
          drained,
          () =>
            `${target} is paused; ${drained.drained ? "nothing runs any more" : "something still runs"}${drained.returned.length > 0 ? `, went back: ${drained.returned.join(", ")}` : ""}`,
        );
      }),
    );
  whom("resume", "go on").action(
    act<Whom>(async ({ connection, flags, print }, domain?: string) => {
      const target = only(domain, flags);
      const { client } = connection;
      const answer =
        flags.group !== undefined
          ? await client.group(flags.group).resume()
          : domain === undefined
            ? await client.resume()
            : await connection.domain(domain).resume();
      print(answer, () => `${target} goes on`);
    }),
  );
}

/** Exactly one of the three, in words: nobody stops a whole mill by leaving a name out. */
function only(domain: string | undefined, { group, mill }: Whom): string {
  const named = [domain && `domain ${domain}`, group !== undefined && `group ${group}`, mill && "the mill"].filter(Boolean);
  if (named.length === 1) return named[0] as string;
  throw new UsageError("Name a domain, or --group <name>, or --mill; one of them.");
}

function rowOf({ name, pausedBy, maxConcurrency, counts, oldestPendingMs }: DomainSnapshot): (string | number | null)[] {
  const state = pausedBy.length === 0 ? "on" : `paused (${pausedBy.join(", ")})`;
  const { running, pending, scheduled, blocked, waiting, failed, dead_letter: dead, completed, paused } = counts;
  return [
    name,
    state,
    maxConcurrency,
    running,
    pending + paused,
    scheduled,
    blocked,
    waiting,
    failed,
    dead,
    completed,
    oldestPendingMs === null ? null : duration(oldestPendingMs),
  ];
}
