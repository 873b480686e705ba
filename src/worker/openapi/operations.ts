import type { ErrorCode } from "../../policy/errors.ts";
import type { BodyShape } from "../body.ts";
import { submitShape } from "../schemas.ts";
import type { AnswerName } from "./answers.ts";
import { BULK } from "./bulk.ts";
import { CONTROL } from "./control.ts";
import { LOOKS } from "./looks.ts";

/** What `/openapi.json` says of a route beside its path, role, parameters and body, which are the route's own. */
export interface Operation {
  /** The stable name that generated clients call it by. */
  id: string;
  tag: keyof typeof TAGS;
  summary: string;
  description?: string;
  /** Each status that is no problem, with the name of its body; `text:` and a media type for what is no JSON. */
  answers: Readonly<Record<number, AnswerName | `text:${string}`>>;
  /** Codes of its own, beside those that its path, parameters and body bring along (`problems.ts`). */
  codes?: readonly ErrorCode[];
  /** A body that is taken as it stands by a domain which has the type. */
  example?: Readonly<Record<string, unknown>>;
  /** The schema of the items of a list in its body that are judged one by one. */
  items?: { field: string; shape: BodyShape };
  /** It asks no object, so none can be out of reach. */
  local?: true;
}

/** The groups that the page shows. */
export const TAGS = {
  Tasks: "Submit, look, act.",
  Workers: "Pull workers lease tasks, and settle them.",
  Domains: "Queues of one domain each, and the whole mill.",
  Schedules: "Tasks that are submitted by the clock.",
  Service: "What this mill is, and who is asking.",
} as const;

const PREPARE = ["invalid_payload", "invalid_tag", "invalid_dependency", "not_submittable", "unknown_type"] as const;
const CHANGE = ["invalid_state"] as const;
const LEASE = ["task_not_found"] as const;
const PAYLOAD = { object: "cat.jpg", width: 320 };

/** Every built route of the gateway, by method and path. A test and `npm run check:openapi` fail where one is missing. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  ...CONTROL,
  ...LOOKS,
  ...BULK,
  "POST /v1/domains/:domain/tasks": {
    id: "submitTask",
    tag: "Tasks",
    summary: "Submit a task",
    description:
      "201 for a new task; 200 where a task of the same key stands, see `outcome`. `Idempotency-Key` makes a repeat within 24 hours answer with the first outcome.",
    answers: { 200: "Submitted", 201: "Submitted" },
    codes: [...PREPARE, "dependency_cycle", "rejected_duplicate", "idempotency_conflict"],
    example: { type: "resize", payload: PAYLOAD, priority: "high", tags: { order: "4217" } },
  },
  "POST /v1/domains/:domain/tasks/batch": {
    id: "submitTasks",
    tag: "Tasks",
    summary: "Submit up to 10,000 tasks in one transaction",
    description: "One bad task and nothing is inserted: `failed` names each by its index.",
    answers: { 200: "BatchSubmitted" },
    codes: [...PREPARE, "dependency_cycle", "rejected_duplicate", "idempotency_conflict"],
    example: { defaults: { type: "resize", priority: "background" }, tasks: [{ payload: PAYLOAD }] },
    items: { field: "tasks", shape: submitShape },
  },
  "GET /v1/domains/:domain/tasks": {
    id: "listDomainTasks",
    tag: "Tasks",
    summary: "List the tasks of a domain, newest first",
    description: "A page reads at most 20,000 rows: it may come back short, or empty, with a `next`.",
    answers: { 200: "TaskPage" },
  },
  "GET /v1/domains/:domain/tasks/count": {
    id: "countTasks",
    tag: "Tasks",
    summary: "Count the tasks of a domain",
    answers: { 200: "Count" },
  },
  "GET /v1/tasks": {
    id: "listTasks",
    tag: "Tasks",
    summary: "List the tasks of all domains, newest first",
    answers: { 200: "TaskPage" },
    codes: ["unknown_domain"],
  },
  "GET /v1/tasks/:task": { id: "getTask", tag: "Tasks", summary: "Look at a task", answers: { 200: "Task" } },
  "GET /v1/tasks/:task/result": {
    id: "getResult",
    tag: "Tasks",
    summary: "Get, or wait for, a task's result",
    description:
      "200 when it completed, 202 while it is active at the end of the wait, 409 with `taskStatus` and `error` when it ended otherwise.",
    answers: { 200: "Result", 202: "Unfinished" },
    codes: ["invalid_state"],
  },
  "GET /v1/tasks/:task/graph": {
    id: "getGraph",
    tag: "Tasks",
    summary: "What a task depends on, and what depends on it",
    answers: { 200: "Graph" },
  },
  "GET /v1/tasks/:task/why": {
    id: "getWhy",
    tag: "Tasks",
    summary: "Why a task does not run now",
    description:
      "Every gate that holds it, in words, with the time it opens where that is known. A task that runs has none; one that has ended has none and is not runnable.",
    answers: { 200: "Why" },
  },
  "POST /v1/tasks/:task/cancel": {
    id: "cancelTask",
    tag: "Tasks",
    summary: "Cancel a task",
    description: "A running one is told to stop, and ends when its executor has answered.",
    answers: { 200: "Task" },
    codes: CHANGE,
  },
  "POST /v1/tasks/:task/retry": {
    id: "retryTask",
    tag: "Tasks",
    summary: "Reopen an ended task under its id",
    answers: { 200: "Task" },
    codes: [...CHANGE, "invalid_payload", "invalid_dependency", "unknown_type", "rejected_duplicate"],
    example: { payload: PAYLOAD },
  },
  "POST /v1/tasks/:task/backfill": {
    id: "backfillTask",
    tag: "Tasks",
    summary: "Run an ended task again, and all that depended on it",
    description: "In order, in every domain. What is active or purged is left alone; children are not run again.",
    answers: { 200: "Task" },
    codes: [...CHANGE, "invalid_dependency"],
  },
  "POST /v1/tasks/:task/run-now": {
    id: "runTaskNow",
    tag: "Tasks",
    summary: "Bring a delayed task forward",
    answers: { 200: "Task" },
    codes: CHANGE,
  },
  "POST /v1/domains/:domain/claims": {
    id: "claimTasks",
    tag: "Workers",
    summary: "Lease the most urgent tasks of pull types",
    description: "Waits up to `wait` for the first; the list is empty when nothing is ready, or no slot is free, in that time.",
    answers: { 200: "Claims" },
    codes: ["unknown_type"],
    example: { worker: "worker-1", max: 10, lease: "30s", wait: "0s" },
  },
  "POST /v1/claims/:lease/renew": {
    id: "renewLease",
    tag: "Workers",
    summary: "Hold a lease for as long again",
    description: "With `cancelled` the task was cancelled, or its deadline is past: stop, then settle in whatever way.",
    answers: { 200: "Renewal" },
    codes: LEASE,
    example: { progress: { fraction: 0.5, message: "half of it" } },
  },
  "POST /v1/claims/:lease/complete": {
    id: "completeTask",
    tag: "Workers",
    summary: "End a lease with a result",
    answers: { 200: "Task" },
    codes: [...LEASE, "unknown_type"],
    example: { result: { bytes: 4217 } },
  },
  "POST /v1/claims/:lease/fail": {
    id: "failTask",
    tag: "Workers",
    summary: "End a lease with an error",
    answers: { 200: "Task" },
    codes: LEASE,
    example: { error: "The disk is full.", retryable: true, retryAfter: "30s" },
  },
  "POST /v1/claims/:lease/release": {
    id: "releaseTask",
    tag: "Workers",
    summary: "Give a task back, uncharged",
    answers: { 200: "Task" },
    codes: LEASE,
  },
  "GET /v1/domains": {
    id: "listDomains",
    tag: "Domains",
    summary: "Snapshots of every domain that the token may see",
    answers: { 200: "DomainPage" },
  },
  "GET /v1/domains/:domain": { id: "getDomain", tag: "Domains", summary: "A domain's snapshot", answers: { 200: "Domain" } },
  "POST /v1/domains/:domain/schedules": {
    id: "createSchedule",
    tag: "Schedules",
    summary: "Make a schedule, or change the one of that name",
    answers: { 200: "Schedule", 201: "Schedule" },
    codes: PREPARE,
    example: { name: "nightly", type: "resize", payload: PAYLOAD, cron: "30 2 * * *", timezone: "Europe/Berlin" },
  },
  "GET /v1/domains/:domain/schedules": {
    id: "listSchedules",
    tag: "Schedules",
    summary: "List the schedules of a domain, newest first",
    answers: { 200: "SchedulePage" },
  },
  "GET /v1/schedules/:schedule": { id: "getSchedule", tag: "Schedules", summary: "Look at a schedule", answers: { 200: "Schedule" } },
  "PATCH /v1/schedules/:schedule": {
    id: "changeSchedule",
    tag: "Schedules",
    summary: "Change what the body names",
    answers: { 200: "Schedule" },
    codes: [...PREPARE, "invalid_state"],
    example: { every: "2h" },
  },
  "DELETE /v1/schedules/:schedule": {
    id: "deleteSchedule",
    tag: "Schedules",
    summary: "Delete a schedule; its tasks stay",
    answers: { 200: "Schedule" },
    codes: CHANGE,
  },
  "POST /v1/schedules/:schedule/pause": {
    id: "pauseSchedule",
    tag: "Schedules",
    summary: "Fire no more for now",
    answers: { 200: "Schedule" },
    codes: CHANGE,
  },
  "POST /v1/schedules/:schedule/resume": {
    id: "resumeSchedule",
    tag: "Schedules",
    summary: "Go on with the next planned time",
    answers: { 200: "Schedule" },
    codes: CHANGE,
  },
  "POST /v1/schedules/:schedule/trigger": {
    id: "triggerSchedule",
    tag: "Schedules",
    summary: "Submit an instance at once",
    answers: { 200: "Schedule" },
    codes: [...CHANGE, "invalid_payload", "unknown_type"],
  },
  "GET /v1/registry": {
    id: "getRegistry",
    tag: "Service",
    summary: "Domains and types, with their JSON Schemas",
    answers: { 200: "Registry" },
    local: true,
  },
  "GET /v1/audit": {
    id: "listAudit",
    tag: "Service",
    summary: "Who changed what by hand, newest first",
    description: "Every change that takes an operator. Each domain, and the mill, keeps its last 10,000, for a year.",
    answers: { 200: "AuditPage" },
  },
  "GET /v1/events": {
    id: "listen",
    tag: "Service",
    summary: "What happens, as it happens",
    description:
      "Server-Sent Events, or a WebSocket when upgraded. Of a domain where one is named, by itself or by a task; else of the whole mill. `since`, or `Last-Event-ID`, replays what is still kept; an event `missed` says what is not. A WebSocket from a browser brings its token as a subprotocol: `millrace, bearer.<base64url token>`.",
    answers: { 200: "text:text/event-stream" },
    codes: ["unknown_domain"],
  },
  "GET /metrics": {
    id: "getMetrics",
    tag: "Service",
    summary: "Figures for Prometheus",
    description: "From what the coordinator was last told: no domain is woken.",
    answers: { 200: "text:text/plain" },
  },
  "GET /v1/me": { id: "getMe", tag: "Service", summary: "Whose token this is", answers: { 200: "Me" }, local: true },
  "GET /openapi.json": {
    id: "getDescription",
    tag: "Service",
    summary: "This description",
    answers: { 200: "Description" },
    local: true,
  },
  "GET /docs": {
    id: "getDocs",
    tag: "Service",
    summary: "This description as a page",
    answers: { 200: "text:text/html" },
    local: true,
  },
};

/** `GET /healthz`, which is no entry of the route table: it needs no token. */
export const HEALTH: Operation = {
  id: "getHealth",
  tag: "Service",
  summary: "Liveness, and what is not configured",
  answers: { 200: "Health" },
  local: true,
};
