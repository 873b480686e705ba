import type { Status } from "./status.ts";

/** What can keep a task from running; stable names. */
export type GateName = Hold["gate"];

/** One reason why a task does not run now. */
export interface Gate {
  gate: GateName;
  /** In words, with the ids and numbers of the moment. */
  detail: string;
  /** When it opens at the latest, RFC 3339; absent where nobody knows. */
  until?: string;
}

/** Why a task does not run: every gate that holds it. Runnable: none does, so it runs, or will in a moment; an ended task has no gate and is not. */
export interface Why {
  runnable: boolean;
  gates: Gate[];
}

/** What is known of one gate; `until` in epoch ms. */
export type Hold =
  | { gate: "scheduled"; until: number }
  | { gate: "retry"; until: number; attempt: number; message: string }
  | { gate: "dependencies"; tasks: readonly { id: string; status: Status | "purged" }[] }
  | { gate: "successor"; of: string }
  | { gate: "backfill" }
  | { gate: "children"; active: number; total: number; some: readonly string[] }
  | { gate: "mill_paused"; until?: number }
  | { gate: "domain_paused"; until?: number }
  | { gate: "group_paused"; group: string; until?: number }
  | { gate: "unregistered"; type: string; domain: string }
  | { gate: "claimers"; type: string; asking: number }
  | { gate: "suspect" }
  | { gate: "pressure"; pressure: number; limit: number; source: string; until?: number }
  | { gate: "gate"; domain: string; reason: string; until?: number }
  | { gate: "gate_error"; domain: string; reason: string }
  | { gate: "io"; type: string; axis: string; running: number; own: number; limit: number; rate: number }
  | { gate: "mill_cap"; taken: number; cap: number }
  | { gate: "domain_cap"; taken: number; cap: number }
  | { gate: "group_cap"; group: string; taken: number; cap: number; running?: number; of?: number }
  | { gate: "group_rate"; group: string; until?: number }
  | { gate: "type_rate"; type: string; until?: number }
  | { gate: "slot"; granted: number; reached: boolean }
  | { gate: "order"; ahead: number }
  | { gate: "run"; before: readonly string[] }
  | { gate: "orphaned"; until: number }
  | { gate: "stopping"; reason: string; worker?: string; until?: number };

/** Every gate there is. */
export const GATES = [
  "scheduled",
  "retry",
  "dependencies",
  "successor",
  "backfill",
  "children",
  "mill_paused",
  "domain_paused",
  "group_paused",
  "unregistered",
  "claimers",
  "suspect",
  "pressure",
  "gate",
  "gate_error",
  "io",
  "mill_cap",
  "domain_cap",
  "group_cap",
  "group_rate",
  "type_rate",
  "slot",
  "order",
  "run",
  "orphaned",
  "stopping",
] as const satisfies readonly GateName[];

type Words = { [Name in GateName]: (hold: Extract<Hold, { gate: Name }>) => string };

/** How many ids a sentence names. */
export const NAMED = 5;
/** How much of an error's message it repeats; the task shows all of it. */
const MESSAGE_SHOWN = 200;
/** The first few of them, and how many more there are of all. */
const named = (names: readonly string[], all = names.length): string =>
  all <= NAMED ? names.join(", ") : `${names.slice(0, NAMED).join(", ")} and ${all - Math.min(NAMED, names.length)} more`;
const count = (number: number, noun: string, nouns = `${noun}s`): string => `${number} ${number === 1 ? noun : nouns}`;

const resumed = ({ until }: { until?: number }): string =>
  until === undefined ? "when somebody resumes it" : "by itself, or when somebody resumes it";

const STOPPED: Record<string, string> = {
  cancel: "It was cancelled",
  supersede: "A newer submission took its place",
  timeout: "Its attempt ran into its timeout",
  deadline: "Its deadline has passed",
  child: "A child of it has failed",
  pause: "It was paused",
  preempt: "A more urgent task is to have its slot",
};

const WORDS: Words = {
  scheduled: () => "Its run time has not come.",
  retry: ({ attempt, message }) =>
    `Attempt ${attempt} failed (${message.slice(0, MESSAGE_SHOWN)}); it is made again after the delay of its retry policy.`,
  dependencies: ({ tasks }) =>
    `It waits for ${count(tasks.length, "task")} that it depends on: ${named(tasks.map(({ id, status }) => `${id} (${status})`))}.`,
  successor: ({ of }) => `It follows ${of}, which had begun when this was submitted, under the same key or by the same schedule.`,
  backfill: () =>
    "A backfill began with it, and what depended on it in other domains is still being told: it goes when all of that waits for it.",
  children: ({ active, total, some }) => `It waits for ${active} of its ${count(total, "child", "children")}: ${named(some, active)}.`,
  mill_paused: (pause) => `The whole mill is paused; it goes on ${resumed(pause)}.`,
  domain_paused: (pause) => `Its domain is paused; it goes on ${resumed(pause)}.`,
  group_paused: (pause) => `Its group ${pause.group} is paused; it goes on ${resumed(pause)}.`,
  unregistered: ({ type, domain }) =>
    `This version of the code has no type ${type} in domain ${domain}; it goes on when a deploy brings that back.`,
  claimers: ({ type, asking }) =>
    asking === 0
      ? `Type ${type} is for pull workers, and none is asking for tasks.`
      : `Type ${type} is for pull workers: ${asking === 1 ? "one is" : `${asking} are`} asking, and will be given tasks in their order.`,
  suspect: () => "It was in a run that ended together with its isolate, so it runs alone until it settles.",
  pressure: ({ pressure, limit, source }) =>
    `The pressure is ${pressure}, said by ${source}; tasks of its priority wait while it is above ${limit}.`,
  gate: ({ domain, reason, until }) =>
    `The gate of domain ${domain} holds it${reason === "" ? "" : `: ${reason}`}; it is asked again ${until === undefined ? "in turn" : "then"}.`,
  gate_error: ({ domain, reason }) => `The gate of domain ${domain} failed, which holds it (${reason}); it is asked again in turn.`,
  io: ({ type, axis, running, own, limit, rate }) =>
    `The IO budget of ${axis}: what runs expects ${running} bytes, one of type ${type} ${own} more; at ${rate} bytes a second, as observed, ${limit} may be under way.`,
  mill_cap: ({ taken, cap }) => `The mill's cap: ${taken} of ${cap} slots are taken, by this domain and others.`,
  domain_cap: ({ taken, cap }) => `The domain's cap: ${taken} of ${cap} slots are taken.`,
  group_cap: ({ group, taken, cap, running, of }) =>
    `The cap of group ${group}: ${taken} of the ${count(cap, "slot")} that it may have in this domain are taken${of === undefined ? "" : `, ${running} of ${of} in the whole mill`}.`,
  group_rate: ({ group, until }) =>
    `The rate limit of group ${group}: no token is left${until === undefined ? "; the coordinator has been asked for the next" : ""}.`,
  type_rate: ({ type }) => `The rate limit of type ${type}: no token is left.`,
  slot: ({ granted, reached }) =>
    reached
      ? `The domain uses all of the ${count(granted, "slot")} that the coordinator has granted it, and has asked for more.`
      : `The domain uses all of the ${count(granted, "slot")} that the coordinator has granted it; the coordinator does not answer at present.`,
  order: ({ ahead }) => `${count(ahead, "ready task")} of this domain ${ahead === 1 ? "is" : "are"} more urgent, or as urgent and older.`,
  run: ({ before }) =>
    `It is in a run, whose tasks execute one after another: ${named(before)} ${before.length === 1 ? "comes" : "come"} first.`,
  orphaned: () => "Its domain's object has restarted, and waits for the runner that may still have it.",
  stopping: ({ reason, worker }) =>
    `${STOPPED[reason] ?? "It was told to stop"}, and ${worker === undefined ? "its executor" : `worker ${worker}`} has not answered yet: it keeps its slot until then.`,
};

/** One gate in words. */
export function describeGate(hold: Hold): Gate {
  const words = WORDS[hold.gate] as (hold: Hold) => string;
  const until = "until" in hold ? hold.until : undefined;
  return { gate: hold.gate, detail: words(hold), ...(until === undefined ? {} : { until: new Date(until).toISOString() }) };
}

/**
 * Every gate that holds a task, in words.
 *
 * @param hasEnded it has ended: nothing holds it, and it does not run
 * @example `explain([{ gate: "order", ahead: 3 }], false).gates[0].detail`
 */
export function explain(holds: readonly Hold[], hasEnded: boolean): Why {
  return { runnable: !hasEnded && holds.length === 0, gates: hasEnded ? [] : holds.map(describeGate) };
}
