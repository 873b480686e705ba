import { TERMINAL, type TerminalStatus } from "./status.ts";

/** How many finished tasks of some kind are kept, and how long. */
interface Bounds {
  keep?: number;
  maxAgeMs?: number;
}

/** What a domain keeps of its finished tasks. A task goes by the bounds of its type, else by those of its status, else by the domain's. */
export interface Retention {
  keep: number;
  maxAgeMs: number;
  perStatus: Readonly<Partial<Record<TerminalStatus, Bounds>>>;
  perType: ReadonlyMap<string, Bounds>;
}

/** How many finished tasks there are of each status; and of those types that have a number of their own. */
export type Finished = Readonly<Record<TerminalStatus, number>>;
export type FinishedOfTypes = Readonly<Record<string, Partial<Record<TerminalStatus, number>>>>;

/** The tasks that are counted together: of one type, of one status, or all that have no number of their own. */
export function poolOf({ perStatus, perType }: Retention, type: string, status: TerminalStatus): string {
  if (perType.get(type)?.keep !== undefined) return `type ${type}`;
  return perStatus[status]?.keep === undefined ? "" : `status ${status}`;
}

/** How long such a task is kept, in ms. */
export const maxAgeOf = ({ perStatus, perType, maxAgeMs }: Retention, type: string, status: TerminalStatus): number =>
  perType.get(type)?.maxAgeMs ?? perStatus[status]?.maxAgeMs ?? maxAgeMs;

/** The shortest of them. */
export const leastMaxAge = ({ perStatus, perType, maxAgeMs }: Retention): number =>
  Math.min(maxAgeMs, ...[...Object.values(perStatus), ...perType.values()].map((bounds) => bounds.maxAgeMs ?? Infinity));

/** Types whose tasks are counted by themselves. */
export const countedTypes = ({ perType }: Retention): string[] =>
  [...perType].filter(([, { keep }]) => keep !== undefined).map(([type]) => type);

/**
 * How many tasks too many each pool has; those that have none too many are not in it.
 *
 * @param ofTypes of every type in `countedTypes`; types that are missing have none
 * @example `surplusOf(retention, { completed: 12_000, … }, {}).get("") // 2_000`
 */
export function surplusOf(retention: Retention, finished: Finished, ofTypes: FinishedOfTypes): Map<string, number> {
  const sizes = new Map<string, number>();
  const add = (pool: string, count: number) => sizes.set(pool, (sizes.get(pool) ?? 0) + count);
  for (const status of TERMINAL) add(retention.perStatus[status]?.keep === undefined ? "" : `status ${status}`, finished[status]);
  for (const [type, counts] of Object.entries(ofTypes)) {
    for (const status of TERMINAL) {
      const count = counts[status] ?? 0;
      add(retention.perStatus[status]?.keep === undefined ? "" : `status ${status}`, -count);
      add(`type ${type}`, count);
    }
  }
  const over = [...sizes].map(([pool, size]): [string, number] => [pool, size - keepOf(retention, pool)]);
  return new Map(over.filter(([, count]) => count > 0));
}

function keepOf({ keep, perStatus, perType }: Retention, pool: string): number {
  const [kind, name = ""] = pool.split(" ");
  if (kind === "type") return perType.get(name)?.keep ?? keep;
  return kind === "status" ? (perStatus[name as TerminalStatus]?.keep ?? keep) : keep;
}
