import type { History, HistoryBounds } from "../../../domains/definition.ts";
import { parseDuration } from "../../../policy/duration.ts";
import { LIMITS } from "../../../policy/limits.ts";
import { countedTypes, leastMaxAge, type Retention, surplusOf } from "../../../policy/retention.ts";
import { TERMINAL } from "../../../policy/status.ts";
import type { Core } from "../core.ts";
import { finishedCount, type State } from "../state.ts";

/** Retention has work once a slice too many is kept; never in a task's first minute. */
export function noteRetention(core: Core, now: number): void {
  const rules = retention(core);
  if (isOverfull(core.state, rules)) core.alarm.soon("purge", now + LIMITS.keepAtLeastMs);
  if (core.state.lingering.length > 0) core.alarm.soon("purge", now + LIMITS.keepAtLeastMs);
  core.state.agesAt ??= now + Math.min(leastMaxAge(rules), 86_400_000);
}

function isOverfull(state: State, rules: Retention): boolean {
  if (isCounted(rules)) return isCountDue(state, rules);
  // Most domains: one look.
  if (Object.keys(rules.perStatus).length === 0) return finishedCount(state) >= rules.keep + LIMITS.purgeSlice;
  return [...surplusOf(rules, state.counts, {}).values()].some((count) => count >= LIMITS.purgeSlice);
}

/** Whether some types are counted by themselves: nobody does so as tasks end, so a walk over the table begins with it. */
export const isCounted = (rules: Retention): boolean => countedTypes(rules).length > 0;

/** Such a walk is due when a slice of tasks has ended since the last one, or a twentieth of what is kept: about 20 rows read for each task. */
export function isCountDue(state: State, rules: Retention): boolean {
  if (!isCounted(rules)) return false;
  return state.walkedAt === null || endedTotal(state) - state.walkedAt >= Math.max(LIMITS.purgeSlice, finishedCount(state) / 20);
}

/** How many tasks have ended so far. */
export const endedTotal = ({ totals }: State): number => TERMINAL.reduce((sum, status) => sum + totals[status], 0);

const known = new WeakMap<History, Retention>();
const BUILT_IN: Retention = { keep: 10_000, maxAgeMs: 30 * 86_400_000, perStatus: {}, perType: new Map() };

/** What the domain keeps of its finished tasks. */
export function retention({ definition }: Core): Retention {
  if (!definition) return BUILT_IN;
  const { history } = definition;
  const rules = known.get(history) ?? read(history);
  known.set(history, rules);
  return rules;
}

function read(history: History): Retention {
  const bounds = ({ keep, maxAge }: HistoryBounds) => ({
    ...(keep === undefined ? {} : { keep }),
    ...(maxAge === undefined ? {} : { maxAgeMs: parseDuration(maxAge, "history.maxAge") }),
  });
  return {
    ...BUILT_IN,
    ...bounds(history),
    perStatus: Object.fromEntries(Object.entries(history.perStatus ?? {}).map(([status, of]) => [status, bounds(of)])),
    perType: new Map(Object.entries(history.perType ?? {}).map(([type, of]) => [type, bounds(of)])),
  };
}

/** How long retention leaves a task of that type alone, in ms from its end. */
export function keepAtLeastMs(core: Core, type: string): number {
  const given = core.definition?.types.get(type)?.keepAtLeast;
  return given === undefined ? LIMITS.keepAtLeastMs : parseDuration(given, "keepAtLeast");
}
