import { parentOf } from "../../domains/child.ts";
import { findDomain, findType } from "../../domains/find.ts";
import { prepare, prepareAll } from "../../domains/prepare.ts";
import type { Outcome, Task } from "../../domains/task.ts";
import type { SubmitAnswer, SubmitItem, SubmitRequest } from "../../durable/protocol.ts";
import { fail, MillraceError } from "../../policy/errors.ts";
import { parseTaskId } from "../../policy/ids.ts";
import { requireDomain } from "../auth.ts";
import { idempotencyOf } from "../idempotency.ts";
import { json } from "../problem.ts";
import { readWait, waitQuery } from "../query.ts";
import { redact } from "../redact.ts";
import type { Call, Route } from "../route.ts";
import { requireUpstreams } from "../scope.ts";
import { batchShape, submitShape } from "../schemas.ts";
import { awaitEnd } from "../wait.ts";

export const submitRoutes: Route[] = [
  { method: "POST", path: "/v1/domains/:domain/tasks", role: "producer", query: waitQuery, body: submitShape, answer: submit },
  { method: "POST", path: "/v1/domains/:domain/tasks/batch", role: "producer", body: batchShape, answer: submitBatch },
];

async function submit(call: Call): Promise<Response> {
  const { registry, definition, identity, clock, body, given } = call;
  const waitMs = readWait(given);
  const { type, payload, ...options } = body;
  const { submittable, singleton } = findType(definition, type);
  // Of a singleton `prepare` tells more.
  if (!submittable && !singleton) throw notSubmittable(definition.name, String(type));
  const item = await prepare(registry, definition, type, payload, options, clock);
  const { outcomes, tasks, replayed } = await submitItems(call, [item], true);
  const [outcome] = outcomes as [Outcome];
  let task = tasks?.[0] ?? (await find(call, outcome.id));
  if (waitMs > 0) task = await awaitTask(call, outcome.id, task, waitMs);
  const shown = task && redact(task, definition, identity);
  return json({ ...outcome, task: shown }, outcome.outcome === "inserted" ? 201 : 200, headersOf(outcome, replayed));
}

/** To the domain's object; children to their parent's, which the token must cover, too. */
async function submitItems(call: Call, items: SubmitItem[], view: boolean): Promise<SubmitAnswer> {
  const { api, definition, identity, options, registry } = call;
  requireUpstreams(identity, items);
  const request = { ...requestOf(call, items), ...(view ? { view } : {}) };
  const parent = parentOf(items);
  if (parent === undefined) return api.submit(request);
  const { domain } = parseTaskId(parent)!;
  requireDomain(identity, domain);
  findDomain(registry, domain);
  return options.domain(domain).submit({ ...request, domain: definition.name });
}

function headersOf({ outcome, id }: Outcome, replayed: boolean | undefined): Record<string, string> {
  return {
    // Relative to the request, so that it holds under a mount's prefix, too.
    ...(outcome === "inserted" ? { location: `../../tasks/${id}` } : {}),
    ...(replayed ? { "idempotent-replayed": "true" } : {}),
  };
}

/** The task, or null where a `keep: false` type has deleted it. */
async function find({ api }: Call, id: string): Promise<Task | null> {
  try {
    return await api.get(id);
  } catch (error) {
    if (MillraceError.is(MillraceError.revive(error), "task_not_found")) return null;
    throw error;
  }
}

/** The task at its end, or as it is when the wait is over. The submit has happened, so nothing that goes wrong here fails the request. */
async function awaitTask(call: Call, id: string, before: Task | null, waitMs: number): Promise<Task | null> {
  try {
    const answer = await awaitEnd(call, id, waitMs);
    const after = await find(call, id);
    if (after !== null || before === null) return after;
    return { ...before, status: answer.status, ...("result" in answer ? { result: answer.result } : { error: answer.error }) };
  } catch {
    return before;
  }
}

async function submitBatch(call: Call): Promise<Response> {
  const { registry, definition, clock, body } = call;
  const tasks = body.tasks as unknown[];
  const defaults = body.defaults as Record<string, unknown> | undefined;
  const hidden = hiddenTasks(call, tasks, defaults);
  let items: SubmitItem[];
  try {
    items = await prepareAll(registry, definition, tasks, defaults, clock);
  } catch (error) {
    throw batchProblem(error, hidden);
  }
  if (hidden.length > 0) throw batchProblem(undefined, hidden);
  if (items.length === 0) return json({ outcomes: [], counts: {} });
  const { outcomes, replayed } = await submitItems(call, items, false);
  const counts: Record<string, number> = {};
  for (const { outcome } of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return json({ outcomes, counts }, 200, replayed ? { "idempotent-replayed": "true" } : {});
}

interface BadTask {
  index: number;
  code: string;
  detail: string;
}

function hiddenTasks({ definition }: Call, tasks: readonly unknown[], defaults: Record<string, unknown> | undefined): BadTask[] {
  const bad: BadTask[] = [];
  tasks.forEach((task, index) => {
    const own = typeof task === "object" && task !== null ? (task as { type?: unknown }).type : undefined;
    const type = own === undefined ? defaults?.type : own;
    const known = typeof type === "string" ? definition.types.get(type) : undefined;
    if (known && !known.submittable && !known.singleton) {
      bad.push({ index, code: "not_submittable", detail: notSubmittable(definition.name, known.name).message });
    }
  });
  return bad;
}

/** One error that names every bad index, always 400 (413 where it is about size): what failed is the request, not a look-up. */
function batchProblem(error: unknown, hidden: readonly BadTask[]): unknown {
  if (error !== undefined && !MillraceError.is(error)) return error;
  const failed = [...((error?.facts.failed as BadTask[] | undefined) ?? []), ...hidden].sort((left, right) => left.index - right.index);
  if (error && hidden.length === 0 && (error.status === 400 || error.status === 413)) return error;
  if (failed.length === 0) return error;
  const only = failed.every(({ code }) => code === "not_submittable") ? "not_submittable" : "invalid_request";
  const issues = [
    ...((error?.facts.issues as { path: string; message: string }[] | undefined) ?? []),
    ...hidden.map(({ index, detail }) => ({ path: `tasks.${index}.type`, message: detail })),
  ];
  const [worst] = failed as [BadTask];
  return fail(
    only,
    `Nothing was submitted: task ${worst.index} of the batch: ${worst.detail} ${failed.length === 1 ? "" : `${failed.length} tasks are bad, see failed.`}`.trim(),
    {
      issues,
      failed,
    },
  );
}

function notSubmittable(domain: string, type: string): MillraceError {
  return fail(
    "not_submittable",
    `Tasks of ${domain}::${type} are not submitted over HTTP (submittable: false); code inside the Worker submits them.`,
  );
}

function requestOf(call: Call, items: SubmitItem[]): SubmitRequest {
  const idempotency = idempotencyOf(call);
  return idempotency ? { items, idempotency } : { items };
}
