// `npm run docs`: writes the parts of docs/ that repeat the code, each between its markers: the state machine into
// architecture.md, the error codes into errors.md, the routes into http.md. `--check` writes nothing and fails when one is stale.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { safeParse } from "zod/mini";
import { ERROR_STATUS } from "../src/policy/errors.ts";
import { STATUSES, TERMINAL, TRANSITIONS } from "../src/policy/status.ts";
import { GATES } from "../src/policy/why.ts";
import { ROUTES } from "../src/worker/gateway.ts";
import { root } from "./install.mjs";

/** @typedef {import("../src/policy/errors.ts").ErrorCode} ErrorCode */
/** @typedef {import("../src/policy/status.ts").Cause} Cause */
/** @typedef {import("../src/policy/why.ts").GateName} GateName */

/**
 * What each code means and what the caller can do. The type makes a code without a line here fail `check:types`.
 *
 * @type {Record<ErrorCode, [means: string, next: string]>}
 */
const ERRORS = {
  invalid_request: ["A field, option, parameter or name is wrong", "`issues` lists `{ path, message }`; mend them"],
  invalid_payload: ["The payload does not fit the type's schema, or is no JSON", "`issues` names the paths inside the payload"],
  invalid_tag: ["A tag's key or value is wrong, or there are too many", "At most 32 tags, keys to 64 bytes, values to 256"],
  invalid_dependency: [
    "A task to depend on does not exist",
    "Submit what it depends on first; an index names an earlier task of the batch",
  ],
  dependency_cycle: [
    "A task would wait for itself: a child depends on what waits for its parent, or what supersedes a task on what depends on that",
    "Leave that dependency out; `issues` or `dependency` names it",
  ],
  not_submittable: ["The type has `submittable: false`", "Submit it from code inside the Worker"],
  not_implemented: ["The option exists in the design, not in this version", "Leave the named option out"],
  unauthenticated: ["No token, a wrong one, or none configured", "Send `Authorization: Bearer <token>`; see [tokens](http.md#tokens)"],
  forbidden: ["The token's role or domains are not enough", "`needed` and `role`, or `domain`, say which token it takes"],
  not_found: ["There is no such route, or no such file", "`didYouMean` names the nearest route, where one is near"],
  unknown_domain: ["This mill has no domain of that name", "`didYouMean`; `GET /v1/registry` lists them"],
  unknown_type: ["The domain has no type of that name", "`didYouMean`; `GET /v1/registry` lists them"],
  task_not_found: ["There is no task of that id: never, or purged by retention", "Check the id; keep more history"],
  schedule_not_found: ["There is no schedule of that id", "List them: `GET /v1/domains/{domain}/schedules`"],
  bulk_not_found: ["There is no bulk job of that id: never, or it ended more than a week ago", "Check the id; start the job again"],
  method_not_allowed: ["The route does not take this method", "The header `Allow` lists those it takes"],
  rejected_duplicate: [
    "The key's task is alive and the strategy is `reject`",
    "`id` is that task (of a batch: `failed`, each with its index): wait for it, cancel it, or submit with another key",
  ],
  invalid_state: ["The task, or the wait for it, is in no state for that", "`status` (over HTTP `taskStatus`) says which state it is in"],
  lease_lost: ["The execution's run is over; nothing was changed", "Stop: the task runs again elsewhere, or has been settled"],
  idempotency_conflict: ["The idempotency key was used for another request", "A new key for a new request, or the first request again"],
  payload_too_large: [
    "A payload over 1 MiB, or a request or batch over its limit",
    "Store the data (R2, KV), submit a reference; cut the batch",
  ],
  too_many_requests: [
    "More than 1,000 calls wait for results, or for claims, of one domain; 32 bulk jobs go on in it; 30,000 listen to one stream; or the token is over `MILLRACE_RATE_LIMIT`",
    "Ask again after `Retry-After`",
  ],
  internal: ["A bug, or a storage that a newer version wrote", "`request` finds the log line; nothing else is told"],
  overloaded: ["The platform says that more is asked than the object can take", "Ask again after `Retry-After`, with less at once"],
  storage_full: ["The object's storage is full; reads still work", "Shorten the history it keeps; ask again after `Retry-After`"],
  domain_unreachable: ["The connection to an object broke", "Ask again; a write only with an idempotency key"],
};

/**
 * What each cause of a change of status is.
 *
 * @type {Record<Cause, string>}
 */
const CAUSES = {
  due: "Its run time has come; the alarm moves it into the ready order",
  unblock: "Everything it waited for has ended",
  complete: "Its execution succeeded",
  fail: "Its execution failed for good",
  exhaust: "Its execution failed and no retry is left",
  poison: "It ended its isolate three times in a row, running alone",
  retry: "Its execution failed and is made again, after the policy's delay",
  cancel: "Somebody cancelled it",
  supersede: "A newer submission with its key took its place",
  replace: "A newer submission with its key replaced its content",
  expire: "Its ttl ran out before it started, or its deadline passed",
  "run-now": "Somebody brought it forward",
  lease: "A pull worker has claimed it",
  release: "Its pull worker gave it back",
  reopen: "Somebody retried an ended task",
  wait: "`execute` has returned while children live",
  finalize: "Its children have ended: only `finalize` is left",
  child: "One of its children failed, and failFast is on",
  dependency: "One that it depends on ended in another way than by completing, and its policy is not to ignore that",
};

/**
 * What each gate of `why` is, and what opens it.
 *
 * @type {Record<GateName, [means: string, opens: string]>}
 */
const GATE_MEANINGS = {
  scheduled: ["Its run time has not come", "That time, `run-now`"],
  retry: ["An attempt failed; the delay of its retry policy runs", "The end of the delay, `run-now`"],
  dependencies: ["Tasks it depends on have not ended; they are named", "Their end"],
  successor: ["Another of its key, or of its schedule, had begun before it", "The end of that one"],
  backfill: [
    "A backfill began with it, and domains in which tasks depended on it have not heard yet",
    "Wait; `outbox` of the domains' snapshots shows who does not answer",
  ],
  children: ["Its children have not all ended", "The end of the last of them"],
  mill_paused: ["The whole mill is paused", "Resuming it"],
  domain_paused: ["Its domain is paused", "Resuming it, or the pause's end"],
  group_paused: ["Its group is paused", "Resuming it, or the pause's end"],
  unregistered: ["The deployed code lacks its type", "A deploy that has it"],
  claimers: ["Its type is for pull workers", "A worker that claims it"],
  suspect: ["It was in a run of several that ended with its isolate", "A run of its own"],
  pressure: ["A pressure source says more than tasks of its urgency go on under", "That source's next word, or the end of its ttl"],
  gate: ["Its domain's own `gate` holds it, with a reason", "The gate: asked again at its time, or in turn, 5 s later at the earliest"],
  gate_error: ["Its domain's own `gate` threw, or gave no answer", "A deploy that mends it; it is asked again in turn"],
  io: ["What runs of its domain is expected to move as many bytes as the domain moves in 1.6 s", "The end of something that runs"],
  mill_cap: ["The mill's slots are all taken", "A slot that comes free anywhere, a higher cap"],
  domain_cap: ["The domain's slots are all taken", "A slot of it that comes free, a higher cap"],
  group_cap: ["Its group's slots are all taken", "A slot of the group that comes free, a higher cap"],
  group_rate: ["Its group's rate limit has no token left", "The next token"],
  type_rate: ["Its type's rate limit has no token left", "The next token, a higher limit"],
  slot: ["The domain has no slot left of those it was granted", "The coordinator's next word, seconds away"],
  order: ["Ready tasks come before it", "Their start"],
  run: ["It is in a run behind others, one after another", "The end of those, or its recall after 50 ms"],
  orphaned: ["Its object restarted under its run", "Its runner's word, or the end of the run's lease"],
  stopping: ["It was told to stop, and its executor holds its slot", "The executor's answer, or the end of its lease"],
};

/** In what statuses `durable/domain/submit/submit.ts` and `supersede.ts` insert a task, and when: the table begins after that. */
const BEGINNINGS = {
  pending: "submit",
  scheduled: "submit, delayed",
  blocked: "submit, key begun or dependencies live",
  dependency_failed: "submit, a dependency failed before",
  superseded: "old content",
};

/** Every move of the table, several causes of one move together. */
function moves() {
  /** @type {Map<string, { from: string, to: string, causes: string[] }>} */
  const found = new Map();
  for (const [cause, pairs] of Object.entries(TRANSITIONS)) {
    for (const [from, to] of pairs) {
      const move = found.get(`${from} ${to}`) ?? { from, to, causes: [] };
      move.causes.push(cause);
      found.set(`${from} ${to}`, move);
    }
  }
  return [...found.values()];
}

/** The statuses that a task can come into by this table. */
function reachable() {
  const seen = new Set(Object.keys(BEGINNINGS));
  for (const from of seen) for (const move of moves()) if (move.from === from) seen.add(move.to);
  return seen;
}

function stateDiagram() {
  const seen = reachable();
  const ended = /** @type {readonly string[]} */ (TERMINAL).filter((status) => seen.has(status));
  const live = moves().filter(({ from, to }) => seen.has(from) && seen.has(to) && !ended.includes(from));
  const unreached = STATUSES.filter((status) => !seen.has(status));
  const lines = ["```mermaid", "stateDiagram-v2", "  state reopen <<join>>"];
  for (const [status, when] of Object.entries(BEGINNINGS)) lines.push(`  [*] --> ${status}: ${when}`);
  for (const { from, to, causes } of live) lines.push(`  ${from} --> ${to}: ${causes.join(", ")}`);
  const reopened = ended.filter((status) => TRANSITIONS.reopen.some(([from]) => from === status));
  for (const status of reopened) lines.push(`  ${status} --> reopen`);
  lines.push(
    "  reopen --> pending: reopen",
    "```",
    "",
    ...(unreached.length === 0
      ? []
      : [`Stored, but not reached in this version: ${unreached.map((status) => `\`${status}\``).join(", ")}.`, ""]),
    "| cause | from | to | when |",
    "|---|---|---|---|",
  );
  for (const [cause, pairs] of Object.entries(TRANSITIONS)) {
    const list = (/** @type {string[]} */ names) => [...new Set(names)].map((name) => `\`${name}\``).join(" · ");
    const isEnded = pairs.every(([from]) => /** @type {readonly string[]} */ (TERMINAL).includes(from));
    const from = isEnded ? "every ended status but `superseded`" : list(pairs.map(([status]) => status));
    lines.push(`| ${cause} | ${from} | ${list(pairs.map(([, to]) => to))} | ${CAUSES[/** @type {Cause} */ (cause)]} |`);
  }
  return lines.join("\n");
}

function errorTable() {
  const lines = ["| status | code | means | next |", "|---|---|---|---|"];
  for (const [code, status] of Object.entries(ERROR_STATUS)) {
    const [means, next] = ERRORS[/** @type {ErrorCode} */ (code)];
    lines.push(`| ${status} | \`${code}\` | ${means} | ${next} |`);
  }
  return lines.join("\n");
}

/** @param {string} path */
const shown = (path) => path.replaceAll(/:(\w+)/g, "{$1}");

function routeTables() {
  const lines = ["| request | role | parameters | body |", "|---|---|---|---|"];
  for (const { method, path, role, query, body } of ROUTES) {
    const parameters = [...(query?.once ?? []), ...(query?.many ?? []).map((name) => `${name}…`)];
    const fields = Object.entries(body?.schema.shape ?? {}).map(([name, schema]) =>
      safeParse(schema, undefined).success ? `${name}?` : name,
    );
    const list = (/** @type {string[]} */ names) => names.map((name) => `\`${name}\``).join(" ");
    lines.push(`| \`${method} ${shown(path)}\` | ${role} | ${list(parameters)} | ${list(fields)} |`);
  }
  return lines.join("\n");
}

function gateTable() {
  const lines = ["| gate | holds a task because | opens with |", "|---|---|---|"];
  for (const gate of GATES) lines.push(`| \`${gate}\` | ${GATE_MEANINGS[gate].join(" | ")} |`);
  return lines.join("\n");
}

const PARTS = [
  { page: "docs/architecture.md", name: "states", text: stateDiagram() },
  { page: "docs/errors.md", name: "errors", text: errorTable() },
  { page: "docs/http.md", name: "gates", text: gateTable() },
  { page: "docs/http.md", name: "routes", text: routeTables() },
];

let stale = 0;
for (const { page, name, text } of PARTS) {
  const path = join(root, page);
  const before = readFileSync(path, "utf8");
  const begin = `<!-- generated: ${name}, by npm run docs -->`;
  const end = `<!-- end: ${name} -->`;
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from < 0 || to < from) {
    console.error(`${page} needs the markers ${begin} and ${end}, in this order`);
    process.exit(1);
  }
  const after = `${before.slice(0, from + begin.length)}\n\n${text}\n\n${before.slice(to)}`;
  if (after === before) continue;
  if (process.argv.includes("--check")) {
    console.error(`${page} is stale: run npm run docs`);
    stale += 1;
  } else writeFileSync(path, after);
}
process.exit(stale > 0 ? 1 : 0);
