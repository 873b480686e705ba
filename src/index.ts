export { createMill } from "./mill.ts";
export type { CronMill, Mill, MillOptions } from "./mill.ts";
export { defineDomain } from "./domains/define.ts";
export type { Domain, DomainStarter, ScheduleOptions } from "./domains/define.ts";
export type { MillApp } from "./domains/app.ts";
export type { Context, ExecutionHandle, Log } from "./domains/context.ts";
export type { Defaults, History, HistoryBounds } from "./domains/definition.ts";
export type { ClaimOptions, FailOptions, RenewOptions } from "./domains/claim-options.ts";
export type {
  BatchAnswer,
  BatchItem,
  CallOptions,
  ClaimedTask,
  ClaimOf,
  DomainHandle,
  Instant,
  ListQuery,
  FiringOptions,
  NewSchedule,
  Recurrence,
  ScheduleChange,
  ScheduleHandle,
  ScheduleTaskOptions,
  SubmitOptions,
  Submitted,
  TaskHandle,
  WaitOptions,
} from "./domains/handle.ts";
export { httpDomain, SIGNATURE_HEADER, signBody, verifySignature } from "./domains/http.ts";
export type { AllowPrivate, Delivered, HttpDomainConfig, SignatureCheck, SigningKeys } from "./domains/http.ts";
export type { DomainOptions, PullOptions, TaskOptions } from "./domains/options.ts";
export type { Listing } from "./domains/listing.ts";
export type { GroupHandle, MillHandle, MillSettings, MillSnapshot } from "./domains/mill-handle.ts";
export { ref } from "./domains/ref.ts";
export type { DomainLike, InputOf, ResultOf, TaskType } from "./domains/shape.ts";
export type { SingletonOptions } from "./domains/singleton.ts";
export type { StartJobs, StartMode } from "./domains/startup.ts";
export type {
  Child,
  Dependency,
  Gate,
  GateName,
  Graph,
  Json,
  Outcome,
  Page,
  Progress,
  Schedule,
  Task,
  TaskError,
  Why,
} from "./domains/task.ts";
export type { BulkFilter, BulkHandle, DomainBulk, DryRun } from "./domains/bulk.ts";
export type { EventQuery, EventVerbs } from "./domains/events.ts";
export type { EventName, MillEvent } from "./policy/events/event.ts";
export type { WebhookEvent, WebhookOptions } from "./domains/webhook-options.ts";
export type { DomainLooks, FailuresQuery, SeriesQuery } from "./domains/looks.ts";
export type { BulkAction } from "./policy/bulk.ts";
export type {
  BulkJob,
  BulkMatch,
  DomainSnapshot,
  Drained,
  FailureGroup,
  Failures,
  Renewal,
  SeriesView,
  TagKeys,
  TagValues,
} from "./durable/protocol.ts";
export type { DependencyPolicy } from "./policy/dependencies.ts";
export type { OnDuplicate } from "./policy/duplicates.ts";
export type { AgingOptions, AgingPolicy } from "./policy/aging.ts";
export type { GroupPauseView, PressureView } from "./policy/coordination/protocol.ts";
export type { AuditEntry } from "./policy/audit.ts";
export type { ServiceProps } from "./worker/service.ts";
export type { SettingsChange } from "./policy/settings.ts";
export type { Duration } from "./policy/duration.ts";
export { MillraceError, NonRetryableError, RetryAfterError } from "./policy/errors.ts";
export type { ErrorCode, ErrorFacts } from "./policy/errors.ts";
export type { GroupChange, GroupOptions, RateOptions } from "./policy/group-rules.ts";
export type { GroupView } from "./policy/coordination/view.ts";
export { admit, deny, until } from "./policy/gate.ts";
export type { Overlap } from "./policy/firing.ts";
export type { GateAnswer } from "./policy/gate.ts";
export type { Io } from "./policy/io.ts";
export type { PressureStep } from "./policy/pressure.ts";
export { PRIORITY } from "./policy/priority.ts";
export type { Priority } from "./policy/priority.ts";
export { constant, exponential, linear } from "./policy/retry.ts";
export type { SeriesName } from "./policy/series.ts";
export type { RetryOptions, RetryPolicy } from "./policy/retry.ts";
export type { Status } from "./policy/status.ts";
