import type { Operation } from "./operations.ts";

/** Many tasks at once. */
export const BULK: Readonly<Record<string, Operation>> = {
  "POST /v1/domains/:domain/bulk": {
    id: "startBulk",
    tag: "Tasks",
    summary: "Cancel, retry or delete every task that exists now and matches",
    description:
      "202 with the job, which goes on by itself: look at it under `/v1/bulk/{id}`. Without `status`, `cancel` is about active tasks, `retry` about failed and dead-lettered ones, `delete` about ended ones. With `dryRun` 200 and how many match. `Idempotency-Key` makes a repeat within 24 hours answer with the first job.",
    answers: { 200: "BulkMatch", 202: "BulkJob" },
    codes: ["idempotency_conflict"],
    example: { action: "retry", filter: { status: "dead_letter", tags: { tenant: "acme" } }, dryRun: true },
  },
  "GET /v1/bulk/:bulk": {
    id: "getBulk",
    tag: "Tasks",
    summary: "How far a bulk job is",
    description: "`failed` are tasks that it could do nothing to; `errors` names the first ten. A finished job is kept for a week.",
    answers: { 200: "BulkJob" },
  },
};
