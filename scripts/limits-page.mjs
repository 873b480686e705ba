// The text of docs/reference/limits.md, written by scripts/reference.mjs.
import { KEPT } from "../src/policy/events/ring.ts";
import { LIMITS } from "../src/policy/limits.ts";

/** @param {number} bytes */
const size = (bytes) =>
  bytes % 1_048_576 === 0 ? `${bytes / 1_048_576} MiB` : bytes % 1_024 === 0 ? `${bytes / 1_024} KiB` : `${bytes} bytes`;
/** @param {number} ms */
function time(ms) {
  const units = /** @type {[number, string][]} */ ([
    [365 * 86_400_000, "years"],
    [86_400_000, "days"],
    [3_600_000, "hours"],
    [60_000, "minutes"],
    [1_000, "seconds"],
  ]);
  const [unit, name] = units.find(([length]) => ms % length === 0 && ms / length > 1) ?? [1, "ms"];
  return `${ms / unit} ${name}`;
}
const count = (/** @type {number} */ number) => number.toLocaleString("en-US");

const LIMIT_ROWS = [
  ["A payload", size(LIMITS.payloadBytesMax), "`payload_too_large`: store the data in R2, submit a reference"],
  ["A result, a memo", size(LIMITS.resultBytesMax), "the task is `failed`, code `result_too_large`"],
  ["Tasks in a batch", count(LIMITS.batchTasksMax), "`payload_too_large`: send several"],
  ["A batch from the Worker", size(LIMITS.batchBytesMax), "`payload_too_large`"],
  ["A request over HTTP", size(LIMITS.requestBytesMax), "`payload_too_large`"],
  ["A duplicate key", size(LIMITS.keyBytesMax), "`invalid_request`"],
  [
    "A label, a fair key, a progress message",
    size(LIMITS.labelBytesMax),
    "what a type makes of the payload, and messages, are cut; the label of a call and a fair key are refused",
  ],
  ["An idempotency key", "255 bytes", "`invalid_request`"],
  ["The name of a group", size(LIMITS.groupBytesMax), "`invalid_request`"],
  ["Tags of a task", `${LIMITS.tagsMax}, keys to ${LIMITS.tagKeyBytesMax} and values to ${LIMITS.tagValueBytesMax} bytes`, "`invalid_tag`"],
  ["The message of an error, its stack", `${size(LIMITS.errorMessageBytesMax)}, ${size(LIMITS.errorStackBytesMax)}`, "cut"],
  [
    "Errors kept of a task",
    `the last ${LIMITS.errorsMax}, ${LIMITS.errorHistoryBytesMax} bytes of each message`,
    "older ones go, longer ones are cut",
  ],
  ["Dependencies of a call, of a task", `${count(LIMITS.dependenciesPerCallMax)}, ${count(LIMITS.dependenciesMax)}`, "`invalid_request`"],
  ["Results handed over by dependencies or children", size(LIMITS.dependencyBytesMax), "the rest is `truncated`; ask for one by one"],
  ["Children of a task", count(LIMITS.childrenMax), "`invalid_request`"],
  ["Tasks in an answer about a graph", count(LIMITS.graphNodesMax), "`truncated`"],
  ["A delay", time(LIMITS.delayMsMax), "`invalid_request`"],
  ["A wait for a result over HTTP", time(LIMITS.waitMsMax), "202: ask again; the handles do so themselves"],
  ["Callers that wait for results of one domain, workers that wait for claims", `${count(LIMITS.waitersMax)} each`, "`too_many_requests`"],
  ["A page of a list", `${LIMITS.pageMax}, ${LIMITS.pageDefault} by default`, "`next`"],
  ["Rows that a page reads", count(LIMITS.pageRowsReadMax), "the page comes back short, with a `next`"],
  ["Bulk jobs of a domain at a time", count(LIMITS.bulkJobsMax), "`too_many_requests`"],
  ["A bulk job that has finished is known for", time(LIMITS.bulkKeepMs), "`bulk_not_found`"],
  ["Events kept of a stream, in memory", `${count(KEPT.events)}, ${time(KEPT.ms)}`, "`missed`"],
  ["An idempotency key is known for", time(LIMITS.idempotencyMs), "then it is a new request"],
  [
    "A lease of a pull worker",
    `${time(LIMITS.leaseMsMin)} to ${time(LIMITS.leaseMsMax)}, ${time(LIMITS.leaseMsDefault)} by default`,
    "renew it",
  ],
  ["Tasks in a claim, and its wait", `${LIMITS.claimsMax}, ${time(LIMITS.claimWaitMsMax)}`, "ask again"],
  ["`onCancel`", time(LIMITS.cancelHookMs), "aborted"],
  ["An ended task stays at least", time(LIMITS.keepAtLeastMs), "then retention may take it"],
  [
    "Interruptions, alone and in a row, until a task counts as poison",
    count(LIMITS.poisonInterruptionsMax),
    "`dead_letter`, code `poison`",
  ],
];

/** Its lines. */
export const LIMITS_PAGE = [
  "# Limits",
  "",
  "Written by `npm run docs` from `src/policy/limits.ts`. Bytes are UTF-8 bytes of the JSON text.",
  "",
  "| what | at most | beyond it |",
  "|---|---|---|",
  ...LIMIT_ROWS.map((row) => `| ${row.join(" | ")} |`),
  "",
  "Caps: 16 tasks at once in a mill unless `maxConcurrency` says otherwise, up to 10,000. History: 10,000 ended tasks and 30 days a domain, see [costs](../operate/costs.md#history).",
  "",
  "Of the platform: a domain is one object with 10 GB of storage and one thread ([what that manages](../performance.md)); an execution lives in a Worker, with [its limits](https://developers.cloudflare.com/workers/platform/limits/) of memory, CPU and subrequests.",
];
