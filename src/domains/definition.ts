import type { Webhook } from "./webhook-options.ts";
import type { GroupRules } from "../policy/coordination/groups.ts";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { AgingPolicy } from "../policy/aging.ts";
import type { DependencyPolicy } from "../policy/dependencies.ts";
import type { OnDuplicate } from "../policy/duplicates.ts";
import type { Duration } from "../policy/duration.ts";
import type { RateOptions } from "../policy/group-rules.ts";
import type { Io } from "../policy/io.ts";
import type { PressureRule } from "../policy/pressure.ts";
import type { Priority } from "../policy/priority.ts";
import type { TerminalStatus } from "../policy/status.ts";
import type { RetryPolicy } from "../policy/retry.ts";
import type { FiringOptions, ScheduleTaskOptions } from "./handle.ts";
import type { Json, Task } from "./task.ts";

/** Defaults of a mill, a domain or a type; the nearest wins: call > type > domain > mill > built in. */
export interface Defaults {
  /** A name, or 0 (most urgent) to 255; default `normal`, 128. */
  priority?: Priority;
  /** Made by `constant`, `linear` or `exponential`; default `exponential(3, "1s", "5m")`. */
  retry?: RetryPolicy;
  /** Per attempt; default 5 minutes. */
  timeout?: Duration;
  /** Tasks that have not started within this end `expired`; default: none. */
  ttl?: Duration;
  /** From submission: aborted wherever it is, `expired`. Default: none. */
  deadline?: Duration;
  /** Where the ttl's clock starts; default `submit`. */
  ttlFrom?: "submit" | "firstAttempt";
  /** What happens when the key is held by a live task; default `skip`. Firings of schedules hold keys of their own. */
  onDuplicate?: OnDuplicate;
  /** Of every task, merged when it is read: they cost no row. Those of type and call win. */
  tags?: Record<string, string>;
  /** The group of its tasks; `null`: none, whatever the levels above say. */
  group?: string | null;
  /** What becomes of a task when one that it depends on fails; default `cancel`. */
  onDependencyFailure?: DependencyPolicy;
  /** Whether the first failed child fails its parent and cancels the other children; default true. */
  failFast?: boolean;
}

/** How many finished tasks a domain keeps, and for how long. */
export interface History extends HistoryBounds {
  /** Other bounds for tasks that ended so, counted by themselves where `keep` is named: `{ dead_letter: { keep: 1_000, maxAge: "90d" } }`. */
  perStatus?: Partial<Record<TerminalStatus, HistoryBounds>>;
  /** Other bounds for tasks of a type, in the same way; they go before those of its status. */
  perType?: Record<string, HistoryBounds>;
}

/** Some finished tasks: the newest so many, and none older. */
export interface HistoryBounds {
  /** How many; default 10,000. */
  keep?: number;
  /** Since their end, looked at once a day; default 30 days. */
  maxAge?: Duration;
}

/** A task type as the engine sees it, types erased. Made by `defineDomain(…).task(…)`. */
export interface TypeDefinition {
  readonly name: string;
  readonly payload: StandardSchemaV1;
  readonly result: StandardSchemaV1 | undefined;
  /** Absent: the canonical payload is the key. `null` from it: plain, no duplicate check. */
  readonly key: ((payload: never) => string | null) | undefined;
  readonly label: ((payload: never) => string) | undefined;
  readonly tags: ((payload: never) => Record<string, string>) | undefined;
  readonly fairKey: ((payload: never) => string | null) | undefined;
  /** How often its tasks may start; checked by `createMill`. */
  readonly rate?: RateOptions | undefined;
  /** How many bytes one of its tasks moves, as expected; checked when the mill is made. */
  readonly io?: Io | undefined;
  readonly defaults: Defaults;
  readonly submittable: boolean;
  readonly redact: readonly string[];
  /** `false`: deleted by the settle that completes it. */
  readonly keep: boolean;
  /** How long retention leaves it alone after its end; absent: a minute. */
  readonly keepAtLeast?: Duration | undefined;
  /** Done by pull workers: the runner never gets it, and there is no `execute`. */
  readonly pull: boolean;
  /** Made by `.singleton(…)`: exactly one lives, and nobody submits it. */
  readonly singleton?: { readonly every: Duration; readonly label?: string; readonly tags?: Record<string, string> };
  // Erased on purpose: the typed signatures live in define.ts.
  readonly execute: ((payload: never, ctx: never) => unknown) | undefined;
  /** After all children have ended, with what `execute` returned. */
  readonly finalize?: ((payload: never, memo: never, ctx: never) => unknown) | undefined;
  readonly onCancel: ((payload: never, ctx: never) => unknown) | undefined;
}

/** A schedule declared in code. */
export interface ScheduleDefinition {
  readonly name: string;
  readonly type: string;
  readonly payload: Json;
  readonly spec: ScheduleSpec;
}

/** What the tasks of a schedule wait for. */
export interface Prerequisites {
  /** Tasks that each instance waits for; at most 1,000. Retention leaves them alone while the schedule exists. */
  dependsOn?: readonly string[];
}

/** When a schedule fires, and how: checked by `prepareSchedule`. */
export interface ScheduleSpec extends ScheduleTaskOptions, FiringOptions {
  every?: Duration;
  cron?: string;
  /** IANA; default UTC. */
  timezone?: string;
  initialDelay?: Duration;
}

/** A domain as the engine sees it, types erased. */
export interface DomainDefinition {
  readonly name: string;
  readonly state: ((env: never) => unknown) | undefined;
  readonly maxConcurrency: number | undefined;
  readonly defaults: Defaults;
  readonly history: History;
  /** Work of this priority or a more urgent one takes slots from what is less urgent; null: none does. Absent: as the mill says. */
  readonly preemptAt?: Priority | null | undefined;
  /** Asked about each task when it could start. */
  readonly gate?: ((task: Task, now: Date) => unknown) | undefined;
  /** Rate limits by type, for those that name none of their own. */
  readonly rates?: Readonly<Record<string, RateOptions>>;
  /** Who waits under pressure; absent: as the mill says. Checked when the mill is made. */
  readonly pressure?: readonly PressureRule[] | undefined;
  readonly types: ReadonlyMap<string, TypeDefinition>;
  readonly schedules: readonly ScheduleDefinition[];
  /** What `.onStart(…)` was given, types erased. */
  readonly startup?: ((jobs: never, mode: never) => unknown) | undefined;
}

/** What `createMill` was given, checked and with the built-in defaults filled in. */
export interface Registry {
  readonly domains: ReadonlyMap<string, DomainDefinition>;
  readonly app: ((env: never) => unknown) | undefined;
  /** Members of the app state that `mill.provide` brings. */
  readonly late?: readonly string[] | undefined;
  /** The global cap; default 16. */
  readonly maxConcurrency: number;
  readonly defaults: Defaults;
  /** How waiting tasks grow more urgent; absent: they do not. */
  readonly aging?: AgingPolicy | undefined;
  /** Who waits under pressure; absent: as is usual. */
  readonly pressure?: readonly PressureRule[] | undefined;
  /** Work of this priority or a more urgent one takes slots from what is less urgent; null: none does. Absent: realtime. */
  readonly preemptAt?: Priority | null | undefined;
  /** Addresses that are told of events. */
  readonly webhooks?: readonly Webhook[] | undefined;
  /** Settings of groups, by name. */
  readonly groups: ReadonlyMap<string, GroupRules>;
  /** The cap of a group that names none; null: none. */
  readonly defaultGroupMaxConcurrency: number | null;
}
