import { fail } from "../../../policy/errors.ts";
import { LIMITS } from "../../../policy/limits.ts";
import type { Outcome } from "../../../domains/task.ts";
import type { SubmitAnswer } from "../../protocol.ts";
import type { Core } from "../core.ts";

const SLICE = 500;

interface Key {
  key: string;
  body: string;
}

/** What an earlier request with this key was answered with, within a day; the same key with another body is a conflict. JSON text. */
export function recall(core: Core, { key, body }: Key, now: number): string | undefined {
  const row = core.store
    .exec<{ id: number; body: string; answer: string; expires_at: number }>(
      "SELECT id, body, answer, expires_at FROM idempotency WHERE key = ?",
      key,
    )
    .toArray()[0];
  if (!row) return undefined;
  if (row.expires_at <= now) {
    core.store.exec("DELETE FROM idempotency WHERE id = ?", row.id);
    return undefined;
  }
  if (row.body !== body) {
    throw fail(
      "idempotency_conflict",
      "This idempotency key was used within 24 hours for another request. Use a new key for a new request, or send the first one again.",
    );
  }
  return row.answer;
}

/** The same of a submit. */
export function recallAnswer(core: Core, idempotency: Key, now: number): SubmitAnswer | undefined {
  const answer = recall(core, idempotency, now);
  return answer === undefined ? undefined : { outcomes: JSON.parse(answer) as Outcome[], replayed: true };
}

/** Whether a submit with this key has an answer already. */
export const isRemembered = (core: Core, key: string | undefined): boolean =>
  key !== undefined &&
  core.store.exec("SELECT 1 FROM idempotency WHERE key = ? AND expires_at > ?", key, core.clock.now()).toArray().length > 0;

export function rememberAnswer(core: Core, idempotency: Key, outcomes: readonly Outcome[], now: number): void {
  remember(core, idempotency, JSON.stringify(outcomes), now);
}

/** Outcomes that were not known when their key was written down; where that has been answered meanwhile, the first answer stays. */
export function answerLater(core: Core, key: string, outcomes: readonly Outcome[]): void {
  core.store.exec("UPDATE idempotency SET answer = ? WHERE key = ? AND answer = '[]'", JSON.stringify(outcomes), key);
}

export function remember(core: Core, { key, body }: Key, answer: string, now: number): void {
  const expires = now + LIMITS.idempotencyMs;
  core.store.exec("INSERT INTO idempotency (key, body, answer, expires_at) VALUES (?, ?, ?, ?)", key, body, answer, expires);
  core.alarm.soon("idempotency", expires);
}

/** Deletes answers whose day is over; true when more are left. Ids grow with time, so the oldest come first. */
export function forgetAnswers(core: Core, now: number): boolean {
  const gone = core.store
    .exec(
      "DELETE FROM idempotency WHERE id IN (SELECT id FROM idempotency ORDER BY id LIMIT ?) AND expires_at <= ? RETURNING id",
      SLICE,
      now,
    )
    .toArray();
  return gone.length === SLICE;
}
