import { LIMITS } from "../../../policy/limits.ts";
import { exponential, retryDelayMs } from "../../../policy/retry.ts";
import type { Core } from "../core.ts";
import type { BodyOf, MessageName } from "./messages.ts";
import type { Store } from "../store.ts";

/** What waits for one target. */
interface Queue {
  size: number;
  /** Failures in a row of the whole target. */
  attempts: number;
  /** When the next attempt is due. */
  at: number;
}

/** A message as it lies in the outbox. */
export interface Message extends Record<string, SqlStorageValue> {
  id: number;
  kind: string;
  body: string;
  attempts: number;
}

const BACKOFF = exponential(1_000, LIMITS.outboxRetryMsMin, LIMITS.outboxRetryMsMax);

/** How long after its `attempts`th failure something is tried again: for ever, slower and slower, at least once in five minutes. */
const backoffMs = (attempts: number, random: number): number => Math.max(1, retryDelayMs(BACKOFF, attempts - 1, random));

/** What memory knows of the messages that are not delivered yet: how many for each target, and when it is tried next. */
export class Outbox {
  readonly queues = new Map<string, Queue>();
  /** Something may be due; set by the courier. */
  carry: () => void = () => undefined;

  load(store: Store): void {
    this.queues.clear();
    const query = "SELECT target, count(*) AS size, max(attempts) AS attempts, min(next_at) AS at FROM outbox GROUP BY target";
    for (const { target, ...queue } of store.exec<{ target: string } & Record<keyof Queue, number>>(query)) this.queues.set(target, queue);
  }

  /** Whether something is due now. */
  isDue(now: number): boolean {
    return [...this.queues.values()].some(({ at }) => at <= now);
  }

  /** When an alarm has to ring for it: what is due goes at once, and the alarm is there in case it does not get through. */
  alarmAt(now: number): number | null {
    let least = Infinity;
    for (const { at } of this.queues.values()) least = Math.min(least, at <= now ? now + LIMITS.outboxWatchMs : at);
    return least === Infinity ? null : least;
  }
}

/**
 * A message to another domain, written with the transaction that it is a part of: a row, and one more when it is deleted. It
 * leaves after the commit, and again and again until the target has answered. Answers with its id.
 */
export function post<Kind extends MessageName>(core: Core, target: string, kind: Kind, body: BodyOf<Kind>): number {
  const now = core.clock.now();
  const state = core.touch();
  state.lastMessage += 1;
  core.store.exec(
    "INSERT INTO outbox (target, id, kind, body, attempts, next_at, at) VALUES (?, ?, ?, ?, 0, ?, ?)",
    target,
    state.lastMessage,
    kind,
    JSON.stringify(body),
    now,
    now,
  );
  const queue = core.outbox.queues.get(target) ?? { size: 0, attempts: 0, at: now };
  queue.size += 1;
  // A target that does not answer is not asked again for every message.
  if (queue.attempts === 0) queue.at = Math.min(queue.at, now);
  core.outbox.queues.set(target, queue);
  core.alarm.soon("outbox", Math.max(queue.at, now + LIMITS.outboxWatchMs));
  core.after(() => core.outbox.carry());
  return state.lastMessage;
}

/** The next messages for a target that are due, in order. One that the target failed at is passed by until its time comes. */
export function nextMessages(core: Core, target: string): Message[] {
  return core.store
    .exec<Message>(
      "SELECT id, kind, body, attempts FROM outbox WHERE target = ? AND next_at <= ? ORDER BY id LIMIT ?",
      target,
      core.clock.now(),
      LIMITS.outboxBatchMax,
    )
    .toArray();
}

/** What the target has taken in goes; what it failed at waits. */
export function dropMessages(core: Core, target: string, taken: readonly number[], failed: readonly Message[]): void {
  const now = core.clock.now();
  core.touch();
  core.store.exec("DELETE FROM outbox WHERE target = ? AND id IN (SELECT value FROM json_each(?))", target, JSON.stringify(taken));
  for (const { id, attempts } of failed) note(core, target, id, attempts + 1, now + backoffMs(attempts + 1, core.clock.random()));
  const queue = core.outbox.queues.get(target)!;
  queue.size -= taken.length;
  queue.attempts = 0;
  queue.at = now;
  if (queue.size === 0) core.outbox.queues.delete(target);
}

/** Nothing is due any more: when the first of those that were passed by will be. */
export function nextDue(core: Core, target: string): void {
  const { at } = core.store.exec<{ at: number | null }>("SELECT min(next_at) AS at FROM outbox WHERE target = ?", target).one();
  const queue = core.outbox.queues.get(target);
  if (at === null || !queue) core.outbox.queues.delete(target);
  else {
    queue.at = Math.max(at, core.clock.now() + 1);
    core.alarm.soon("outbox", queue.at);
    core.alarm.arm();
  }
}

/** The target did not answer: all wait, the first notes it. */
export function postponeAll(core: Core, target: string, first: Message): void {
  const queue = core.outbox.queues.get(target)!;
  queue.attempts = Math.max(queue.attempts, first.attempts) + 1;
  const now = core.clock.now();
  queue.at = now + backoffMs(queue.attempts, core.clock.random());
  core.touch();
  // Its moment stays: after a wake it must come before those behind it.
  note(core, target, first.id, queue.attempts, now);
  core.alarm.soon("outbox", queue.at);
}

function note(core: Core, target: string, id: number, attempts: number, at: number): void {
  core.store.exec("UPDATE outbox SET attempts = ?, next_at = ? WHERE target = ? AND id = ?", attempts, at, target, id);
}
