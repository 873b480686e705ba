/** Everything that can happen, by name. `missed` says that there was more, which is no longer kept. */
export const EVENTS = [
  "task.submitted",
  "task.started",
  "task.progress",
  "task.completed",
  "task.failed",
  "task.dead_lettered",
  "task.cancelled",
  "task.superseded",
  "task.expired",
  "task.dependency_failed",
  "task.preempted",
  "task.waiting",
  "task.unblocked",
  "task.overrun",
  "task.reopened",
  "batch.submitted",
  "schedule.fired",
  "schedule.skipped",
  "domain.paused",
  "domain.resumed",
  "group.paused",
  "group.resumed",
  "group.changed",
  "mill.paused",
  "mill.resumed",
  "missed",
] as const;
/** The name of an event. */
export type EventName = (typeof EVENTS)[number];

/**
 * Something that happened, as every transport gives it. What it says beside these fields depends on its name:
 * `task.failed` has `error`, `attempt` and `willRetry`, `missed` has `from` and `to`; docs/events.md lists them all.
 */
export interface MillEvent {
  /** Grows from event to event of a stream, over restarts too; a resumed stream begins after it. */
  seq: number;
  /** When it happened, RFC 3339 in UTC. */
  at: string;
  event: EventName;
  /** Null: the mill's own. */
  domain: string | null;
  /** Full id of the task that it is about. */
  task?: string;
  /** The task's type. */
  type?: string;
  /** The task's label, where it has one. */
  label?: string;
  /** The tags of its submit and its type; those that every task of the domain has are left out. */
  tags?: Record<string, string>;
  /** Of `batch.submitted`: how many tasks of each type came in, and the first and last of their ids. */
  types?: Record<string, number>;
  first?: string;
  last?: string;
  [fact: string]: unknown;
}

/** Where a stream stands when somebody begins to listen: no event, but what to resume after when the connection breaks before there is one. */
export interface Place {
  seq: number;
  event?: undefined;
}

/** A moment's share of the numbers: 4,096 events in a millisecond before the count runs ahead of the clock. */
const PER_MS = 4_096;

/** What a stream that keeps no number says of all that was before it began at `now` (ms). */
export const birthSeq = (now: number): number => now * PER_MS - 1;

/** The number of the next event of a stream: it grows by time, so that it does after a restart that forgot the last one. */
export const nextSeq = (last: number, now: number): number => Math.max(last + 1, now * PER_MS);
