import type { Rate } from "../rate.ts";

/** Work without a group, as a key beside the names of groups: a name is never empty. */
export const UNGROUPED = "";

/** A ceiling that is none: as many slots as the largest mill has. */
export const UNCAPPED = 10_000;

/** What holds for one group now: the code's settings with the live ones over them. */
export interface GroupRules {
  /** Slots in the whole mill; absent: the mill's default for groups. */
  maxConcurrency?: number;
  /** Its part of the slots against the other groups'; absent: 1. */
  weight?: number;
  /** Slots that it gets before anybody else, as they come free. */
  minSlots?: number;
  /** How many of its tasks may start. */
  rate?: Rate;
}

/** Every setting of groups together. */
export interface GroupPolicy {
  /** Groups that have settings. Others may have tasks, too. */
  rules: ReadonlyMap<string, GroupRules>;
  /** The cap of a group that names none; null: no cap. */
  defaultMaxConcurrency: number | null;
}

/** A mill that says nothing about groups. */
export const NO_GROUPS: GroupPolicy = { rules: new Map(), defaultMaxConcurrency: null };

/** Slots that a group may occupy in the whole mill; infinite: no cap of its own. */
export function capOf({ rules, defaultMaxConcurrency }: GroupPolicy, group: string): number {
  if (group === UNGROUPED) return Number.POSITIVE_INFINITY;
  return rules.get(group)?.maxConcurrency ?? defaultMaxConcurrency ?? Number.POSITIVE_INFINITY;
}

/** Whether some group may be limited: then a holder starts only what its grant names. */
export function isClosed({ rules, defaultMaxConcurrency }: GroupPolicy): boolean {
  if (defaultMaxConcurrency !== null) return true;
  for (const { maxConcurrency, rate } of rules.values()) if (maxConcurrency !== undefined || rate !== undefined) return true;
  return false;
}

/** Whether slots are shared by weight: as soon as any group has a weight or a minimum. Until then priority alone decides. */
export function isFair({ rules }: GroupPolicy): boolean {
  for (const { weight, minSlots } of rules.values()) if (weight !== undefined || minSlots !== undefined) return true;
  return false;
}
