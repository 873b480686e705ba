import type { Registry } from "../domains/definition.ts";
import type { DomainApi } from "../durable/protocol.ts";
import type { CoordinatorApi } from "../policy/coordination/protocol.ts";

/** As many domains as one sweep wakes. */
const DOMAINS_MAX = 50;
/** Of them, kept for domains that this isolate has not seen: a long list must not keep a new domain asleep. */
const UNSEEN_MIN = 10;

/** Whom the sweeper asks, and where it complains. */
export interface SweepOptions {
  coordinator: Pick<CoordinatorApi, "sweepList">;
  reach: (domain: string) => Pick<DomainApi, "poke">;
  /** Domains that this isolate has poked; the sweep adds to it. */
  poked: Set<string>;
  log: (message: string, fields: Record<string, unknown>) => void;
}

/**
 * Wakes the domains that owe work, once a minute: those the coordinator names, then those of the registry that this
 * isolate has not poked yet, so that a schedule declared by a deploy comes alive. One that fails keeps nobody else.
 */
export async function sweep(registry: Registry, options: SweepOptions): Promise<{ poked: string[]; failed: string[] }> {
  const named = await listed(options);
  const unseen = [...registry.domains.keys()].filter((name) => !options.poked.has(name) && !named.includes(name));
  const chosen = named.slice(0, DOMAINS_MAX - Math.min(UNSEEN_MIN, unseen.length));
  chosen.push(...unseen.slice(0, DOMAINS_MAX - chosen.length));
  const answers = await Promise.allSettled(chosen.map(async (name) => options.reach(name).poke()));
  const result: { poked: string[]; failed: string[] } = { poked: [], failed: [] };
  for (const [index, answer] of answers.entries()) {
    const name = chosen[index]!;
    if (answer.status === "fulfilled") {
      options.poked.add(name);
      result.poked.push(name);
    } else {
      result.failed.push(name);
      options.log("The sweeper could not poke a domain; the next sweep tries again.", { domain: name, error: describe(answer.reason) });
    }
  }
  return result;
}

async function listed({ coordinator, log }: SweepOptions): Promise<string[]> {
  try {
    return await coordinator.sweepList();
  } catch (error) {
    log("The sweeper got no list from the coordinator; it pokes the registry's own domains.", { error: describe(error) });
    return [];
  }
}

const describe = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));
