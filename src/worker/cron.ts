import { localHandle } from "../client/local.ts";
import type { Registry } from "../domains/definition.ts";
import { findDomain } from "../domains/find.ts";
import type { DomainApi } from "../durable/protocol.ts";

/** What a function under `crons` is given, types erased. */
interface TickMill {
  readonly scheduledTime: number;
  domain(definition: { readonly name: string }): unknown;
}

/**
 * Runs the function of a platform cron trigger, where there is one. Every submit in it carries an idempotency key of
 * cron text, time and place in the order of calls, so that a tick that the platform repeats submits nothing twice.
 */
export async function runCron(
  registry: Registry,
  crons: Readonly<Record<string, (mill: never) => unknown>>,
  tick: { readonly cron: string; readonly scheduledTime: number },
  reach: (domain: string) => DomainApi,
): Promise<void> {
  if (!Object.hasOwn(crons, tick.cron)) return;
  let ordinal = 0;
  const idempotencyKey = () => `cron:${tick.cron}:${tick.scheduledTime}:${(ordinal += 1)}`;
  const mill: TickMill = {
    scheduledTime: tick.scheduledTime,
    domain: ({ name }) => localHandle(registry, findDomain(registry, name), { reach, idempotencyKey }),
  };
  await crons[tick.cron]!(mill as never);
}
