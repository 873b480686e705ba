import { parseTaskId } from "../../../policy/ids.ts";
import type { Outcome } from "../../../domains/task.ts";
import type { SubmitItem } from "../../protocol.ts";
import { countSize } from "../look/figures.ts";
import type { Core } from "../core.ts";

/** Requests of these sizes have come in. One of several tasks is one event; what is a duplicate is none. Part of their transaction. */
export function announceSubmits(core: Core, items: readonly SubmitItem[], outcomes: readonly Outcome[], sizes: readonly number[]): void {
  let first = 0;
  for (const size of sizes) {
    announce(core, items.slice(first, first + size), outcomes.slice(first, first + size));
    first += size;
  }
}

function announce(core: Core, items: readonly SubmitItem[], outcomes: readonly Outcome[]): void {
  if (items.length === 1) announceOne(core, items[0]!, outcomes[0]!);
  else if (outcomes.some(({ outcome }) => outcome !== "duplicate")) announceBatch(core, items, outcomes);
}

function announceOne(core: Core, { type, label, tags, priority }: SubmitItem, outcome: Outcome): void {
  if (outcome.outcome === "duplicate") return;
  const facts = { priority, ...(outcome.outcome === "inserted" ? {} : { outcome: outcome.outcome }) };
  core.events.record("task.submitted", [{ id: counterOf(outcome.id), type, label, tags }], facts);
}

function announceBatch(core: Core, items: readonly SubmitItem[], outcomes: readonly Outcome[]): void {
  const counts: Record<string, number> = {};
  const types: Record<string, number> = {};
  let first: string | undefined;
  let last: string | undefined;
  let common: Record<string, string> | undefined;
  for (const [index, one] of outcomes.entries()) {
    const { outcome, id } = one;
    counts[outcome] = (counts[outcome] ?? 0) + 1;
    if (outcome === "duplicate") continue;
    const { type, tags = {} } = items[index]!;
    types[type] = (types[type] ?? 0) + 1;
    common = common === undefined ? tags : shared(common, tags);
    if (!isNew(one)) continue;
    first ??= id;
    last = id;
  }
  const count = items.length - (counts.duplicate ?? 0);
  countSize(core, "batch", count);
  const hasTags = common !== undefined && Object.keys(common).length > 0;
  core.events.say("batch.submitted", { count, counts, types, ...(first ? { first, last } : {}), ...(hasTags ? { tags: common } : {}) });
}

/** Whether its id was given just now, and not to what it was joined with. */
function isNew(one: Outcome): boolean {
  if (one.outcome === "superseded") return counterOf(one.id) > counterOf(one.replacedId);
  return one.outcome === "inserted" || one.outcome === "requeued";
}

/** The tags that both have. */
function shared(some: Record<string, string>, others: Record<string, string>): Record<string, string> {
  const keys = Object.keys(some);
  if (keys.every((key) => others[key] === some[key])) return some;
  return Object.fromEntries(keys.filter((key) => others[key] === some[key]).map((key) => [key, some[key]!]));
}

const counterOf = (id: string): number => parseTaskId(id)!.counter;
