import type { Clock } from "../clock.ts";
import type { DomainSnapshot, Drained } from "../durable/protocol.ts";
import type { Duration } from "../policy/duration.ts";
import { WAIT_MS_MAX } from "../policy/limits.ts";
import { parseDrain } from "../policy/settings.ts";

type Answer = DomainSnapshot & Drained;

/** Asks again and again until the domain is drained, or its time is over: no single call takes longer than a minute. */
export async function drainWith(
  ask: (timeoutMs: number, waitMs: number) => Promise<Answer>,
  options: { timeout?: Duration } | undefined,
  clock: Clock,
): Promise<Answer> {
  const end = clock.now() + parseDrain(options?.timeout);
  for (;;) {
    const left = Math.max(0, end - clock.now());
    const answer = await ask(left, Math.min(left, WAIT_MS_MAX));
    if (answer.drained || clock.now() >= end) return answer;
  }
}
