import { tokensIn } from "../policy/bucket.ts";
import type { MillFigures } from "../policy/coordination/protocol.ts";
import { BOUNDS, COUNTED, DENIALS, type DomainFigures, type Histogram, type TypeFigures } from "../policy/figures.ts";
import { own } from "../policy/own.ts";

type Kind = "counter" | "gauge" | "histogram";

/** Every metric by its name without the prefix: its kind and what it means. */
export const METRICS = {
  tasks_submitted_total: ["counter", "Tasks that came in."],
  tasks_dispatched_total: ["counter", "Executions that began."],
  tasks_completed_total: ["counter", "Tasks that ended completed."],
  tasks_failed_total: ["counter", "Attempts that failed; retryable: another one followed. What used up its retries is dead-lettered."],
  tasks_retried_total: ["counter", "Attempts that failed and were made once more."],
  tasks_dead_lettered_total: ["counter", "Tasks that used up their retries, or their isolates."],
  tasks_superseded_total: ["counter", "Tasks whose place a newer one took."],
  tasks_cancelled_total: ["counter", "Tasks that were cancelled."],
  tasks_expired_total: ["counter", "Tasks whose ttl or deadline ended them."],
  dependency_failures_total: ["counter", "Tasks that ended because of one that they depend on."],
  tasks_preempted_total: ["counter", "Executions that ended uncharged: paused, interrupted, given back."],
  tasks_reopened_total: ["counter", "Ended tasks that were retried by hand, or backfilled."],
  tasks_purged_total: ["counter", "Ended tasks that history let go."],
  recurring_skipped_total: ["counter", "Planned times that a schedule let go by."],
  batches_submitted_total: ["counter", "Submits of several tasks at once."],
  group_pauses_total: ["counter", "Pauses of a group, since the coordinator's start."],
  group_resumes_total: ["counter", "Ends of a group's pause by hand, since the coordinator's start."],
  gate_denials_total: ["counter", "Ready tasks newly set aside: by the domain's gate, pressure, an IO budget."],
  rate_limit_throttles_total: ["counter", "How often what waited of a type or group had to wait for its next token."],
  rows_read_total: ["counter", "Rows that the domain's storage has read: what Cloudflare bills."],
  rows_written_total: ["counter", "Rows that the domain's storage has written: what Cloudflare bills."],
  requests_total: ["counter", "Calls that the domain's object has answered."],
  coordinator_calls_total: ["counter", "Calls that the domain has made to the coordinator."],
  tasks_pending: ["gauge", "Tasks that are ready."],
  tasks_scheduled: ["gauge", "Tasks whose time has not come."],
  tasks_running: ["gauge", "Tasks that execute, or are leased."],
  tasks_blocked: ["gauge", "Tasks that wait for others."],
  tasks_paused: ["gauge", "Ready tasks that a pause holds, or whose type is gone."],
  tasks_waiting: ["gauge", "Tasks that wait for their children."],
  tasks_finished: ["gauge", "Ended tasks that history keeps."],
  oldest_pending_seconds: ["gauge", "How long ago the oldest ready task was submitted."],
  domain_max_concurrency: ["gauge", "The domain's own cap."],
  domain_figures_timestamp_seconds: ["gauge", "When the domain last told these figures."],
  slots_granted: ["gauge", "Slots that the domain may use."],
  slots_used: ["gauge", "Slots that the domain uses."],
  max_concurrency: ["gauge", "The mill's cap."],
  paused: ["gauge", "1: the whole mill is paused."],
  groups_paused: ["gauge", "How many groups are paused."],
  pressure: ["gauge", "Composite pressure, 0 to 1."],
  pressure_source: ["gauge", "What each source of pressure last said."],
  rate_limit_tokens_available: ["gauge", "Tasks of a type or group that its rate limit lets start now."],
  task_duration_seconds: ["histogram", "The last execution of ended tasks."],
  task_queue_wait_seconds: ["histogram", "From submit to the first start; a delay counts."],
  batch_size: ["histogram", "Tasks in one submit of several."],
  completion_batch_size: ["histogram", "Tasks that completed in one change."],
  failure_batch_size: ["histogram", "Attempts that failed in one answer of a runner."],
} as const satisfies Record<string, readonly [Kind, string]>;
type Name = keyof typeof METRICS;

const PREFIX = "millrace_";
type Labels = Record<string, string>;

const COUNTERS: Partial<Record<(typeof COUNTED)[number], Name>> = {
  submitted: "tasks_submitted_total",
  dispatched: "tasks_dispatched_total",
  completed: "tasks_completed_total",
  retried: "tasks_retried_total",
  dead_lettered: "tasks_dead_lettered_total",
  superseded: "tasks_superseded_total",
  cancelled: "tasks_cancelled_total",
  expired: "tasks_expired_total",
  dependency_failed: "dependency_failures_total",
  preempted: "tasks_preempted_total",
  reopened: "tasks_reopened_total",
  recurring_skipped: "recurring_skipped_total",
};
const LIVE = ["pending", "scheduled", "running", "blocked", "paused", "waiting"] as const;

/** Samples under their names, written out in the order of `METRICS`. */
class Page {
  readonly #samples = new Map<Name, string[]>();

  add(name: Name, labels: Labels, value: number, suffix = ""): void {
    const lines = this.#samples.get(name) ?? [];
    const written = Object.entries(labels).map(([label, text]) => `${label}="${escape(text)}"`);
    lines.push(`${PREFIX}${name}${suffix}${written.length === 0 ? "" : `{${written.join(",")}}`} ${value}`);
    this.#samples.set(name, lines);
  }

  histogram(name: Name, labels: Labels, bounds: readonly number[], counts: Histogram | undefined): void {
    if (!counts) return;
    let sum = 0;
    for (const [index, bound] of [...bounds, "+Inf"].entries()) {
      sum += counts[index]!;
      this.add(name, { ...labels, le: String(bound) }, sum, "_bucket");
    }
    this.add(name, labels, counts[bounds.length + 1]!, "_sum");
    this.add(name, labels, sum, "_count");
  }

  text(): string {
    let text = "";
    for (const [name, [kind, help]] of Object.entries(METRICS)) {
      const lines = this.#samples.get(name as Name);
      if (lines) text += `# HELP ${PREFIX}${name} ${help}\n# TYPE ${PREFIX}${name} ${kind}\n${lines.join("\n")}\n`;
    }
    return text;
  }
}

const escape = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

/** The mill's figures as Prometheus text (0.0.4). Labels are bounded: domains, types, groups, sources; never a task. */
export function metricsText(mill: MillFigures): string {
  const page = new Page();
  page.add("max_concurrency", {}, mill.maxConcurrency);
  page.add("paused", {}, mill.paused ? 1 : 0);
  page.add("groups_paused", {}, mill.pausedGroups.length);
  page.add("pressure", {}, mill.pressure.composite);
  for (const [source, { value }] of Object.entries(mill.pressure.sources)) page.add("pressure_source", { source }, value);
  for (const [group, { paused, resumed }] of Object.entries(mill.groupPauses)) {
    page.add("group_pauses_total", { group }, paused);
    page.add("group_resumes_total", { group }, resumed);
  }
  for (const { domain, granted, using } of mill.holders) {
    page.add("slots_granted", { domain }, granted);
    page.add("slots_used", { domain }, using);
  }
  for (const { name, rate } of mill.groups) {
    if (rate === null) continue;
    const labels = { scope_kind: "group", scope: name };
    page.add("rate_limit_tokens_available", labels, rate.available);
    page.add("rate_limit_throttles_total", labels, own(mill.groupThrottles, name) ?? 0);
  }
  for (const told of mill.domains) addDomain(page, told, mill.at);
  return page.text();
}

function addDomain(page: Page, { domain, at, figures }: MillFigures["domains"][number], now: number): void {
  const { statuses, types, sizes, purged, cap, oldestPendingMs, cost } = figures;
  const labels = { domain };
  for (const status of LIVE) page.add(`tasks_${status}`, labels, statuses[status] ?? 0);
  const finished = Object.entries(statuses).filter(([status]) => !LIVE.includes(status as (typeof LIVE)[number]));
  page.add(
    "tasks_finished",
    labels,
    finished.reduce((sum, [, count]) => sum + count, 0),
  );
  page.add("tasks_purged_total", labels, purged);
  page.add("oldest_pending_seconds", labels, (oldestPendingMs ?? 0) / 1_000);
  if (cap !== null) page.add("domain_max_concurrency", labels, cap);
  page.add("domain_figures_timestamp_seconds", labels, at / 1_000);
  page.add("batches_submitted_total", labels, sizes.batches);
  page.add("rows_read_total", labels, cost.rowsRead);
  page.add("rows_written_total", labels, cost.rowsWritten);
  page.add("requests_total", labels, cost.requests);
  page.add("coordinator_calls_total", labels, cost.coordinatorCalls);
  page.histogram("batch_size", labels, BOUNDS.tasks, sizes.batch);
  page.histogram("completion_batch_size", labels, BOUNDS.tasks, sizes.completion);
  page.histogram("failure_batch_size", labels, BOUNDS.tasks, sizes.failure);
  addHeld(page, domain, figures, now);
  for (const [type, of] of Object.entries(types)) addType(page, { domain, type }, of);
}

/** What holds tasks back. A bucket fills while its domain sleeps: what is in it is reckoned as of now. */
function addHeld(page: Page, domain: string, { held = {}, rates = {} }: DomainFigures, now: number): void {
  for (const reason of DENIALS) page.add("gate_denials_total", { domain, reason }, held.denials?.[reason] ?? 0);
  for (const [type, { bucket, ...rate }] of Object.entries(rates)) {
    const labels = { domain, scope_kind: "type", scope: type };
    page.add("rate_limit_tokens_available", labels, tokensIn(bucket, rate, now));
    page.add("rate_limit_throttles_total", labels, held.throttles?.[type] ?? 0);
  }
}

function addType(page: Page, labels: Labels, { n, wait, run }: TypeFigures): void {
  for (const [index, counted] of COUNTED.entries()) {
    const name = COUNTERS[counted];
    if (name) page.add(name, labels, n[index] ?? 0);
  }
  page.add("tasks_failed_total", { ...labels, retryable: "true" }, n[COUNTED.indexOf("retried")] ?? 0);
  page.add("tasks_failed_total", { ...labels, retryable: "false" }, n[COUNTED.indexOf("failed")] ?? 0);
  page.histogram("task_queue_wait_seconds", labels, BOUNDS.seconds, wait);
  for (const [status, counts] of Object.entries(run ?? {}))
    page.histogram("task_duration_seconds", { ...labels, status }, BOUNDS.seconds, counts);
}
