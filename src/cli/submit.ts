import { type Command, Option } from "commander";
import type { SubmitOptions } from "../domains/handle.ts";
import type { Duration } from "../policy/duration.ts";
import { linesOf, submitLines } from "./lines.ts";
import { awaitTask } from "./tasks.ts";
import { collect, collectTag, readDuration, readObject, readPayload, readPriority, readText } from "./input.ts";
import type { Act } from "./program.ts";
import { UsageError } from "./world.ts";

interface Flags {
  tag?: Record<string, string>;
  dependsOn?: string[];
  options?: Record<string, unknown>;
  idempotencyKey?: string;
  wait?: Duration | true;
  lines?: boolean;
}

/** Flags that are options of a submit under the same name. */
const PLAIN = [
  "key",
  "label",
  "priority",
  "group",
  "delay",
  "runAt",
  "ttl",
  "timeout",
  "deadline",
  "parent",
  "onDuplicate",
  "onDependencyFailure",
] as const;
/** `millrace submit`. */
export function submitCommand(program: Command, act: Act): void {
  program
    .command("submit <domain> <type> [payload]")
    .description("submit a task")
    .option("-p, --priority <priority>", "realtime, high, normal, background, idle, or 0 to 255", readPriority)
    .option("-k, --key <key>", "duplicate key")
    .option("-l, --label <text>", "for people")
    .option("-t, --tag <key=value>", "may be given several times", collectTag)
    .option("-g, --group <name>", "whose cap and rate it shares")
    .option("--delay <duration>", "not before this long from now", readDuration)
    .option("--run-at <time>", "not before this moment, RFC 3339")
    .option("--ttl <duration>", "expires when it has not started within this", readDuration)
    .option("--timeout <duration>", "of each attempt", readDuration)
    .option("--deadline <duration|time>", "expires at this moment, wherever it is")
    .option("--depends-on <id>", "waits for that task; may be given several times", collect)
    .addOption(new Option("--on-dependency-failure <policy>", "when one of them does not complete").choices(["cancel", "fail", "ignore"]))
    .addOption(new Option("--on-duplicate <strategy>", "when the key is held").choices(["skip", "supersede", "reject"]))
    .option("--parent <id>", "the task whose child it becomes")
    .option("--options <json>", "any other option of a submit, as a JSON object", readObject)
    .option("--idempotency-key <key>", "a repeat within a day answers with the first outcome")
    .option("-w, --wait [duration]", "wait for the result and print it; 60s unless told", readDuration)
    .option("--lines", "the payload is many, one a line: each becomes a task, all or none in every 10,000 (or 7 MB)")
    .addHelpText("after", EXAMPLES)
    .action(
      act<Flags>(async ({ world, connection, flags, print }, domain: string, type: string, payload?: string) => {
        const options = optionsOf(flags);
        const handle = connection.domain(domain);
        if (flags.lines) {
          if (flags.wait !== undefined || options.idempotencyKey !== undefined)
            throw new UsageError("--lines goes with neither --wait nor --idempotency-key.");
          const payloads = linesOf(await readText(world, payload ?? "-"));
          return submitLines(
            payloads.map((one) => ({ ...options, type, payload: one })),
            { handle, print },
          );
        }
        const submitted = await handle.submit(type, await readPayload(world, payload), options);
        if (flags.wait === undefined) return print(submitted, () => `${submitted.id} ${submitted.outcome}`);
        world.err(`${submitted.id} ${submitted.outcome}`);
        return awaitTask({ connection, print }, submitted.id, flags.wait === true ? undefined : flags.wait);
      }),
    );
}

const EXAMPLES = `
Examples:
  millrace submit media resize '{"object":"cat.jpg","width":320}' --priority high --wait 30s
  millrace submit media resize @payload.json --key cat --on-duplicate reject
  jq -c '.[]' objects.json | millrace submit media resize - --lines`;

function optionsOf(flags: Flags & Partial<Record<(typeof PLAIN)[number], unknown>>): SubmitOptions & { idempotencyKey?: string } {
  const plain = Object.fromEntries(PLAIN.filter((name) => flags[name] !== undefined).map((name) => [name, flags[name]]));
  return {
    ...flags.options,
    ...plain,
    ...(flags.tag ? { tags: flags.tag } : {}),
    ...(flags.dependsOn ? { dependsOn: flags.dependsOn } : {}),
    ...(flags.idempotencyKey === undefined ? {} : { idempotencyKey: flags.idempotencyKey }),
  };
}
